"""`ame cloud task create|list|show|update|delete`."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import click

from ame.cli import remote
from ame.cli.options import json_or_text
from ame.cli.terminal import shown

TASK = click.argument("task")
RUNS = ("RUN", "STATE", "STARTED", "REASON")
Command = TypeVar("Command", bound=Callable[..., Any])


def at(task: str, rest: str = "") -> str:
    """The path of a task in the interface of the server."""
    return f"cloud/tasks/{quote(task, safe='')}{rest}"


def _fields(command: Command) -> Command:
    """Options of what a task may have, all optional."""
    for option in (
        click.option("--restart", help="`never`, or `on-failure:3`."),
        click.option("--tag", "tags", multiple=True, help="A tag; may be given again."),
        click.option("--client-arguments", help="What clients are started with."),
        click.option("--server-arguments", help="What the server is started with."),
        click.option("--criterion", help="Which clients get it: `data_qnt > 50`."),
        click.option(
            "--file", "files", multiple=True, help="A file that clients download; repeatable."
        ),
    ):
        command = option(command)
    return command


def _said(given: dict[str, Any]) -> dict[str, Any]:
    """The fields that were given, under the names that the server knows."""
    names = {"criterion": "selection_criteria", "files": "files_paths", "task": "task_id"}
    kept = {name: value for name, value in given.items() if value not in (None, ())}
    return {
        names.get(name, name): list(value) if isinstance(value, tuple) else value
        for name, value in kept.items()
    }


@click.command(
    epilog="Example: `ame cloud task create 4fe5 --port 8080 --username u --password p "
    "--file client.py --criterion 'data_qnt > 50 and \"camera\" in sensors'`"
)
@TASK
@click.option("--host", default="localhost", show_default=True, help="Where clients find it.")
@click.option("--port", default=0, show_default=True, help="0 takes one that is free.")
@click.option("--username", default="user", show_default=True, help="Of those who download.")
@click.option("--password", help="The same. [default: a random one]")
@_fields
@remote.server_option
def create(task: str, password: str | None, server: str, **given: Any) -> None:  # noqa: ANN401 - options
    """Registers TASK. Its code is uploaded by `ame cloud task files`."""
    import secrets

    password = password or secrets.token_urlsafe(16)
    said = {"files_paths": [], **_said({"task": task, "password": password, **given})}
    remote.ask(server, "POST", "cloud/tasks", said)
    click.echo(f"task `{task}` is registered")


@click.command("list")
@remote.server_option
@json_or_text
def list_(server: str, form: str) -> None:
    """Lists the tasks with the states of their newest runs."""
    found = remote.ask(server, "GET", "cloud/tasks")
    rows = [
        (
            each["ID"],
            each["state"],
            str(each["service"]["port"] if each["service"] else each["port"]),
            each["run"] or "",
            each["reason"],
        )
        for each in found
    ]
    head = ("TASK", "STATE", "PORT", "RUN", "REASON")
    none = "no tasks yet: `ame cloud task create TASK` registers one"
    shown.print_list(found, form, shown.table(head, rows), none=none)


@click.command()
@TASK
@remote.server_option
@json_or_text
def show(task: str, server: str, form: str) -> None:
    """Shows TASK and its runs, the newest first."""
    found = remote.ask(server, "GET", at(task))
    gone = remote.ask(server, "GET", at(task, "/runs"))
    if form == "json":
        click.echo(shown.as_json({**found, "runs": gone}))
        return
    for name in ("ID", "state", "reason", "host", "port", "username", "selection_criteria"):
        click.echo(f"{name + ':':20} {found[name] if found[name] is not None else ''}")
    for name in ("files_paths", "tags", "server_arguments", "client_arguments", "restart"):
        value = found[name]
        said = " ".join(value) if isinstance(value, list) else value or ""
        click.echo(f"{name + ':':20} {said}")
    if found["service"]:
        said = " ".join(f"{name}={value}" for name, value in found["service"].items())
        click.echo(f"{'service:':20} {said}")
    if gone:
        rows = [
            (each["name"], each["state"], each["started"] or "", each["reason"]) for each in gone
        ]
        click.echo("\n" + shown.table(RUNS, rows))


@click.command()
@TASK
@click.option("--host", help="Where clients find it.")
@click.option("--port", type=int, help="0 takes one that is free.")
@click.option("--username", help="Of those who download.")
@click.option("--password", help="The same.")
@_fields
@remote.server_option
def update(task: str, server: str, **given: Any) -> None:  # noqa: ANN401 - options
    """Changes what is given of TASK; a server that runs goes on as it was started."""
    said = _said(given)
    if not said:
        raise click.UsageError("say what is to be changed, such as --criterion; --help lists all")
    remote.ask(server, "PATCH", at(task), said)
    click.echo(f"task `{task}` is changed")


@click.command()
@TASK
@click.option("--stop", is_flag=True, help="End its server first, if it runs.")
@remote.server_option
def delete(task: str, server: str, *, stop: bool) -> None:
    """Forgets TASK and its code. Its runs stay in the list of runs."""
    remote.ask(server, "DELETE", at(task) + ("?stop=1" if stop else ""))
    click.echo(f"task `{task}` is deleted")
