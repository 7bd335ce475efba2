"""`ame population create|list|pause|resume`."""

from pathlib import Path

import click

from ame.cli import remote
from ame.cli.main import Commands
from ame.cli.options import FILE, json_or_text
from ame.cli.terminal import shown

group = Commands(
    name="population",
    help="Populations: the devices that do the same tasks.",
    table={
        "create": ("ame.cli.fleet.population:create", "Make a population."),
        "list": ("ame.cli.fleet.population:list_", "List the populations."),
        "pause": ("ame.cli.fleet.population:pause", "Give its devices no tasks for a while."),
        "resume": ("ame.cli.fleet.population:resume", "Give its devices tasks again."),
    },
)


@click.command()
@click.argument("name")
@click.option(
    "--eligibility-plan",
    "plan",
    type=FILE,
    help="A ClientOnlyPlan by whose graph each device finds out which tasks it may do.",
)
@click.option("--eligibility-checkpoint", "checkpoint", type=FILE, help="What that plan reads.")
@remote.server_option
def create(name: str, plan: Path | None, checkpoint: Path | None, server: str) -> None:
    """Makes the population NAME. Of one that is there, what is named changes."""
    made = remote.ask(server, "PUT", remote.population(name), {})
    for path, part in ((checkpoint, "checkpoint"), (plan, "plan")):
        if path is not None:
            remote.send(server, "PUT", made["eligibility_urls"][part], path.read_bytes())
    click.echo(f"population `{name}` is there")


@click.command()
@click.argument("name")
@remote.server_option
def pause(name: str, server: str) -> None:
    """Gives the devices of NAME no tasks; those that have one go on."""
    remote.know(server, name)
    remote.ask(server, "PUT", remote.population(name), {"paused": True})
    click.echo(f"population `{name}` is paused")


@click.command()
@click.argument("name")
@remote.server_option
def resume(name: str, server: str) -> None:
    """Gives the devices of NAME tasks again."""
    remote.know(server, name)
    remote.ask(server, "PUT", remote.population(name), {"paused": False})
    click.echo(f"population `{name}` goes on")


@click.command("list")
@remote.server_option
@json_or_text
def list_(server: str, form: str) -> None:
    """Lists the populations of a server."""
    found = remote.ask(server, "GET", "populations")
    none = "no populations yet: `ame population create NAME` makes one"
    shown.print_list(found, form, "\n".join(found), none=none)
