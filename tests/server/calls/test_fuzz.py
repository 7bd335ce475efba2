"""The surface over HTTP, given anything: no request makes the server fail, or tell of itself."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ame.protocol import calls
from ame.protocol.pb import aggregations, odp_task, task_assignments
from ame.protocol.tensors import checkpoint, fcv1
from server import fleets

METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "")
SECRETS = (b"Traceback", b"sqlite", b'File "', b"/tmp/", b"blobs/")
FIXED = (
    "/v1/resources/", "/v1/gradients/", "/v1/artifacts/", "/upload/v1/media/", "/v1/keys",
    "/api/v1/populations", "/api/v1/tasks", "/api/v1/populations/p/tasks", "/healthz",
    "/api/v1/populations/p/tasks/1/checkpoint", "/api/v1/sessions/p/x", "/v1/operations/x",
    "/v1/slices/", "/v1/slices/SLICES/words/", "/v1/artifacts/GRAPH", "/v1/artifacts/PARTS",
    "/api/v1/populations/", "/api/v1/sessions/p/SESSION", "/v1/operations/OPERATION",
)  # fmt: skip


MESSAGES = (
    task_assignments.StartTaskAssignmentRequest(
        task_eligibility_info={"task_weights": [{"task_name": "p/1", "weight": float("nan")}]}
    ).SerializeToString(),
    task_assignments.PerformMultipleTaskAssignmentsRequest(
        task_names=["p/1", "", "p/9"]
    ).SerializeToString(),
    task_assignments.ReportTaskResultRequest(
        computation_status_code="INTERNAL"
    ).SerializeToString(),
    odp_task.CreateTaskRequest(
        task={"total_iteration": 1, "min_aggregation_size": -1, "max_parallel": -3}
    ).SerializeToString(),
    odp_task.CreateTaskRequest(
        task={"total_iteration": 2**40, "min_aggregation_size": 2**62}
    ).SerializeToString(),
    checkpoint.to_bytes(fleets.update(1, 2, 3)),
    fcv1.to_bytes(fleets.update(1, 2, 3))[:-7],
)
TOKENS = (
    "SESSION", "AUTHORIZATION", "CLIENT", "UPLOAD", "GRADIENT", "ARTIFACT", "ASSIGNMENT", "SLICES",
    "GRAPH", "PARTS", "OPERATION",
)  # fmt: skip
"""Stand in paths and bodies for what the server has given out."""


def known_paths() -> st.SearchStrategy[tuple[str, str]]:
    """Methods and paths of calls, with what is right or anything where an id should be."""
    right = st.sampled_from(["p", "1", *TOKENS])
    word = right | right | st.text(max_size=12) | st.sampled_from(["-1", "..", "%", "a.b", "٣"])

    def filled(call: calls.Call, values: list[str]) -> tuple[str, str]:
        return call.method, call.filled(dict(zip(call.names, values, strict=True)))

    def named(call: calls.Call) -> st.SearchStrategy[tuple[str, str]]:
        return st.builds(filled, st.just(call), st.tuples(*[_word(n, word) for n in call.names]))

    return st.sampled_from(calls.CALLS).flatmap(named)


def _word(name: str, others: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    usual = {"population_name": "p", "session_id": "SESSION", "task_id": "1"}
    tokens = {
        "authorization_token": "AUTHORIZATION",
        "client_token": "CLIENT",
        "assignment_id": "ASSIGNMENT",
    }
    known = (usual | tokens).get(name)
    return others if known is None else st.sampled_from([known] * 6) | others


def fixed_paths() -> st.SearchStrategy[str]:
    return st.builds(
        "{}{}".format, st.sampled_from(FIXED), st.sampled_from(TOKENS) | st.text(max_size=30)
    )


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes, bytes, list[tuple[bytes, bytes]], bytes]:
    method = draw(st.sampled_from(METHODS))
    if draw(st.integers(0, 3)):
        usual, path = draw(known_paths())
        method = draw(st.just(usual) | st.just(usual) | st.just(method))
    else:
        path = draw(fixed_paths() | st.text(max_size=30))
    body = draw(
        st.just(b"")
        | st.binary(max_size=60)
        | st.sampled_from([b"{}", b"[]", b'{"a": 1}', b"[" * 999])
        | st.sampled_from(list(MESSAGES))
    )
    if not draw(st.integers(0, 5)):
        body = draw(st.sampled_from([gzip.compress(body), gzip.compress(body)[:-3]]))
    names = st.sampled_from(
        ["content-type", "content-encoding", "accept", "accept-encoding", "authorization", "host",
         "x-goog-api-key", "x-forwarded-for", "odp-authorization-key", "odp-authentication-key",
         "odp-idempotency-key"]
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
    raw = path.encode("utf-8", "surrogatepass")
    return method, raw, query.encode("utf-8", "surrogatepass"), headers, body


class Fleet:
    """A server whose loop goes on between examples."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self._using = fleets.running(folder, str(folder / "fleet.sqlite"))
        self.server = self.loop.run_until_complete(self._using.__aenter__())
        self.loop.run_until_complete(self.server.task())
        self._given = self.loop.run_until_complete(self._tokens())

    async def _tokens(self) -> dict[str, str]:
        peer, tokens = self.server.peer, self.server.app.fleet.tokens
        session = (await peer.session()).session_id
        given = (await peer.assignment(session)).task_assignment
        number = given.authorization_token.split(".")[0]
        start = aggregations.StartAggregationDataUploadRequest(
            aggregation_id=given.aggregation_id, authorization_token=given.authorization_token
        )
        place = await peer.ask("StartAggregationDataUpload", start)
        until = int(self.server.clock.now + 1000)
        return {
            "SESSION": session,
            "AUTHORIZATION": given.authorization_token,
            "CLIENT": place.client_token,
            "UPLOAD": place.resource.resource_name,
            "GRADIENT": tokens.make("gradient", f"{number}.{until}"),
            "ARTIFACT": tokens.make("artifact", "p/1/plan"),
            "ASSIGNMENT": number,
            "SLICES": tokens.make("slices", f"cA.1.{until}"),
            "GRAPH": tokens.make("artifact", "p/all/plan"),
            "PARTS": tokens.make("artifact", "p/1/slices"),
            "OPERATION": tokens.make("operation", "AAAA"),
        }

    def ask(self, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
        sent: list[Any] = []
        for name, token in self._given.items():
            path = scope["raw_path"].replace(name.encode(), token.encode())
            scope = {**scope, "raw_path": path}

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


@pytest.mark.filterwarnings("ignore:Do not use the .random. module")  # it is the server that does
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
