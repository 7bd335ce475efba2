"""`ame cloud user list|show|update|delete`."""

from typing import Any
from urllib.parse import quote

import click

from ame.cli import remote
from ame.cli.options import json_or_text
from ame.cli.terminal import shown

USER = click.argument("user")
HEAD = ("USER", "EXAMPLES", "SENSORS", "ACCURACY", "DISCONNECTIONS")


def _at(user: str) -> str:
    return f"cloud/users/{quote(user, safe='')}"


def _row(user: dict[str, Any]) -> tuple[str, ...]:
    values = (
        user["ID"],
        user["data_qnt"],
        ",".join(user["sensors"] or []),
        user["avg_acc_contrib"],
        user["avg_disconnection_per_round"],
    )
    return tuple("" if value is None else str(value) for value in values)


@click.command("list")
@remote.server_option
@json_or_text
def list_(server: str, form: str) -> None:
    """Lists the clients, with what they have registered of themselves."""
    found = remote.ask(server, "GET", "cloud/users")
    none = "no clients yet: `ame site run NAME` is one"
    shown.print_list(found, form, shown.table(HEAD, map(_row, found)), none=none)


@click.command()
@USER
@remote.server_option
@json_or_text
def show(user: str, server: str, form: str) -> None:
    """Shows USER, and the running tasks that are for it."""
    found = remote.ask(server, "GET", _at(user))
    if form == "json":
        click.echo(shown.as_json(found))
        return
    click.echo(shown.table(HEAD, [_row(found)]))
    click.echo("tasks: " + (" ".join(found["tasks"]) or "none"))


@click.command()
@USER
@click.option("--data-qnt", type=int, help="How many examples it has.")
@click.option("--sensor", "sensors", multiple=True, help="A sensor; may be given again.")
@click.option("--acc-contrib", "avg_acc_contrib", type=float, help="What it adds to accuracy.")
@click.option(
    "--disconnections",
    "avg_disconnection_per_round",
    type=float,
    help="How often it is lost in a round.",
)
@remote.server_option
def update(user: str, server: str, **given: Any) -> None:  # noqa: ANN401 - options
    """Registers USER, or changes what is given of it."""
    said = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value not in (None, ())
    }
    remote.ask(server, "PUT", _at(user), said)
    click.echo(f"client `{user}` is registered")


@click.command()
@USER
@remote.server_option
def delete(user: str, server: str) -> None:
    """Forgets USER; it is known again when it registers."""
    remote.ask(server, "DELETE", _at(user))
    click.echo(f"client `{user}` is deleted")
