"""Round trips of calls over a real RabbitMQ, beside a bare echo on the same client library.

The echo publishes, answers and acknowledges as calls do, and does nothing else: no schema, no
ids that are remembered, no time-outs. Services are processes of their own; echo and calls take
turns, several times, in one run. Usage: python benchmarks/rpc.py [ROUNDS]
"""

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import pika
from measure import machine, table
from pika.adapters.asyncio_connection import AsyncioConnection

from ame import broker
from ame.storage import databases
from ame.storage.answers import Answers
from parts.servers import rabbitmq

ARGUMENTS = {"task_id": "4fe5", "arguments": "10 0.1"}
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"task_id": {"type": "string"}, "arguments": {"type": "string"}},
    "required": ["task_id"],
    "additionalProperties": False,
}
CALLS = {1: 500, 64: 3000}
PREFETCH = 64
DIRECT = "amq.rabbitmq.reply-to"
Call = Callable[[], Awaitable[object]]


async def channel_at(port: int) -> Any:
    loop = asyncio.get_running_loop()
    opened, ready = loop.create_future(), loop.create_future()
    where = pika.ConnectionParameters("127.0.0.1", port)
    AsyncioConnection(where, on_open_callback=opened.set_result, custom_ioloop=loop)
    (await opened).channel(on_open_callback=ready.set_result)
    return await ready


async def echo_service(port: int) -> None:
    channel = await channel_at(port)

    def take(_: Any, how: Any, what: Any, body: bytes) -> None:
        kept = pika.BasicProperties(correlation_id=what.correlation_id)
        channel.basic_publish("", what.reply_to, body, kept)
        channel.basic_ack(how.delivery_tag)

    channel.basic_qos(prefetch_count=PREFETCH)
    channel.queue_declare("echo")
    channel.basic_consume("echo", take)
    print("ready", flush=True)
    await asyncio.Event().wait()


@asynccontextmanager
async def echo(port: int) -> AsyncIterator[Call]:
    channel = await channel_at(port)
    loop = asyncio.get_running_loop()
    waiting: dict[str, asyncio.Future[bytes]] = {}

    def answered(_: Any, __: Any, what: Any, body: bytes) -> None:
        waiting.pop(what.correlation_id).set_result(body)

    channel.basic_consume(DIRECT, answered, auto_ack=True)

    async def call() -> bytes:
        id_ = uuid4().hex
        waiting[id_] = loop.create_future()
        what = pika.BasicProperties(type="echo", reply_to=DIRECT, correlation_id=id_)
        body = json.dumps(ARGUMENTS).encode()
        channel.basic_publish("", "echo", body, what, mandatory=True)
        return await waiting[id_]

    yield call
    channel.connection.close()


async def service(port: int, folder: str) -> None:
    async def waiting(arguments: object) -> object:
        return arguments

    answers = Answers(databases.opened(f"{folder}/answers", "cloud"))
    served = broker.Service(
        broker.opened(f"amqp://127.0.0.1:{port}"), prefetch=PREFETCH, answers=answers
    )
    served.function("waiting", SCHEMA, waiting)
    served.function("plain", SCHEMA, lambda arguments: arguments)
    served.once("once", SCHEMA, lambda _, arguments: arguments)
    await served.open()
    print("ready", flush=True)
    await asyncio.Event().wait()


@asynccontextmanager
async def calls(port: int, function: str) -> AsyncIterator[Call]:
    async with broker.Caller(broker.opened(f"amqp://127.0.0.1:{port}")) as caller:
        yield lambda: caller.call(function, ARGUMENTS)


async def timed(call: Call, at_once: int, number: int) -> tuple[float, float]:
    """Round trips a second, and milliseconds within which 99 of 100 were back."""
    spent: list[float] = []
    left = iter(range(number))

    async def one_after_another() -> None:
        for _ in left:
            begin = time.perf_counter()
            await call()
            spent.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    rate = number / (time.perf_counter() - begin)
    return rate, sorted(spent)[int(number * 0.99)] * 1e3


async def compare(port: int, rounds: int) -> list[list[str]]:
    forms: dict[str, Callable[[], Any]] = {
        "bare echo": lambda: echo(port),
        "call, coroutine function": lambda: calls(port, "waiting"),
        "call, plain function in a thread": lambda: calls(port, "plain"),
        "call, answer kept in SQLite, synced": lambda: calls(port, "once"),
    }
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for at_once, number in CALLS.items():
            for name, form in forms.items():
                async with form() as call:
                    await timed(call, at_once, 100)
                    figures = await timed(call, at_once, number)
                    found.setdefault((name, at_once), []).append(figures)
    rows = []
    for (name, at_once), figures in found.items():
        pairs = zip(figures, found["bare echo", at_once], strict=True)
        ratio = statistics.median(own / bare for (own, _), (bare, _) in pairs)
        rate, late = (statistics.median(each) for each in zip(*figures, strict=True))
        rows.append([name, str(at_once), f"{rate:,.0f}", f"{late:.1f}", f"{ratio:.2f}"])
    return rows


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with (
        tempfile.TemporaryDirectory() as folder,
        rabbitmq.running(Path(folder) / "broker", schedulers="") as run,
    ):
        print(f"{machine()}\n")
        with contextlib.ExitStack() as ending:
            for role in ("echo", "service"):
                argv = [sys.executable, __file__, role, str(run.port), folder]
                started = subprocess.Popen(argv, stdout=subprocess.PIPE)
                ending.callback(started.wait)
                ending.callback(started.kill)
                assert started.stdout is not None
                started.stdout.readline()
                ending.callback(started.stdout.close)
            rows = asyncio.run(compare(run.port, rounds))
        print(table(["", "at once", "round trips/s", "p99, ms", "of the echo"], rows))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["echo", port, _]:
            asyncio.run(echo_service(int(port)))
        case ["service", port, folder]:
            asyncio.run(service(int(port), folder))
        case _:
            main()
