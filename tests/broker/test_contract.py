"""Clients and services that know nothing of ame, written on pika alone, with ours."""

import base64
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import pika
import pytest

from microservice_interconnect import BaseService, RpcClient, register_event, rpc_send
from parts.servers import rabbitmq

SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"task_id": {"type": "string"}},
    "required": ["task_id"],
    "additionalProperties": False,
}


def name() -> str:
    return f"rpc_exec_{uuid4().hex}"


def connected(port: int) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))


class Unreadable(pika.BasicProperties):
    """With headers that pika cannot read: a time that no calendar has."""

    def encode(self) -> list[bytes]:
        plain: bytes = b"".join(super().encode())  # type: ignore[no-untyped-call]  # as below
        (flags,) = struct.unpack_from(">H", plain)
        table = b"\x01xT" + struct.pack(">Q", 1 << 62)
        headers = struct.pack(">I", len(table)) + table
        return [struct.pack(">H", flags | self.FLAG_HEADERS), plain[2:6], headers, plain[6:]]


def properties(**named: object) -> pika.BasicProperties:
    if named.pop("headers", None) == "unreadable":
        return Unreadable(content_type="a", content_encoding="b", **named)  # type: ignore[no-untyped-call]  # as below
    return pika.BasicProperties(**named)  # type: ignore[no-untyped-call]  # pika leaves it untyped


def put(port: int, function: str, body: bytes, **odd: Any) -> None:
    """What a client sends that may be wrong in any way; the broker may end its connection."""
    connection = connected(port)
    with suppress(pika.exceptions.AMQPError):
        connection.channel().basic_publish("", function, body, properties(**odd))
        connection.close()


def old_call(port: int, function: str, body: bytes, kind: str | None = None, **more: Any) -> Any:
    """What a client of the contract does: a queue of its own for the answer."""
    connection = connected(port)
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    id_ = str(uuid4())
    answers: list[tuple[pika.BasicProperties, bytes]] = []
    channel.basic_consume(
        queue, lambda _, __, what, got: answers.append((what, got)), auto_ack=True
    )
    wanted = properties(
        type=function if kind is None else kind, reply_to=queue, correlation_id=id_, **more
    )
    channel.basic_publish("", function, body, wanted)
    while not answers:
        connection.process_data_events(time_limit=1)
    ((what, got),) = answers
    assert what.correlation_id == id_
    assert {key: value for key, value in vars(what).items() if value} == {"correlation_id": id_}
    connection.close()
    return json.loads(got)


@contextmanager
def old_service(port: int, function: str) -> Iterator[list[Any]]:
    """What a service of the contract does, which answers with what it got; yields that."""
    connection = connected(port)
    channel = connection.channel()
    channel.queue_declare(function)
    got: list[Any] = []

    def take(_: Any, how: Any, what: pika.BasicProperties, body: bytes) -> None:
        got.append((what.type, json.loads(body)))
        answer = json.dumps({"status_code": 200, "return": json.loads(body)})
        kept = properties(correlation_id=what.correlation_id)
        if what.reply_to:
            channel.basic_publish("", what.reply_to, answer.encode(), kept)
        channel.basic_ack(how.delivery_tag)

    channel.basic_consume(function, take)
    thread = threading.Thread(target=channel.start_consuming)
    thread.start()
    try:
        yield got
    finally:
        connection.add_callback_threadsafe(channel.stop_consuming)
        thread.join()
        connection.close()


@contextmanager
def serving(port: int, *functions: Any, **options: Any) -> Iterator[BaseService]:
    service = BaseService(broker_host="127.0.0.1", broker_port=port, **options)
    for function in functions:
        service.add_api_endpoint(function.__name__, SCHEMA, function)
    service.start(background=True)
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture
def port(broker_of_all: rabbitmq.RabbitMQ) -> int:
    return broker_of_all.port


def test_a_client_of_the_contract_calls_our_service(port: int) -> None:
    def get(received: dict[str, str]) -> object:
        if received["task_id"] == "none":
            raise KeyError("no task none")
        return [received, None]

    get.__name__ = name()
    with serving(port, get):
        assert old_call(port, get.__name__, b'{"task_id": "a"}') == {
            "status_code": 200,
            "return": [{"task_id": "a"}, None],
        }
        assert old_call(port, get.__name__, b'{"task_id": "none"}') == {
            "status_code": 500,
            "exception": "'no task none'",
        }
        refused = old_call(port, get.__name__, b'{"task": "a"}')
        assert refused["status_code"] == 400
        assert refused["exception"].startswith(
            f"{get.__name__} cannot be executed due to invalid arguments: "
        )
        assert "On instance:\n    {'task': 'a'}" in refused["exception"]
        assert old_call(port, get.__name__, b"{}", kind="rpc_exec_fly") == {
            "status_code": 500,
            "exception": "rpc_exec_fly is an invalid RPC function",
        }


