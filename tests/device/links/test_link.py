"""How a device reaches servers."""

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from google.protobuf.message import Message

from ame import errors
from ame.device.links.link import Link
from ame.device.links.transport import Response
from ame.protocol import statuses
from ame.protocol.pb import common, operations
from ame.protocol.pb import task_assignments as ta
from ame.protocol.pb.status import Status
from ame.protocol.wires import Pending, http

ASKED = ta.StartTaskAssignmentRequest(population_name="p", session_id="a/b")


@dataclass
class Answers:
    """A server that says one thing after another."""

    replies: list[Message | Pending | int]
    seen: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        self.seen.append((method, url, headers, body))
        reply = self.replies.pop(0)
        if isinstance(reply, int):
            return Response(status=reply, type="", body=b"")
        path = url.removeprefix("https://f").partition("?")[0]
        asked = http.read(method, path, "", {}, b"", limit=9)
        answer = http.answer(asked, reply)
        return Response(status=answer.status, type=answer.type, body=answer.body)


def linked(answers: Answers, slept: list[float], **more: str) -> Link:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    return Link(transport=answers, server="https://f", sleep=sleep, draw=lambda: 0.5, **more)  # type: ignore[arg-type]  # strings all


def pending(seconds: float | None) -> Pending:
    metadata = ta.StartTaskAssignmentMetadata()
    if seconds is not None:
        metadata.polling_interval.FromMilliseconds(int(seconds * 1000))
    return Pending(operation="operations/7", metadata=metadata)


def waiting(seconds: float | None) -> operations.Operation:
    made = operations.Operation(name="operations/7")
    made.metadata.Pack(pending(seconds).metadata)
    return made


def done(code: int = 0) -> operations.Operation:
    made = operations.Operation(name="operations/7", done=True)
    if code:
        made.error.code = code
    else:
        made.response.Pack(ta.StartTaskAssignmentResponse())
    return made


@pytest.mark.parametrize(
    ("interval", "slept"), [(2.0, 2.0), (None, 0.5), (-1.0, 0.5), (600.0, 60.0)]
)
def test_an_operation_is_asked_for_as_often_as_the_server_wants(
    interval: float | None, slept: float
) -> None:
    answers, times = Answers([pending(interval), waiting(interval), done()]), list[float]()

    reply = asyncio.run(linked(answers, times).ask("StartTaskAssignment", ASKED))

    assert reply == ta.StartTaskAssignmentResponse()
    assert times == [slept, slept]
    start = "https://f/v1/populations/p/taskassignments/a%2Fb:start?%24alt=proto"
    look = "https://f/v1/operations/7?%24alt=proto"
    assert [each[:2] for each in answers.seen] == [("POST", start), ("GET", look), ("GET", look)]


def test_an_operation_that_failed_says_why() -> None:
    answers = Answers([pending(1), done(statuses.ABORTED)])

    with pytest.raises(errors.CallFailed, match="ABORTED"):
        asyncio.run(linked(answers, []).ask("StartTaskAssignment", ASKED))


def test_an_operation_that_is_not_waited_for_is_cancelled() -> None:
    async def go() -> list[str]:
        answers = Answers([pending(1), 200])
        link = Link(transport=answers, server="https://f", sleep=lambda _: asyncio.sleep(600))
        task = asyncio.create_task(link.ask("StartTaskAssignment", ASKED))
        while not answers.seen:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return [each[1].partition("?")[0] for each in answers.seen]

    assert asyncio.run(go())[1:] == ["https://f/v1/operations/7:cancel"]


def test_a_server_that_is_not_there_is_asked_again_later_and_later() -> None:
    answers, times = Answers([503, 503, ta.StartTaskAssignmentResponse()]), list[float]()

    asyncio.run(linked(answers, times).ask("StartTaskAssignment", ASKED))

    assert times == [pytest.approx(0.4 + 0.8), pytest.approx(0.4 + 0.8 * 1.3)]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 429, 500, 501])
def test_what_was_refused_is_not_asked_again(status: int) -> None:
    answers = Answers([status])

    with pytest.raises(errors.CallFailed) as failed:
        asyncio.run(linked(answers, []).ask("StartTaskAssignment", ASKED))

    assert failed.value.code == statuses.from_http(status)
    assert len(answers.seen) == 1


@pytest.mark.parametrize("status", [409, 503])
def test_why_a_server_refuses_is_heard_of_uploads_and_downloads_too(status: int) -> None:
    class Refuses(Answers):
        async def send(self, *request: object) -> Response:
            said = Status(code=statuses.from_http(status), message="it is full").SerializeToString()
            return Response(status=status, type="application/x-protobuf", body=said)

    link = linked(Refuses([]), [])
    for doing in (
        link.ask("StartTaskAssignment", ASKED),
        link.download("https://f/plan"),
        link.upload(b"result", common.ByteStreamResource(resource_name="r")),
    ):
        with pytest.raises(errors.CallFailed) as failed:
            asyncio.run(doing)
        assert (failed.value.code, failed.value.said) == (statuses.from_http(status), "it is full")


def test_a_device_goes_where_it_is_sent_with_the_headers_that_it_is_given() -> None:
    at = common.ForwardingInfo(
        target_uri_prefix="https://f/", extra_request_headers={"x-of-theirs": "1"}
    )
    answers = Answers([ta.StartTaskAssignmentResponse()])

    asyncio.run(linked(answers, [], key="k").ask("StartTaskAssignment", ASKED, at))

    _, url, headers, body = answers.seen[0]
    assert url.startswith("https://f/v1/populations")
    assert headers["x-of-theirs"] == "1"
    assert headers["x-goog-api-key"] == "k"
    assert "content-type" not in headers  # ids are in the path, and nothing else was said
    assert body == b""


def test_what_is_uploaded_is_compressed() -> None:
    resource = common.ByteStreamResource(resource_name="a b/c")
    answers = Answers([200])

    asyncio.run(linked(answers, []).upload(b"0" * 9999, resource))

    _, url, headers, body = answers.seen[0]
    assert url == "https://f/upload/v1/media/a%20b/c?upload_protocol=raw"
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == b"0" * 9999


@pytest.mark.parametrize(
    ("address", "insecure"),
    [
        ("http://fleet.example", False),
        ("ftp://fleet.example", True),
        ("http://127.1.a", False),
    ],
)
def test_an_address_that_others_can_listen_to_is_refused(address: str, insecure: bool) -> None:
    with pytest.raises(errors.AddressUnsafe, match=address):
        Link(transport=Answers([]), server=address, insecure=insecure)


@pytest.mark.parametrize(
    "address", ["https://fleet.example", "http://localhost:1", "http://127.0.0.1:1", "http://[::1]"]
)
def test_an_address_that_nobody_can_listen_to_is_taken(address: str) -> None:
    assert Link(transport=Answers([]), server=address).server == address


def test_a_device_is_not_sent_into_the_open() -> None:
    at = common.ForwardingInfo(target_uri_prefix="http://fleet.example")

    with pytest.raises(errors.AddressUnsafe):
        asyncio.run(linked(Answers([]), []).ask("StartTaskAssignment", ASKED, at))
