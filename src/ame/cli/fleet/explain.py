"""`ame fleet explain`."""

import click

from ame.cli import remote
from ame.cli.options import json_or_text
from ame.cli.terminal import shown


@click.command()
@click.argument("population")
@click.argument("session")
@remote.server_option
@json_or_text
def command(population: str, session: str, server: str, form: str) -> None:
    """Says what a device of POPULATION was given in SESSION, or why it was given nothing."""
    found = remote.ask(
        server, "GET", f"sessions/{remote.quoted(population)}/{remote.quoted(session)}"
    )
    if form == "json":
        click.echo(shown.as_json(found))
        return
    for each in found["assignments"]:
        click.echo(f"task {each['task']}, round {each['round']}: {each['status']}")
    if found["refused"] and not found["assignments"]:
        click.echo(f"no task: {found['refused']}")
    if found["ended"]:
        click.echo("the session is over")