def test_no_message_that_cannot_be_answered_or_read_keeps_others_from_being_served(
    port: int,
) -> None:
    def get(received: dict[str, str]) -> object:
        return received["task_id"]

    get.__name__ = name()
    direct = "amq.rabbitmq.reply-to"
    process = base64.b64encode(b"\x83Xv\x00\x03a@b" + bytes(12)).decode()
    with serving(port, get):
        for number in range(8):  # more than are in hand at once
            for odd in (
                {},
                {"reply_to": f"{direct}.none"},
                {"reply_to": f"{direct}.g1h2AA5yZXBseQ==.bm9uZQ=="},
                {"reply_to": f"{direct}.g1h2.%%%"},
                {"reply_to": f"{direct}.{process}.bm9uZQ==", "correlation_id": str(number // 4)},
                {"reply_to": "no queue at all", "correlation_id": "1"},
                {"reply_to": get.__name__},
                {"correlation_id": b"\xff", "reply_to": b"\xfe", "type": b"\xfd"},
                {"headers": "unreadable"},
            ):
                put(port, get.__name__, b'{"task_id": "odd"}', **odd)
        answer = old_call(port, get.__name__, b'{"task_id": "a"}')

    assert answer == {"status_code": 200, "return": "a"}


def test_a_message_with_headers_that_cannot_be_read_is_answered(port: int) -> None:
    def get(received: dict[str, str]) -> object:
        return received["task_id"]

    get.__name__ = name()
    with serving(port, get):
        answer = old_call(port, get.__name__, b'{"task_id": "a"}', headers="unreadable")

    assert answer == {"status_code": 200, "return": "a"}


def test_our_client_calls_a_service_of_the_contract(port: int) -> None:
    function = name()
    with old_service(port, function) as got:
        answer = rpc_send(function, {"task_id": "b"}, host="127.0.0.1", port=port)
        assert answer == {"status_code": 200, "return": {"task_id": "b"}}
        client = RpcClient(function, "127.0.0.1", port)
        assert client.call({"task_id": "c"})["return"] == {"task_id": "c"}
        client.close()
        assert got == [(function, {"task_id": "b"}), (function, {"task_id": "c"})]


def test_a_queue_that_others_declared_otherwise_is_taken_as_it_is(port: int) -> None:
    def get(received: object) -> object:
        return received

    get.__name__ = name()
    connection = connected(port)
    connection.channel().queue_declare(get.__name__, durable=True, arguments={"x-max-length": 5})
    with serving(port, get):
        assert old_call(port, get.__name__, b'{"task_id": "a"}')["status_code"] == 200
    connection.close()


def test_our_queues_are_declared_as_services_of_the_contract_declare_them(port: int) -> None:
    def get(received: object) -> object:
        return received

    get.__name__ = name()
    connection = connected(port)
    with serving(port, get):
        connection.channel().queue_declare(get.__name__)
    connection.close()


def test_services_of_the_contract_are_called_in_the_thread_that_serves(port: int) -> None:
    threads: list[threading.Thread] = []

    def get(received: object) -> None:
        threads.append(threading.current_thread())

    def end(received: object) -> None:
        threading.Thread(target=service.stop).start()

    get.__name__, end.__name__ = name(), name()
    service = BaseService(broker_host="127.0.0.1", broker_port=port)
    service.add_api_endpoint(get.__name__, None, get)
    service.add_api_endpoint(end.__name__, None, end)
    client = threading.Thread(
        target=lambda: [
            rpc_send(each, {}, "127.0.0.1", port) for each in (get.__name__, end.__name__)
        ]
    )
    client.start()
    service.start()
    client.join()
    assert threads == [threading.current_thread()]


def test_words_of_errors_are_hidden_where_that_is_wished(port: int) -> None:
    def get(received: object) -> None:
        raise ValueError("a password")

    get.__name__ = name()
    with serving(port, get, hide_error_info=True):
        assert old_call(port, get.__name__, b'{"task_id": "a"}') == {
            "status_code": 500,
            "exception": "Internal error",
        }


def test_an_event_has_the_form_of_the_contract(port: int) -> None:
    with old_service(port, "events") as got:
        register_event("cloud_ml", "rpc_exec_create_task", "Begin", True, "127.0.0.1", port)
        register_event("cloud_ml", "rpc_exec_create_task", "no", False, "127.0.0.1", port)
        rpc_send("events", {"last": True}, "127.0.0.1", port)
    event = got[0][1]
    assert isinstance(event.pop("time"), float)
    assert event == {
        "service": "cloud_ml",
        "function": "rpc_exec_create_task",
        "event": "Begin",
    }
    assert got[1][1] == {"last": True}


def test_what_keeps_an_answer_from_coming_is_an_answer_too(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = rpc_send("rpc_exec_nothing", {}, "127.0.0.1", port, timeout=30)
    assert nobody["status_code"] == 404
    assert "rpc_exec_nothing" in nobody["exception"]
    assert rpc_send("rpc_exec_nothing", {}, "127.0.0.1", 1, timeout=0.2)["status_code"] == 503
    assert rpc_send("rpc_exec_nothing", object(), "127.0.0.1", port)["status_code"] == 400
    monkeypatch.setenv("AME_BROKER", "amqp://guest:wrong@")
    denied = rpc_send("rpc_exec_nothing", {}, "127.0.0.1", port)
    assert denied["status_code"] == 503
    assert "refuses" in denied["exception"]
    assert "wrong" not in denied["exception"]
