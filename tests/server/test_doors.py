"""Who may call what, and what is too much."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import pytest

from ame import errors
from ame.protocol import statuses
from ame.protocol.pb import eligibility_eval_tasks as eets
from ame.protocol.pb import odp_task
from ame.server.calls.doors import Doors, digest
from ame.server.settings import Settings
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
        codes = [(await server.peer.client.get("/api/v1/tasks")).status_code for _ in range(4)]
        assert codes == [200, 200, 200, 429]
        server.clock.now += 1
        assert (await server.peer.client.get("/api/v1/tasks")).status_code == 200
        assert (await server.peer.client.get("/healthz")).status_code == 200

    run(use, doors=Doors(open=True, per_second=1, burst=3))


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

        answer = await server.peer.client.post("/upload/v1/media/x", content=endless())
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


def test_slices_are_refused_in_words_since_no_task_has_any(run: Run) -> None:
    async def use(server: Running) -> None:
        refused = await server.peer.client.get("/v1/slices/embeddings/7")
        assert refused.status_code == 501
        assert b"federated select" in refused.content

    run(use)
