"""`ame broker call|list|dead`."""

import json
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ame import errors
from ame.cli import options
from ame.cli.main import Commands
from ame.cli.terminal import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ame import broker

Found = TypeVar("Found")
USUAL = (
    "rpc_exec_create_task",
    "rpc_exec_update_task",
    "rpc_exec_get_task_by_id",
    "rpc_exec_start_server_task",
    "rpc_exec_stop_server_task",
    "rpc_exec_client_requesting_task",
    "rpc_exec_update_user_info",
    "rpc_exec_get_user_info",
    "events",
)
"""The queues of a task manager."""

group = Commands(
    name="broker",
    help="Call functions of services through RabbitMQ, and look at their queues.",
    epilog="The broker is that of `AME_BROKER`, such as `amqps://USER:PASSWORD@HOST/`.",
    table={
        "call": ("ame.cli.broker:call", "Call a function and print what it returns."),
        "list": ("ame.cli.broker:list_", "List queues: who serves them, what waits."),
        "dead": ("ame.cli.broker:dead", "Look at messages that were refused."),
    },
)

_address = click.option(
    "--broker",
    "address",
    envvar="AME_BROKER",
    default="amqp://localhost",
    help="`amqp://USER:PASSWORD@HOST:PORT/VHOST`; `amqps` for TLS. [default: AME_BROKER]",
)
_timeout = click.option(
    "--timeout",
    type=options.Amount(0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds to wait for an answer.",
)


@click.command(
    epilog='Examples: `ame broker call rpc_exec_get_task_by_id \'{"task_id": "4fe5"}\'`; '
    "`ame broker call rpc_exec_create_task - < task.json`"
)
@click.argument("name")
@click.argument("arguments", default="{}", metavar="[JSON]")
@_address
@_timeout
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="What the function returns, or the whole answer with its status.",
)
def call(name: str, arguments: str, address: str, timeout: float, form: str) -> None:
    """Calls the function NAME with arguments in JSON, `-` for those on standard input.

    What it returns is printed as JSON. That it refuses, fails or does not answer is an error.
    """
    from ame.broker import message

    given = _json(sys.stdin.read() if arguments == "-" else arguments)

    async def calling(caller: "broker.Caller") -> dict[str, Any]:
        return await caller.ask(name, given, timeout)

    answer = _done(address, timeout, calling)
    if form == "json":
        click.echo(json.dumps(answer, indent=2))
    value = message.value_of(answer, name)
    if form == "text":
        click.echo(json.dumps(value, indent=2))


@click.command(name="list", epilog="Example: `ame broker list rpc_exec_get_task_by_id`")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_address
@_timeout
@options.json_or_text
def list_(names: tuple[str, ...], address: str, timeout: float, form: str) -> None:
    """Lists the queues of a task manager, or those that are named.

    `services` is how many take from a queue, `waiting` how many messages nobody has taken.
    """

    async def looking(caller: "broker.Caller") -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for name in names or USUAL:
            depth = await caller.depth(name, timeout)
            if depth is not None:
                rows.append({"queue": name, "services": depth.consumers, "waiting": depth.waiting})
        return rows

    _print(_done(address, timeout, looking), ("queue", "services", "waiting"), form)


@click.command(epilog="Examples: `ame broker dead`; `ame broker dead --remove`")
@click.argument("queue", default="ame.dead")
@_address
@_timeout
@click.option("--most", default=100, show_default=True, help="So many, the oldest first.")
@click.option("--remove", is_flag=True, help="Take them out of the queue.")
@options.json_or_text
def dead(queue: str, address: str, timeout: float, most: int, form: str, *, remove: bool) -> None:
    """Shows the messages in a QUEUE that keeps what services refused; they stay there.

    A broker keeps them if a policy says so; without one they are dropped.
    """

    async def looking(caller: "broker.Caller") -> list[dict[str, object]]:
        found = await caller.first(queue, most, timeout, remove=remove)
        return [
            {"function": each.type, "body": each.body.decode(errors="replace")} for each in found
        ]

    _print(_done(address, timeout, looking), ("function", "body"), form)


def _json(text: str) -> object:
    from ame.broker import message

    try:
        return message.arguments_of(text.encode(errors="surrogateescape"))
    except errors.MessageUnfit as error:
        raise click.UsageError(f"JSON: {error}") from None


def _done(
    address: str, timeout: float, work: "Callable[[broker.Caller], Awaitable[Found]]"
) -> Found:
    """What the work returns; that it waits for the broker is told on standard error at once."""
    import asyncio
    import logging

    from ame import broker

    shown = logging.StreamHandler()
    shown.setFormatter(
        logging.Formatter(f"%(message)s. It ends after {timeout:g} s (`--timeout`), or by Ctrl-C")
    )

    async def doing() -> Found:
        async with broker.Caller(broker.opened(address)) as caller:
            return await work(caller)

    told = logging.getLogger("ame.broker")
    told.addHandler(shown)
    try:
        return asyncio.run(doing())
    finally:
        told.removeHandler(shown)


def _print(rows: list[dict[str, object]], head: tuple[str, ...], form: str) -> None:
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo(shown.table(head, [[str(row[name]) for name in head] for row in rows]))
