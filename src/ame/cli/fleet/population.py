"""`ame population create|list`."""

import click

from ame.cli import remote
from ame.cli.main import Commands
from ame.cli.options import json_or_text
from ame.cli.terminal import shown

group = Commands(
    name="population",
    help="Populations: the devices that do the same tasks.",
    table={
        "create": ("ame.cli.fleet.population:create", "Make a population."),
        "list": ("ame.cli.fleet.population:list_", "List the populations."),
    },
)


@click.command()
@click.argument("name")
@remote.server_option
def create(name: str, server: str) -> None:
    """Makes the population NAME. One that is there stays as it is."""
    remote.ask(server, "PUT", f"populations/{name}", {})
    click.echo(f"population `{name}` is there")


@click.command("list")
@remote.server_option
@json_or_text
def list_(server: str, form: str) -> None:
    """Lists the populations of a server."""
    found = remote.ask(server, "GET", "populations")
    if form == "json":
        click.echo(shown.as_json(found))
        return
    click.echo("\n".join(found) or "no populations yet: `ame population create NAME` makes one")
