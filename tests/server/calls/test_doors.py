"""Who may call what, and what is too much."""

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.protocol import statuses
from ame.protocol.pb import aggregations, odp_task
from ame.protocol.pb import eligibility_eval_tasks as eets
from ame.server.calls import rates
from ame.server.calls.doors import Doors, digest
from ame.server.calls.rates import Rates, Shared
from ame.server.settings import Settings
from server import fleets
from server.fleets import Running

Run = Callable[..., None]
ASKED = eets.EligibilityEvalTaskRequest(population_name="p")


def test_without_a_key_no_device_gets_in_where_keys_are_asked_for(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.app.management.put_population("p", {})
        for headers in ({}, {"x-goog-api-key": "wrong"}, {"x-goog-api-key": ""}):
            server.peer.headers = headers
            with pytest.raises(errors.CallFailed) as refused:
                await server.peer.ask("RequestEligibilityEvalTask", ASKED)
            assert refused.value.code == statuses.UNAUTHENTICATED
        server.peer.headers = {"x-goog-api-key": "second"}
        await server.peer.ask("RequestEligibilityEvalTask", ASKED)

    run(use, doors=Doors(keys=frozenset({digest("first"), digest("second")})))


@pytest.mark.parametrize("shown", ["", "Bearer wrong", "Basic right", "right"])
def test_only_operators_manage(run: Run, shown: str) -> None:
    async def use(server: Running) -> None:
        server.peer.headers = {"authorization": shown}
        create = odp_task.CreateTaskRequest(task={"total_iteration": 1, "min_aggregation_size": 1})
        with pytest.raises(errors.CallFailed) as refused:
            await server.peer.ask("CreateTask", create, population_name="p")
        assert refused.value.code == statuses.UNAUTHENTICATED
        listed = await server.peer.client.get("/api/v1/tasks", headers=server.peer.headers)
        assert listed.status_code == 401

        right = {"authorization": "Bearer right"}
        server.peer.headers = right
        await server.peer.ask("CreateTask", create, population_name="p")
        listed = await server.peer.client.get("/api/v1/tasks", headers=right)
        assert [each["id"] for each in listed.json()] == [1]

    run(use, doors=Doors(operators=frozenset({digest("right")})))


def test_an_address_that_asks_too_often_is_slowed_down(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.app.management.put_population("p", {})
        told = [await server.peer.client.get("/api/v1/tasks") for _ in range(4)]
        assert [each.status_code for each in told] == [200, 200, 200, 429]
        assert [each.headers.get("retry-after") for each in told] == [None, None, None, "2"]
        server.clock.now += 2
        assert (await server.peer.client.get("/api/v1/tasks")).status_code == 200
        assert (await server.peer.client.get("/healthz")).status_code == 200

    run(use, doors=Doors(open=True, rates=Rates(per_second=0.5, burst=3)))


def test_servers_of_one_database_count_a_callers_calls_together(
    run: Run, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "EVERY", 1e6)  # the servers' own loops would tell in the middle

    async def use(server: Running) -> None:
        async with fleets.running(
            tmp_path, address, doors=Doors(open=True, rates=Rates(per_second=1, burst=10))
        ) as other:
            both = [Shared(each.app.doors.rates, each.app.fleet) for each in (server, other)]
            for _ in range(8):
                assert (await server.peer.client.get("/api/v1/tasks")).status_code == 200
            for each in both:
                await each.tell()
            codes = [(await other.peer.client.get("/api/v1/tasks")).status_code for _ in range(3)]
            assert codes == [200, 200, 429]
            for each in (*both, *both):  # what was told once counts once
                await each.tell()
            for clock in (server.clock, other.clock):
                clock.now += 3
            codes = [(await other.peer.client.get("/api/v1/tasks")).status_code for _ in range(4)]
            assert codes == [200, 200, 200, 429]

    run(use, doors=Doors(open=True, rates=Rates(per_second=1, burst=10)))


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:0:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("no: address", "no: address"),
    ],
)
def test_a_device_is_known_by_its_address_or_its_network(address: str, known: str) -> None:
    assert rates.caller(address) == known


@pytest.mark.parametrize(
    ("address", "forwarded", "proxies", "origin"),
    [
        ("10.0.0.1", "1.2.3.4", (), "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", ("10.0.0.0/8",), "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9, 1.2.3.4, 10.0.0.2", ("10.0.0.0/8",), "1.2.3.4"),
        ("8.8.8.8", "1.2.3.4", ("10.0.0.0/8",), "8.8.8.8"),
        ("10.0.0.1", "", ("10.0.0.0/8",), "10.0.0.1"),
        ("10.0.0.1", "made up, 10.0.0.2", ("10.0.0.0/8",), "made up"),
    ],
)
def test_proxies_that_are_known_are_believed_whom_they_speak_for(
    address: str, forwarded: str, proxies: tuple[str, ...], origin: str
) -> None:
    assert rates.origin(address, forwarded, proxies) == origin


