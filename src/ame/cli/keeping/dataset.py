"""`ame ds`: the data sets that are kept on this machine."""

import click

from ame import errors
from ame.cli import completion
from ame.cli.main import Commands
from ame.cli.options import json_or_text, open_home
from ame.cli.terminal import shown

group = Commands(
    name="ds",
    help="The data sets that are kept on this machine.",
    table={
        "list": ("ame.cli.keeping.dataset:list_", "List the data sets that have been made."),
        "remove": ("ame.cli.keeping.dataset:remove", "Forget one, so that it is made again."),
    },
)


@click.command("list")
@json_or_text
def list_(*, form: str) -> None:
    """Lists the data sets that have been made, with their project and size."""
    with open_home() as home:
        kept = home.datasets.list()
    if form == "json":
        click.echo(shown.as_json([shown.fields(each) for each in kept]))
        return
    rows = [
        (
            each.name,
            each.project,
            shown.size(each.size),
            each.created.astimezone().isoformat(sep=" ", timespec="seconds"),
        )
        for each in kept
    ]
    click.echo(shown.table(("Name", "Project", "Size", "Made"), rows))


@click.command("remove")
@click.argument("name", shell_complete=completion.dataset_names)
@click.option("--project", default="", help="Of this project, where several have one of the name.")
def remove(*, name: str, project: str) -> None:
    """Forgets a data set; the next task that loads it has it made again."""
    with open_home() as home:
        found = [
            each
            for each in home.datasets.list()
            if each.name == name and project in {"", each.project}
        ]
        if not found:
            raise errors.DatasetNotKept(name)
        for each in found:
            home.datasets.remove(each)
            click.echo(f"{each.project}.{each.name} removed")
