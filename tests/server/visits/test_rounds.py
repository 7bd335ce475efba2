"""Rounds from the first check-in to the last checkpoint, over HTTP."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from google.protobuf.empty_pb2 import Empty

from ame import errors
from ame.protocol.pb import aggregations, common, odp_task, operations, task_assignments
from ame.protocol.tensors import checkpoint, fcv1
from ame.server.ledger import changes, rounds
from ame.server.rounds import RoundStatus
from ame.server.settings import Settings
from server.fleets import PLAN, Running, update

Run = Callable[..., None]


async def contribute(server: Running, content: bytes, **more: Any) -> Any:
    session = await server.peer.begun()
    assigned = (await server.peer.assignment(session)).task_assignment
    await server.peer.hand_in(assigned, content, **more)
    return assigned


async def all_rounds(server: Running, task: int) -> Any:
    return await server.app.fleet.database.read(lambda rows: rounds.rounds(rows, "p", task))


def test_two_rounds_train_a_model_from_what_devices_hand_in(run: Run) -> None:
    async def use(server: Running) -> None:
        task = await server.task(total_iteration=2)
        first = await contribute(server, checkpoint.to_bytes(update(1, 2, 3, examples=1, loss=4)))
        assert await server.peer.resource(first.plan.uri) == PLAN
        sent = checkpoint.read(await server.peer.resource(first.init_checkpoint.uri))
        assert sent["server/w"].tolist() == [0, 0, 0]
        await contribute(server, fcv1.to_bytes(update(5, 6, 7, examples=3, loss=0)))
        await server.app.leader.step()

        second = await contribute(server, checkpoint.to_bytes(update(1, 1, 1)))
        sent = checkpoint.read(await server.peer.resource(second.init_checkpoint.uri))
        assert sent["server/w"].tolist() == [4, 5, 6]
        assert second.aggregation_id != first.aggregation_id
        await contribute(server, checkpoint.to_bytes(update(3, 3, 3)))
        await server.app.leader.step()

        done = await all_rounds(server, task)
        assert [each.status for each in done] == [RoundStatus.COMPLETED] * 2
        state = checkpoint.read(await server.app.fleet.blob(done[1].result))
        assert state["server/w"].tolist() == [6, 7, 8]
        assert state["server/round"] == 2
        ended = await server.peer.ask(
            "GetTaskById", odp_task.CreateTaskRequest(), population_name="p", task_id=str(task)
        )
        assert ended.task.status == odp_task.TaskStatus.COMPLETED
        refused = await server.peer.assignment(await server.peer.begun())
        assert refused.rejection_info.retry_window.delay_min.seconds == 86400

    run(use)


def test_an_evaluation_ends_when_it_has_looked_at_all_that_a_training_came_to(run: Run) -> None:
    async def use(server: Running) -> None:
        training = await server.task(total_iteration=3)
        looks = {
            "training_task_id": training,
            "check_point_selector": {"iteration_selector": {"size": 2}},
        }
        info = {"traffic_weight": 1, "evaluation_info": looks}
        evaluation = await server.task(total_iteration=50, info=info)

        whole = update(1, 1, 1)
        metrics = {name: whole[name] for name in ("update/examples", "update/loss_sum")}
        for _ in range(10):
            session = await server.peer.begun()
            assigned = (await server.peer.assignment(session)).task_assignment
            made = metrics if assigned.task_name == f"p/{evaluation}" else whole
            await server.peer.hand_in(assigned, checkpoint.to_bytes(made))
            await server.app.leader.step()
            await server.app.leader.step()  # the evaluation hears of the training

        assert [each.evaluated for each in await all_rounds(server, evaluation)] == [1, 3]
        for number in (training, evaluation):
            asked, at = odp_task.CreateTaskRequest(), {"task_id": str(number)}
            ended = await server.peer.ask("GetTaskById", asked, population_name="p", **at)
            assert ended.task.status == odp_task.TaskStatus.COMPLETED

    run(use)


def test_a_contribution_counts_once_however_often_it_is_submitted(run: Run) -> None:
    async def use(server: Running) -> None:
        task = await server.task()
        await contribute(server, checkpoint.to_bytes(update(1, 1, 1)), twice=True)
        [only] = await all_rounds(server, task)
        assert (only.accepted, only.active) == (1, 0)

    run(use)


def test_an_authorization_token_works_once(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        content = checkpoint.to_bytes(update(1, 1, 1))
        assigned = await contribute(server, content)
        with pytest.raises(errors.CallFailed, match="token was used before"):
            await server.peer.hand_in(assigned, content)

    run(use)


def test_a_session_whose_answer_was_lost_gets_another_token_until_it_has_uploaded(run: Run) -> None:
    async def use(server: Running) -> None:
        task = await server.task()
        session = await server.peer.begun()

        async def start() -> Any:
            given = (await server.peer.assignment(session)).task_assignment
            asked = aggregations.StartAggregationDataUploadRequest(
                aggregation_id=given.aggregation_id, authorization_token=given.authorization_token
            )
            return given, await server.peer.ask("StartAggregationDataUpload", asked)

        first, place = await start()
        second, again = await start()
        assert first.authorization_token != second.authorization_token
        assert again.resource.resource_name == place.resource.resource_name
        for used in (first, second):
            with pytest.raises(errors.CallFailed, match="token was used before"):
                await server.peer.hand_in(used, b"")

        third = (await server.peer.assignment(session)).task_assignment
        content = checkpoint.to_bytes(update(1, 1, 1))
        await server.peer.hand_in(third, content)
        with pytest.raises(errors.CallFailed, match="token was used before"):
            await start()
        [only] = await all_rounds(server, task)
        assert only.accepted == 1

    run(use)


def test_a_session_that_asks_again_gets_the_same_assignment(run: Run) -> None:
    async def use(server: Running) -> None:
        task = await server.task()
        session = await server.peer.begun()
        first = await server.peer.assignment(session)
        again = await server.peer.assignment(session)
        assert (
            again.task_assignment.authorization_token == first.task_assignment.authorization_token
        )
        [only] = await all_rounds(server, task)
        assert only.active == 1

    run(use)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"nonsense", "no tensors"),
        (checkpoint.to_bytes(update(1, 2)), "shape"),
        (checkpoint.to_bytes(update(1, 2, float("nan"))), "nan"),
        (checkpoint.to_bytes({**update(1, 2, 3), "update/v": np.zeros(2)}), "update/v"),
        (checkpoint.to_bytes(update(1, 2, 3, examples=-1)), "negative"),
        (checkpoint.to_bytes({"update/w": np.zeros(3, np.float32)}), "missing"),
    ],
)
def test_what_is_not_asked_for_is_refused_and_gives_its_place_back(
    run: Run, content: bytes, said: str
) -> None:
    async def use(server: Running) -> None:
        task = await server.task()
        with pytest.raises(errors.CallFailed, match=said):
            await contribute(server, content)
        [only] = await all_rounds(server, task)
        assert (only.accepted, only.active, only.failed) == (0, 0, 1)

    run(use)


def test_a_full_round_takes_nobody_until_a_device_is_late(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=1, max_aggregation_size=2)
        for _ in range(2):
            session = await server.peer.begun()
            assert (await server.peer.assignment(session)).HasField("task_assignment")
        refused = await server.peer.assignment(await server.peer.begun())
        assert refused.rejection_info.retry_window.delay_min.seconds == 60
        explained = await server.app.management.explain("p", session)
        [given] = explained["assignments"]
        assert (given["task"], given["round"], given["status"]) == (1, 1, "ASSIGNED")

        server.clock.now += 901
        await server.app.leader.step()
        session = await server.peer.begun()
        assert (await server.peer.assignment(session)).HasField("task_assignment")

    run(use)


def test_a_device_that_may_wait_gets_a_task_as_soon_as_there_is_room(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=1, max_aggregation_size=1)
        first = await server.peer.session()
        taken = (await server.peer.assignment(first.session_id)).task_assignment
        waiting = await server.peer.session()
        asked = task_assignments.StartTaskAssignmentRequest(
            population_name="p", session_id=waiting.session_id
        )
        pending = await server.peer.raw("StartTaskAssignment", asked)
        assert not pending.done
        again = operations.GetOperationRequest(name=pending.name)
        assert not (await server.peer.raw("GetOperation", again)).done

        await server.peer.hand_in(taken, checkpoint.to_bytes(update(1, 1, 1)))
        await server.app.leader.step()
        server.clock.now += 1
        done = await server.peer.raw("GetOperation", again)
        reply = task_assignments.StartTaskAssignmentResponse()
        assert done.response.Unpack(reply)
        assert reply.task_assignment.session_id == waiting.session_id

        cancel = operations.CancelOperationRequest(name=pending.name)
        await server.peer.raw("CancelOperation", cancel)
        assert (await server.peer.raw("GetOperation", again)).error.code == 1

    run(use, settings=Settings(patience_seconds=30))


def test_nothing_is_kept_in_memory_of_a_task_that_has_ended(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        await contribute(server, checkpoint.to_bytes(update(1, 1, 1)))
        await server.app.leader.step()
        assert server.app.fleet._recipes
        assert len(server.app.leader._folds)
        await server.peer.ask("CancelTask", Empty(), population_name="p", task_id="1")
        await server.app.leader.step()
        assert not server.app.fleet._recipes
        assert not len(server.app.leader._folds)

    run(use)


def test_devices_of_a_paused_task_go_on_and_no_others_come(run: Run) -> None:
    async def use(server: Running) -> None:
        task = await server.task()
        session = await server.peer.begun()
        assigned = (await server.peer.assignment(session)).task_assignment
        await server.app.management.pause_task("p", task, paused=True)
        again = (await server.peer.assignment(session)).task_assignment
        assert again.authorization_token == assigned.authorization_token
        refused = (await server.peer.assignment(await server.peer.begun())).rejection_info
        assert refused.reason == common.RejectionReason.Enum.Value("NO_TASK_AVAILABLE")
        assert refused.retry_window.delay_max.seconds < 3600  # for it will go on

        await server.peer.hand_in(assigned, checkpoint.to_bytes(update(1, 1, 1)))
        [only] = await all_rounds(server, task)
        assert only.accepted == 1

    run(use)


def test_a_task_with_two_rounds_at_once_fills_both(run: Run) -> None:
    async def use(server: Running) -> None:
        task = await server.task(
            min_aggregation_size=1, max_aggregation_size=1, max_parallel=2, total_iteration=2
        )
        given = [await server.peer.assignment(await server.peer.begun()) for _ in "123"]
        assert [each.HasField("task_assignment") for each in given] == [True, True, False]
        ids = {each.task_assignment.aggregation_id for each in given[:2]}
        assert len(ids) == 2

        for each in given[:2]:
            await server.peer.hand_in(each.task_assignment, checkpoint.to_bytes(update(1, 1, 1)))
        await server.app.leader.step()
        done = await all_rounds(server, task)
        assert [each.status for each in done] == [RoundStatus.COMPLETED] * 2
        state = checkpoint.read(await server.app.fleet.blob(done[-1].result))
        assert state["server/round"] == 2

    run(use)


def test_a_task_opens_and_ends_at_the_times_that_it_names(run: Run) -> None:
    async def use(server: Running) -> None:
        begins, ends = int(server.clock.now) + 100, int(server.clock.now) + 200
        task = await server.task(
            min_aggregation_size=1,
            start_task_no_earlier_than={"seconds": begins},
            do_not_create_iteration_after={"seconds": ends},
        )

        async def status() -> str:
            known = await server.app.fleet.kept("p", task)
            return known.task.status.name

        assert await status() == "CREATED"
        server.clock.now = begins
        await server.app.leader.step()
        assert await status() == "OPEN"
        server.clock.now = ends
        await server.app.leader.step()
        await contribute(server, checkpoint.to_bytes(update(1, 1, 1)))
        await server.app.leader.step()
        assert await status() == "COMPLETED"
        assert len(await all_rounds(server, task)) == 1

    run(use)


def test_the_rounds_of_a_task_that_fails_are_over(run: Run) -> None:
    async def use(server: Running) -> None:
        task = await server.task(max_parallel=2)
        [first, _] = await all_rounds(server, task)
        await server.app.fleet.database.do(
            lambda rows: rounds.finish_round(
                rows, first, RoundStatus.AGGREGATING_FAILED, reason="torn", now=1
            )
        )
        await server.app.leader.step()
        assert [each.status for each in await all_rounds(server, task)] == [
            RoundStatus.AGGREGATING_FAILED,
            RoundStatus.CANCELED,
        ]

    run(use)


def test_a_round_is_aggregated_then_applied_then_completed(run: Run) -> None:
    async def use(server: Running) -> None:
        number = await server.task(min_aggregation_size=1, total_iteration=1)
        assigned = (await server.peer.assignment(await server.peer.begun())).task_assignment
        await server.peer.hand_in(assigned, checkpoint.to_bytes(update(1, 1, 1)))
        await server.app.leader.step()
        passed = await server.app.fleet.database.read(lambda r: changes.changes(r, "p", number))
        assert [RoundStatus(status).name for each, status, *_ in passed if each] == [
            "COLLECTING",
            "AGGREGATING",
            "APPLYING",
            "COMPLETED",
        ]

    run(use)


def test_a_round_whose_result_cannot_be_applied_fails_in_applying(run: Run) -> None:
    async def use(server: Running) -> None:
        number = await server.task(
            aggregation={"aggregate": {"kind": "mean"}, "weight": "update/examples"},
            min_aggregation_size=1,
            total_iteration=1,
        )
        assigned = (await server.peer.assignment(await server.peer.begun())).task_assignment
        content = update(1, 1, 1, examples=0)
        del content["update/loss_sum"]
        await server.peer.hand_in(assigned, checkpoint.to_bytes(content))
        await server.app.leader.step()
        shown = (await server.peer.client.get(f"/api/v1/populations/p/tasks/{number}")).json()
        assert shown["rounds"][0]["status"] == "APPLYING_FAILED"
        assert shown["status"] == "FAILED"

    run(use)


@pytest.mark.parametrize("name", ["a/b", "ü %2F+x?", "50%"])
def test_a_population_may_have_any_name(run: Run, name: str) -> None:
    async def use(server: Running) -> None:
        ask = server.peer.client.request
        path = f"/api/v1/populations/{quote(name, safe='')}"
        assert (await ask("PUT", path, json={})).json()["name"] == name
        said = {"totalIteration": 1, "minAggregationSize": 1}
        made = (await ask("POST", f"{path}/tasks", json=said)).json()
        put = await ask("PUT", made["initCheckpointUrl"][0], content=b"x")
        assert put.status_code == 200
        assert (await ask("GET", f"{path}/tasks/1")).json()["missing"] == ["client_plan"]
        session = (await server.peer.session(name)).session_id
        assert (await server.peer.assignment(session, name)).HasField("rejection_info")
        shown = await ask("GET", f"/api/v1/sessions/{quote(name, safe='')}/{session}")
        assert shown.json()["population"] == name

    run(use)


def test_a_task_that_is_over_does_not_pause(run: Run) -> None:
    async def use(server: Running) -> None:
        number = await server.task()
        path = f"/api/v1/populations/p/tasks/{number}"
        assert (await server.peer.client.post(f"{path}/cancel")).status_code == 200
        for deed in ("pause", "resume"):
            refused = await server.peer.client.post(f"{path}/{deed}")
            assert refused.status_code == 412
            assert "CANCELED" in refused.json()["message"]

    run(use)
