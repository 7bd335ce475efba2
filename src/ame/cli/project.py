"""`ame project init|add|validate|schema`, and `ame init`, `ame validate`."""

import json
from pathlib import Path

import click

from ame import errors, project
from ame.cli import exits
from ame.cli.main import Commands
from ame.storage import home, projects

group = Commands(
    name="project",
    help="The project file: write a first one, check it, make it known to other projects.",
    table={
        "init": ("ame.cli.project:init", "Write a first ame.yml in this folder."),
        "add": ("ame.cli.project:add", "Make a project known to others by its name."),
        "validate": ("ame.cli.project:validate", "Check the ame.yml, and say all that is wrong."),
        "schema": ("ame.cli.project:schema", "Print the JSON Schema of an ame.yml."),
    },
)


@click.command(epilog="Example: `ame init digits`")
@click.argument("name", required=False)
def init(name: str | None) -> None:
    """Writes a first `ame.yml` into this folder; NAME is the folder's unless it is given."""
    folder = Path.cwd()
    for file in (folder / known for known in project.NAMES):
        if file.exists():
            raise errors.ProjectThere(file)
    text = project.first(name or project.name_of(folder))
    try:
        with (folder / project.NAMES[0]).open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise errors.ProjectThere(folder / project.NAMES[0]) from None
    click.echo("Project initialised; run its task with `ame task run hello`")


@click.command(epilog="Example: `ame project add ../shared_templates`")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path), default=Path())
def add(folder: Path) -> None:
    """Makes the project in DIR known, so that other projects find it by its name."""
    found = _registered().add(folder)
    click.echo(f"{found.name} is registered at {found.folder.resolve()}")


@click.command(epilog="Example: `ame project validate --format json`")
@click.argument("place", metavar="[PLACE]", type=click.Path(path_type=Path), required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def validate(ctx: click.Context, place: Path | None, form: str) -> None:
    """Checks a project file, and all that its tasks refer to. PLACE is a folder or a file.

    Without it, the project of this folder, or of the nearest above, is checked.

    Prints each fault as FILE:LINE:COLUMN: KEY: MESSAGE, and exits with 3 when there is one.
    """
    try:
        found = project.read(place or project.around(Path()))
        faults = project.check(found, _registered())
    except errors.ProjectInvalid as error:
        faults = error.faults
    if form == "json":
        listed = [{**fault._asdict(), "file": str(fault.file)} for fault in faults]
        click.echo(json.dumps({"valid": not faults, "faults": listed}, indent=2))
    else:
        for fault in faults:
            click.echo(str(fault), err=True)
    if faults:
        ctx.exit(exits.code_of(errors.ProjectInvalid(faults)))
    if form == "text":
        click.echo(f"{found.file} is valid")


@click.command(epilog="Example: `ame project schema > ame.schema.json`")
@click.option(
    "--tags-as-keys", is_flag=True, help="For files with `poetry:` in place of `!poetry`."
)
def schema(*, tags_as_keys: bool) -> None:
    """Prints the JSON Schema of a project file, for editors that complete and check YAML."""
    click.echo(json.dumps(project.schema(tagged=not tags_as_keys), indent=2))


def _registered() -> projects.RegisteredProjects:
    return projects.RegisteredProjects(home.home())
