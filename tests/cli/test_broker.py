"""`ame broker`, against a real RabbitMQ."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ame import errors
from ame.cli.main import root
from microservice_interconnect import BaseService, RpcClient
from parts.servers import rabbitmq


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbitmq.RabbitMQ]:
    def task(arguments: dict[str, Any]) -> object:
        if arguments.get("task_id") == "none":
            raise KeyError("none")
        return [arguments]

    with rabbitmq.running(tmp_path_factory.mktemp("rabbitmq")) as broker:
        service = BaseService(broker_host="127.0.0.1", broker_port=broker.port)
        service.add_api_endpoint("rpc_exec_get_task_by_id", {"type": "object"}, task)
        service.start(background=True)
        yield broker
        service.stop()


def ame(broker: rabbitmq.RabbitMQ, *words: str, said: str = "") -> Result:
    return CliRunner().invoke(
        root, ["broker", *words], input=said, env={"AME_BROKER": broker.address}
    )


def test_a_function_is_called_and_what_it_returns_is_printed(running: rabbitmq.RabbitMQ) -> None:
    called = ame(running, "call", "rpc_exec_get_task_by_id", '{"task_id": "4fe5"}')
    assert json.loads(called.output) == [{"task_id": "4fe5"}]

    called = ame(running, "call", "rpc_exec_get_task_by_id", "-", said='{"task_id": "4fe5"}')
    assert json.loads(called.output) == [{"task_id": "4fe5"}]

    called = ame(running, "call", "rpc_exec_get_task_by_id", "--format", "json")
    assert json.loads(called.output) == {"status_code": 200, "return": [{}]}


def test_what_goes_wrong_is_an_error(running: rabbitmq.RabbitMQ) -> None:
    failed = ame(running, "call", "rpc_exec_get_task_by_id", '{"task_id": "none"}')
    assert isinstance(failed.exception, errors.FunctionFailed)
    refused = ame(running, "call", "rpc_exec_get_task_by_id", "[]", "--format", "json")
    assert isinstance(refused.exception, errors.FunctionRefused)
    assert json.loads(refused.output)["status_code"] == 400
    unserved = ame(running, "call", "rpc_exec_fly")
    assert isinstance(unserved.exception, errors.FunctionUnserved)
    broken = ame(running, "call", "rpc_exec_get_task_by_id", "{")
    assert broken.exit_code == 2
    assert "no JSON" in broken.output


def test_queues_are_listed(running: rabbitmq.RabbitMQ) -> None:
    listed = ame(running, "list")
    assert [line.split() for line in listed.output.splitlines()] == [
        ["queue", "services", "waiting"],
        ["rpc_exec_get_task_by_id", "1", "0"],
    ]
    assert json.loads(ame(running, "list", "nothing", "--format", "json").output) == []


def test_dead_messages_are_shown_and_removed(running: rabbitmq.RabbitMQ) -> None:
    missing = ame(running, "dead", "graveyard")
    assert isinstance(missing.exception, errors.QueueUnknown)

    made = BaseService(broker_host="127.0.0.1", broker_port=running.port)
    made.add_api_endpoint("graveyard", None, print)
    made.start(background=True)
    made.stop()
    RpcClient("graveyard", "127.0.0.1", running.port).publish({"a": 1})
    for more in ([], ["--remove"]):
        shown = ame(running, "dead", "graveyard", "--format", "json", *more)
        assert json.loads(shown.output) == [{"function": "", "body": '{"a": 1}'}]
    assert json.loads(ame(running, "dead", "graveyard", "--format", "json").output) == []


def test_help_needs_no_client_of_rabbitmq() -> None:
    script = """
import sys
from ame.cli.main import root
try:
    root(["broker", "--help"])
finally:
    assert not {"pika", "jsonschema", "asyncio"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_that_a_broker_is_waited_for_is_told_at_once_and_without_its_password() -> None:
    """It is heard while the command still waits; Ctrl-C gives up."""
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    address = f"amqp://someone:hush@127.0.0.1:{port}/"
    script = "from ame.cli.main import main; main()"
    words = ("broker", "call", "rpc_exec_fly", "--broker", address, "--timeout", "600")
    command = (sys.executable, "-c", script, *words)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        told = waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        rest = waiting.stderr.read()
    silent.close()
    assert f"127.0.0.1:{port}" in told
    assert "waiting for it" in told
    assert "600 s (`--timeout`), or by Ctrl-C" in told
    assert "hush" not in told + rest
    assert rest.strip() == "cancelled"


@pytest.mark.parametrize("seconds", ["0", "-1"])
def test_a_call_has_some_time(seconds: str) -> None:
    called = CliRunner().invoke(root, ["broker", "call", "rpc_exec_fly", "--timeout", seconds])
    assert called.exit_code == 2
    assert "--timeout" in called.output