def test_devices_are_sent_to_the_public_address(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        session = await server.peer.session()
        assigned = (await server.peer.assignment(session.session_id)).task_assignment
        forwarded = session.task_assignment_forwarding_info.target_uri_prefix
        assert forwarded == "https://fleet.example"
        assert assigned.plan.uri.startswith("https://fleet.example/v1/resources/")

    run(use, public="https://fleet.example/")


def test_more_uploads_at_once_than_the_server_takes_are_told_to_come_back(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=9)
        arrived, go_on = asyncio.Event(), asyncio.Event()

        paths = []
        for _ in range(2):
            session = await server.peer.begun()
            assigned = (await server.peer.assignment(session)).task_assignment
            ids = {"aggregation_id": assigned.aggregation_id}
            asked = aggregations.StartAggregationDataUploadRequest(
                authorization_token=assigned.authorization_token, **ids
            )
            started = await server.peer.ask("StartAggregationDataUpload", asked)
            paths.append(f"/upload/v1/media/{started.resource.resource_name}")

        site = server.peer.client._transport.app  # type: ignore[attr-defined]  # ASGITransport has it
        said: list[Any] = []

        async def receive() -> dict[str, Any]:
            arrived.set()
            await go_on.wait()
            return {"type": "http.request", "body": b"x", "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": paths[0],
            "query_string": b"",
            "headers": [],
        }
        first = asyncio.create_task(site(scope, receive, send))
        await arrived.wait()
        long = bytes((1 << 16) + 1)
        full = await server.peer.client.post(paths[1], content=long)
        assert (full.status_code, full.headers["retry-after"]) == (503, "5")
        assert (await server.peer.client.post(paths[1], content=b"few")).status_code == 200
        go_on.set()
        await first
        assert said[0]["status"] == 200
        assert (await server.peer.client.post(paths[1], content=long)).status_code == 200

    run(use, settings=Settings(uploads=1))


def test_nothing_is_read_of_an_upload_that_nobody_asked_for(run: Run) -> None:
    async def use(server: Running) -> None:
        site = server.peer.client._transport.app  # type: ignore[attr-defined]  # ASGITransport has it
        said: list[Any] = []

        async def receive() -> dict[str, Any]:
            raise AssertionError("the body was asked for")

        async def send(message: Any) -> None:
            said.append(message)

        for path in ("/upload/v1/media/x.y", "/v1/gradients/x.y", "/v1/artifacts/x.y"):
            scope = {"type": "http", "method": "PUT", "path": path, "query_string": b""}
            await site({**scope, "headers": []}, receive, send)
            assert said[-2]["status"] in {403, 404}

    run(use)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * 2000, {}, 413),
        (gzip.compress(bytes(1_000_000)), {"content-encoding": "gzip"}, 413),
        (b"\xff\xff", {}, 400),
        (b"{", {"content-type": "application/json"}, 400),
        (b"", {"content-encoding": "br"}, 400),
    ],
    ids=["long", "bomb", "no message", "no JSON", "unknown compression"],
)
def test_a_body_that_is_too_long_or_no_message_has_a_status_and_no_effect(
    run: Run, body: bytes, headers: dict[str, str], status: int
) -> None:
    async def use(server: Running) -> None:
        path = "/v1/eligibilityevaltasks/p:request"
        answer = await server.peer.client.post(path, content=body, headers=headers)
        assert answer.status_code == status

    run(use, settings=Settings(body_bytes=1000))


def test_an_upload_that_is_too_long_is_refused_while_it_comes(run: Run) -> None:
    async def use(server: Running) -> None:
        async def endless() -> Any:
            for _ in range(1000):
                yield bytes(1000)

        place = f"/upload/v1/media/{server.app.fleet.tokens.make('upload', 'a')}"
        answer = await server.peer.client.post(place, content=endless())
        assert answer.status_code == 413

    run(use, settings=Settings(upload_bytes=5000))


@pytest.mark.parametrize(
    "path", ["/upload/v1/media/x", "/upload/v1/media/../../etc/passwd", "/v1/resources/x.y"]
)
def test_names_that_the_server_did_not_choose_lead_nowhere(run: Run, path: str) -> None:
    async def use(server: Running) -> None:
        for method in ("GET", "POST", "PUT"):
            answer = await server.peer.client.request(method, path, content=b"x")
            assert answer.status_code in {403, 404}

    run(use)


def test_tokens_of_one_kind_are_none_of_another(run: Run) -> None:
    async def use(server: Running) -> None:
        tokens = server.app.fleet.tokens
        token = tokens.make("client", "a")
        assert tokens.read("client", token) == "a"
        for kind, shown in (("upload", token), ("client", token[:-1]), ("client", "a."), ("x", "")):
            with pytest.raises(errors.TokenRefused):
                tokens.read(kind, shown)

    run(use)


def test_a_thousand_calls_at_once_are_all_answered(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=10, max_aggregation_size=20)
        sessions = await asyncio.gather(*(server.peer.session() for _ in range(200)))
        answers = await asyncio.gather(
            *(server.peer.assignment(each.session_id) for each in sessions)
        )
        assert sum(each.HasField("task_assignment") for each in answers) == 20

    run(use)
