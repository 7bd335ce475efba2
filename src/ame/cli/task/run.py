"""`ame task run`: runs a task of the project in this folder, on this machine."""

import sys
from pathlib import Path

import click

from ame import errors, project, runs
from ame.cli import completion, exits
from ame.cli.options import open_home
from ame.cli.terminal import shown
from ame.cli.terminal.progress import Progress


@click.command(
    "run",
    epilog="""\b
Examples:
  ame task run                      pick a task from a list
  ame task run train --logs         show what the steps print
  ame task run train -- --epochs 3  add arguments to the command
  ame task run --resume train-k3p9x2   continue from the step that failed
""",
)
@click.argument("name", required=False, shell_complete=completion.tasks)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("-l", "--local", is_flag=True, help="Run on this machine; this is so without it.")
@click.option("--logs", is_flag=True, help="Show what the steps print, as they print it.")
@click.option("--fit", is_flag=True, help="Ask for no more than this machine has.")
@click.option("--fresh", is_flag=True, help="Do cached steps again.")
@click.option(
    "--resume",
    metavar="RUN",
    shell_complete=completion.run_names,
    help="Continue from the step at which RUN failed.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="What to print at the end: tables, or the run as JSON.",
)
def command(
    *,
    name: str | None,
    arguments: tuple[str, ...],
    local: bool,
    logs: bool,
    fit: bool,
    fresh: bool,
    resume: str | None,
    form: str,
) -> None:
    """Runs a task and waits for its end.

    NAME is a task of the project in this folder or above; left out, a list is offered. The exit
    code is 0 when the run succeeded, 1 when it failed, 130 when it was cancelled.
    """
    del local
    from ame.engine.start import Wish, start

    with open_home() as home:
        folder = project.around(Path.cwd())
        if resume:
            earlier = home.store.find(resume)
            if earlier.kind != "task":
                raise errors.ResumedElsewhere(earlier.name, earlier.kind)
            resume, folder = earlier.name, Path(earlier.folder)
            name = name or earlier.task
            arguments = arguments or earlier.arguments
        if name is None:
            name = _pick(project.read(folder))
        wish = Wish(
            folder=folder,
            task=name,
            arguments=arguments,
            fit=fit,
            fresh=fresh,
            resume=resume or "",
        )
        with Progress(logs=logs, quiet=form == "json") as watcher:
            finished = start(wish, home, watcher)
        with shown.while_it_is_read():
            if form == "json":
                click.echo(shown.as_json(shown.finished(finished, home.store)))
            else:
                shown.print_end(finished, home, tails=not logs)
    match finished.run.state:
        case runs.State.FAILED:
            raise click.exceptions.Exit(exits.CODES[errors.Failed])
        case runs.State.CANCELLED:
            raise click.exceptions.Exit(exits.INTERRUPTED)


def _pick(written: project.Project) -> str:
    """Asks which task to run."""
    names = [task.name for task in written.tasks]
    if not names:
        raise errors.NotFound(f"{written.file}: has no tasks; write one below `tasks:`")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(f"say which task to run: {', '.join(names)}")
    for number, name in enumerate(names, 1):
        click.echo(f"{number:3}  {name}")
    choice = click.prompt("Task (number or name)", type=_Choice(names))
    return str(choice)


class _Choice(click.ParamType[str]):
    """A name of the list, or its number."""

    name = "task"

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The name that was meant; the start of a name is enough where it is the only one."""
        text = str(value)
        if text in self._names:
            return text
        if text.isdecimal() and 1 <= int(text) <= len(self._names):
            return self._names[int(text) - 1]
        begun = [name for name in self._names if name.startswith(text)]
        if len(begun) == 1:
            return begun[0]
        return self.fail(f"`{text}` is none of them", param, ctx)
