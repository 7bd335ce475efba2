"""`ame artifact`: the files that runs have saved."""

import fnmatch
import hashlib
import sys
from pathlib import Path

import click

from ame import errors, runs
from ame.cli import completion
from ame.cli.main import Commands
from ame.cli.options import json_or_text, open_home
from ame.cli.terminal import shown

group = Commands(
    name="artifact",
    help="The files that runs have saved.",
    table={
        "list": ("ame.cli.keeping.artifact:list_", "List the files that a run has saved."),
        "get": ("ame.cli.keeping.artifact:get", "Copy files that a run has saved."),
    },
)


@click.command("list", epilog="\b\nExample:\n  ame artifact list train")
@click.argument("run", shell_complete=completion.run_names)
@json_or_text
def list_(*, run: str, form: str) -> None:
    """Lists the files that a run has saved.

    RUN is a run's unique name, or a task's name for its newest run.
    """
    with open_home() as home:
        artifacts = home.store.artifacts(home.store.find(run).name)
    if form == "json":
        click.echo(shown.as_json([shown.fields(each) for each in artifacts]))
        return
    rows = [(each.path, shown.size(each.size), each.step) for each in artifacts]
    click.echo(shown.table(("Path", "Size", "Step"), rows))


@click.command(
    "get",
    epilog="""\b
Examples:
  ame artifact get train model.npz          into this folder, under its own path
  ame artifact get train -o results         all files, into the folder `results`
  ame artifact get train metrics.csv -o -   to standard output
""",
)
@click.argument("run", shell_complete=completion.run_names)
@click.argument("paths", nargs=-1, shell_complete=completion.artifacts)
@click.option("-o", "--output", default=".", help="A folder, or a file when one path is named.")
@click.option("--step", default="", help="What this step saved, where later ones saved it too.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def get(*, run: str, paths: tuple[str, ...], output: str, step: str, force: bool) -> None:
    """Copies files that a run has saved.

    PATHS are paths or patterns of files; left out, all are copied.
    """
    with open_home() as home:
        found = home.store.find(run)
        saved = _saved(found, home.store, step)
        chosen = [each for each in saved if not paths or _matches(each.path, paths)]
        for path in paths:
            if not any(_matches(each.path, (path,)) for each in saved):
                raise errors.ArtifactNotFound(path, found.name, [each.path for each in saved])
        if not chosen:
            click.echo(f"`{found.name}` has saved no files", err=True)
        if output == "-":
            for each in chosen:
                with home.blobs.open(each.digest) as content:
                    while part := content.read(1 << 20):
                        sys.stdout.buffer.write(part)
            return
        for each in chosen:
            target = _target(each, chosen, Path(output))
            if target.exists() and not force and not _holds(target, each):
                raise errors.FileThere(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            home.blobs.copy_to(each.digest, target, each.mode)
            click.echo(str(target))


def _saved(run: runs.Run, store: runs.Store, step: str) -> tuple[runs.Artifact, ...]:
    """Of each path the file that is meant: that of the step, else that of the last one."""
    steps = [each for each in store.steps(run.name) if step in {"", each.name}]
    if not steps:
        names = ", ".join(each.name for each in store.steps(run.name))
        raise click.UsageError(f"no step `{step}`; there are {names}")
    return runs.latest(store.artifacts(run.name), steps)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(
        path == pattern
        or path.startswith(f"{pattern.rstrip('/')}/")
        or fnmatch.fnmatchcase(path, pattern)
        for pattern in patterns
    )


def _holds(target: Path, artifact: runs.Artifact) -> bool:
    """Whether the file has that content already."""
    if not target.is_file():
        return False
    with target.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == artifact.digest


def _target(artifact: runs.Artifact, chosen: list[runs.Artifact], output: Path) -> Path:
    """One file goes to the very name that was given, unless a folder has it."""
    if len(chosen) == 1 and str(output) != "." and not output.is_dir():
        return output
    return output / artifact.path
