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
    """Says what became of what a device of POPULATION got in SESSION, or why it got nothing."""
    found = remote.ask(
        server, "GET", f"sessions/{remote.quoted(population)}/{remote.quoted(session)}"
    )
    if form == "json":
        click.echo(shown.as_json(found))
        return
    for each in found["assignments"]:
        why = f": {each['reason']}" if each["reason"] else ""
        click.echo(f"task {each['task']}, round {each['round']}: {each['status']}{why}")
    if found["refused"] and not found["assignments"]:
        click.echo(f"no task: {found['refused']}")
    if found["ended"]:
        click.echo("the session is over")
