"""The surface over HTTP, given anything: no request makes the server fail, or tell of itself."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ame.protocol import calls
from server import fleets

METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "")
SECRETS = (b"Traceback", b"sqlite", b'File "', b"/tmp/", b"blobs/")
FIXED = (
    "/v1/resources/", "/v1/gradients/", "/v1/artifacts/", "/upload/v1/media/", "/v1/keys",
    "/api/v1/populations", "/api/v1/tasks", "/api/v1/populations/p/tasks", "/healthz",
    "/api/v1/populations/p/tasks/1/checkpoint", "/api/v1/sessions/p/x", "/v1/operations/x",
)  # fmt: skip


def known_paths() -> st.SearchStrategy[str]:
    """Paths of calls, with anything where an id should be."""
    word = st.text(max_size=12) | st.sampled_from(["p", "1", "-1", "..", "%", "%2F", "a.b", "٣"])
    templates = st.sampled_from([call.path for call in calls.CALLS])

    def filled(path: str, values: list[str]) -> str:
        parts = path.replace("}", "{").split("{")
        given = iter(values)
        return "".join(next(given) if place % 2 else part for place, part in enumerate(parts))

    return st.builds(filled, templates, st.lists(word, min_size=6, max_size=6))


def fixed_paths() -> st.SearchStrategy[str]:
    return st.builds("{}{}".format, st.sampled_from(FIXED), st.text(max_size=30))


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes, bytes, list[tuple[bytes, bytes]], bytes]:
    path = draw(known_paths() | fixed_paths() | st.text(max_size=30))
    body = draw(st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b'{"a": 1}', b"[" * 999]))
    if draw(st.booleans()):
        body = draw(st.sampled_from([gzip.compress(body), gzip.compress(body)[:-3]]))
    names = st.sampled_from(
        ["content-type", "content-encoding", "accept", "accept-encoding", "authorization", "host",
         "x-goog-api-key"]
    )  # fmt: skip
    values = st.sampled_from(
        ["gzip", "application/json", "application/x-protobuf", "Bearer x", "a@b:1/..", "br"]
    ) | st.text(st.characters(max_codepoint=255), max_size=20)
    headers = [
        (name.encode(), value.encode("latin-1"))
        for name, value in draw(st.dictionaries(names, values, max_size=4)).items()
    ]
    query = draw(
        st.sampled_from(["", "%24alt=proto", "%24alt=json", "gzip=1", "&&=%", "alt=json&alt=x"])
        | st.text(max_size=10)
    )
    method = draw(st.sampled_from(METHODS))
    raw = path.encode("utf-8", "surrogatepass")
    return method, raw, query.encode("utf-8", "surrogatepass"), headers, body


class Fleet:
    """A server whose loop goes on between examples."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self._using = fleets.running(folder, str(folder / "fleet.sqlite"))
        self.server = self.loop.run_until_complete(self._using.__aenter__())
        self.loop.run_until_complete(self.server.task())

    def ask(self, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        site = self.server.peer.client._transport.app  # type: ignore[attr-defined]  # ASGITransport has it
        self.loop.run_until_complete(site(scope, receive, send))
        return sent[0]["status"], sent[1]["body"]

    def close(self) -> None:
        self.loop.run_until_complete(self._using.__aexit__(None, None, None))
        self.loop.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Any:
    running = Fleet(tmp_path_factory.mktemp("fuzzed"))
    yield running
    running.close()


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(request=requests())
def test_nothing_that_is_asked_makes_the_server_fail_or_tell_of_itself(
    fleet: Fleet, request: tuple[str, bytes, bytes, list[tuple[bytes, bytes]], bytes]
) -> None:
    method, path, query, headers, body = request
    scope = {
        "type": "http",
        "method": method,
        "raw_path": path,
        "path": path.decode(errors="replace"),
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "scheme": "http",
    }

    status, said = fleet.ask(scope, body)

    assert status < 500 or status == 501, said
    assert not any(secret in said for secret in SECRETS)


def test_the_server_still_serves_after_all_that(fleet: Fleet) -> None:
    session = fleet.loop.run_until_complete(fleet.server.peer.session())
    given = fleet.loop.run_until_complete(fleet.server.peer.assignment(session.session_id))
    assert given.HasField("task_assignment") or given.HasField("rejection_info")
