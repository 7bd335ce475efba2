"""One service over every wire."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import aio
from hypothesis import given
from hypothesis import strategies as st

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.calls import Call
from ame.protocol.pb import odp_task_assignments as odp
from ame.protocol.pb import operations, status
from ame.protocol.pb import task_assignments as ta
from ame.protocol.wires import Caller, Pending, grpc, http, memory

START, SEVERAL, REPORT = calls.ASSIGNMENTS
LIMIT = 1 << 20
Send = Callable[[Call, Message], Awaitable[Any]]


@dataclass
class Echo:
    """Answers with what it was asked."""

    seen: list[tuple[Call, Caller]] = field(default_factory=list)

    async def answer(self, call: Call, request: Any, caller: Caller) -> Message | Pending:
        self.seen.append((call, caller))
        waits = request.session_id == "wait" or (
            request.session_id == "wait twice" and len(self.seen) <= 2
        )
        if call is START and waits:
            metadata = ta.StartTaskAssignmentMetadata()
            metadata.polling_interval.FromMilliseconds(250)
            return Pending(operation="operations/7", metadata=metadata)
        if call is START:
            reply = ta.StartTaskAssignmentResponse()
            reply.task_assignment.session_id = request.session_id
            reply.task_assignment.task_name = request.population_name
            return reply
        if call is REPORT:
            raise errors.Unauthenticated("who are you?")
        raise errors.RunNotFound("r")


async def over_grpc(service: Echo, use: Callable[[Send], Awaitable[None]]) -> None:
    for wrapped in (False, True):
        server = aio.server()
        server.add_generic_rpc_handlers(grpc.handlers(service, operations_answered=wrapped))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await use(grpc.Client(channel=channel, operations_answered=wrapped).send)
        await server.stop(None)


async def over_memory(service: Echo, use: Callable[[Send], Awaitable[None]]) -> None:
    await use(memory.Client(service=service).send)


async def over_http(service: Echo, use: Callable[[Send], Awaitable[None]]) -> None:
    async def send(call: Call, request: Message) -> Message:
        method, target, body = http.request(call, request)
        path, _, query = target.partition("?")
        asked = http.read(
            method,
            path,
            query,
            {"content-encoding": "gzip"},
            gzip.compress(body),
            limit=LIMIT,
        )
        try:
            reply = await service.answer(asked.call, asked.request, Caller(fields=asked.fields))
            answer = http.answer(asked, reply)
        except errors.Error as error:
            answer = http.refusal(error, asked.form)
        return http.reply(call, answer.status, answer.body)

    await use(send)


WIRES = [over_grpc, over_memory, over_http]


def plain(call: Call, reply: Any) -> Any:
    return http.outcome(call, reply) if isinstance(reply, operations.Operation) else reply


@pytest.mark.parametrize("wire", WIRES)
def test_a_request_arrives_whole_and_its_reply_too(wire: Any) -> None:
    async def use(send: Send) -> None:
        request = ta.StartTaskAssignmentRequest(population_name="p/ü", session_id="s")
        reply = plain(START, await send(START, request))
        assert reply.task_assignment.session_id == "s"
        assert reply.task_assignment.task_name == "p/ü"

    asyncio.run(wire(Echo(), use))


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_wrong_is_said_with_its_status(wire: Any) -> None:
    async def use(send: Send) -> None:
        ids: Any = {"population_name": "p", "session_id": "s"}
        with pytest.raises(errors.CallFailed, match="who are you") as failed:
            await send(REPORT, ta.ReportTaskResultRequest(**ids))
        assert failed.value.code == statuses.UNAUTHENTICATED
        with pytest.raises(errors.CallFailed) as failed:
            await send(SEVERAL, ta.PerformMultipleTaskAssignmentsRequest(**ids))
        assert failed.value.code == statuses.NOT_FOUND

    asyncio.run(wire(Echo(), use))


def test_an_operation_that_is_under_way_is_said_so_with_its_metadata() -> None:
    async def use(send: Send) -> None:
        request = ta.StartTaskAssignmentRequest(population_name="p", session_id="wait")
        reply = await send(START, request)
        assert (reply.name, reply.done) == ("operations/7", False)
        kept = ta.StartTaskAssignmentMetadata()
        assert reply.metadata.Unpack(kept)
        assert kept.polling_interval.ToMilliseconds() == 250
        assert http.outcome(START, reply) is None

    asyncio.run(over_http(Echo(), use))


def test_what_is_not_there_yet_is_waited_for_where_no_operation_can_say_so() -> None:
    echo = Echo()

    async def use(send: Send) -> None:
        echo.seen.clear()
        request = ta.StartTaskAssignmentRequest(population_name="p", session_id="wait twice")
        reply = await send(START, request)
        if isinstance(reply, operations.Operation):
            assert not reply.done
        else:
            assert plain(START, reply).task_assignment.task_name == "p"
            assert len(echo.seen) == 3

    asyncio.run(over_grpc(echo, use))


def test_what_is_no_message_is_refused_over_grpc_as_over_http() -> None:
    async def use() -> None:
        server = aio.server()
        server.add_generic_rpc_handlers(grpc.handlers(Echo()))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            ask: Any = channel.unary_unary(f"/{START.service}/{START.name}")
            with pytest.raises(aio.AioRpcError, match="the message cannot be read") as refused:
                await ask(b"\xff\xff")
            assert refused.value.code().name == "INVALID_ARGUMENT"
        await server.stop(None)

    asyncio.run(use())


def test_ids_stand_in_the_path_alone() -> None:
    request = ta.StartTaskAssignmentRequest(population_name="p", session_id="s")

    assert http.request(START, request) == (
        "POST",
        "/v1/populations/p/taskassignments/s:start?%24alt=proto",
        b"",
    )


def test_json_is_read_and_answered() -> None:
    body = json.dumps({"resourceCapabilities": {}, "taskNames": ["a"], "later": 1}).encode()
    headers = {"content-type": "application/json; charset=utf-8"}

    asked = http.read(
        "POST",
        "/v1/populations/p/taskassignments/s:performmultiple",
        "",
        headers,
        body,
        limit=LIMIT,
    )

    assert list(asked.request.task_names) == ["a"]  # type: ignore[attr-defined]  # by its call
    reply = ta.PerformMultipleTaskAssignmentsResponse(task_assignments=[{"task_name": "a"}])
    answer = http.answer(asked, reply)
    assert answer.type == "application/json"
    assert json.loads(answer.body) == {"taskAssignments": [{"taskName": "a"}]}
    refused = http.refusal(errors.CallUnknown("GET", "/"), "json")
    assert (refused.status, json.loads(refused.body)["code"]) == (404, 5)


def test_an_assignment_of_the_odp_dialect_is_answered_with_created() -> None:
    path = "/taskassignment/v1/population/p:create-task-assignment"
    asked = http.read("POST", path, "%24alt=proto", {}, b"", limit=LIMIT)
    made, refused = odp.CreateTaskAssignmentResponse(), odp.CreateTaskAssignmentResponse()
    made.task_assignment.task_id = "1"
    refused.rejection_info.SetInParent()

    assert http.answer(asked, made).status == 201
    assert http.answer(asked, refused).status == 200
    assert asked.fields == {"population_name": "p"}


@pytest.mark.parametrize(
    ("encoding", "body", "error"),
    [
        ("", b"x" * 101, errors.RequestTooLarge),
        ("gzip", gzip.compress(bytes(10_000_000)), errors.RequestTooLarge),
        ("gzip", gzip.compress(b"abc" * 9)[:-9], errors.RequestMalformed),
        ("gzip", b"plain", errors.RequestMalformed),
        ("br", b"", errors.RequestMalformed),
    ],
    ids=["long", "bomb", "cut off", "plain", "unknown"],
)
def test_a_body_that_is_too_long_cut_off_or_something_else_is_refused(
    encoding: str, body: bytes, error: type[errors.Error]
) -> None:
    with pytest.raises(error):
        http.unpacked(body[:100_000], encoding, limit=100)


@given(st.sampled_from(calls.CALLS), st.binary(), st.sampled_from(["", "application/json"]))
def test_any_body_is_a_message_or_is_refused(call: Call, body: bytes, form: str) -> None:
    path = call.filled(dict.fromkeys(call.names, "operations/x"))
    headers: Mapping[str, str] = {"content-type": form}
    if "name" not in call.names:
        path = call.filled(dict.fromkeys(call.names, "x"))

    with suppress(errors.RequestMalformed):
        asked = http.read(call.method, path, "", headers, body, limit=LIMIT)
        assert asked.call is call


def test_a_refusal_without_a_status_in_its_body_is_understood() -> None:
    with pytest.raises(errors.CallFailed, match="HTTP 503"):
        http.reply(START, 503, b"<html>")
    said = status.Status(message="no room").SerializeToString()
    with pytest.raises(errors.CallFailed, match="no room") as failed:
        http.reply(START, 429, said)
    assert failed.value.code == statuses.RESOURCE_EXHAUSTED


def test_an_operation_with_an_error_or_another_message_is_no_reply() -> None:
    failed = operations.Operation(done=True, error={"code": 9, "message": "too late"})
    with pytest.raises(errors.CallFailed, match="too late"):
        http.outcome(START, failed)

    other = operations.Operation(done=True)
    other.response.Pack(ta.ClientStats())
    with pytest.raises(errors.RequestMalformed, match="ClientStats"):
        http.outcome(START, other)
