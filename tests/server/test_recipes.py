"""Recipes at work in a server: budgets, evaluations, what a server lacks."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.protocol.pb import odp_task
from ame.protocol.pb import plan as pb
from ame.protocol.tensors import Array, checkpoint
from ame.server.ledger import rounds, tasks
from ame.server.rounds import RoundStatus
from ame.server.tasks import TaskStatus
from server.fleets import Running
from server.recipes import plans

Run = Callable[..., None]
PRIVATE = {"multiplier": 1.0, "clients": 1, "delta": 1e-6, "epsilon": 8.5, "seed": 1}
W: dict[str, Array] = {"update/w": np.ones(3, np.float32)}


async def contribute(server: Running, tensors: dict[str, Array]) -> Any:
    session = await server.peer.begun()
    assigned = (await server.peer.assignment(session)).task_assignment
    await server.peer.hand_in(assigned, checkpoint.to_bytes(tensors))
    await server.app.leader.step()
    return assigned


async def known(server: Running, number: int) -> Any:
    kept = await server.app.fleet.database.read(lambda rows: tasks.task(rows, "p", number))
    done = await server.app.fleet.database.read(lambda rows: rounds.rounds(rows, "p", number))
    told = await server.app.fleet.database.read(lambda rows: rounds.metrics(rows, "p", number))
    return kept, done, told


def test_a_task_whose_privacy_budget_is_spent_is_completed(run: Run) -> None:
    async def use(server: Running) -> None:
        declared = {"tensors": ["w"], "clip": 1.0, "privacy": PRIVATE}
        number = await server.task(aggregation=declared, total_iteration=10, min_aggregation_size=1)
        for _ in range(2):
            await contribute(server, W)
        kept, done, told = await known(server, number)
        assert kept.task.status is TaskStatus.COMPLETED
        assert "budget is spent: after 2 rounds" in kept.task.reason
        assert [each.status for each in done] == [RoundStatus.COMPLETED] * 2
        assert [name for _, name, _ in told] == ["delta", "epsilon"] * 2
        with pytest.raises(errors.Error):
            await contribute(server, W)

    run(use)


def test_an_evaluation_is_told_apart_by_its_task_and_keeps_what_it_looks_at(run: Run) -> None:
    async def use(server: Running) -> None:
        training = await server.task(
            aggregation={"tensors": ["w"]}, total_iteration=1, min_aggregation_size=1
        )
        await contribute(server, W)
        _, [trained], _ = await known(server, training)
        looks = {"evaluation_info": {"training_task_id": training}, "traffic_weight": 1}
        said = {"metrics": {"loss": ["loss", "n"]}}
        number = await server.task(
            aggregation=said,
            total_iteration=1,
            min_aggregation_size=1,
            info=odp_task.TaskInfo(**looks),  # type: ignore[arg-type]  # fields as they are written
        )
        await server.app.leader.step()
        assigned = await contribute(server, {"loss": np.array(3.0), "n": np.array(2)})
        sent = checkpoint.read(await server.peer.resource(assigned.init_checkpoint.uri))
        assert sent["server/w"].tolist() == [1, 1, 1]
        _, [looked], told = await known(server, number)
        assert (looked.status, looked.result) == (RoundStatus.COMPLETED, trained.result)
        assert told == [(1, "loss", 1.5)]

    run(use)


def test_a_task_whose_plan_needs_tensorflow_fails_on_a_server_without_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    phase = pb.Plan.Phase(server_phase=pb.ServerPhase(phase_init_op="init"))

    async def use(server: Running) -> None:
        number = await server.task(aggregation={}, plan=pb.Plan(phase=[phase]))
        kept, _, _ = await known(server, number)
        assert kept.task.status is TaskStatus.FAILED
        assert "ame-tasks[tensorflow]" in kept.task.reason

    run(use)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own
def test_a_task_whose_checkpoint_is_not_its_plans_fails_and_holds_up_no_other(run: Run) -> None:
    async def use(server: Running) -> None:
        bad = await server.task(aggregation={}, plan=plans.version_1())
        good = await server.task()
        kept, _, _ = await known(server, bad)
        assert kept.task.status is TaskStatus.FAILED
        assert "server part of the plan failed" in kept.task.reason
        assert (await known(server, good))[0].task.status is TaskStatus.OPEN

    run(use)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own
def test_a_plan_with_a_server_part_trains_over_http(run: Run) -> None:
    async def use(server: Running) -> None:
        state = {"x": np.array([1, 2, 3], np.float32), "rate": np.array(0.5, np.float32)}
        number = await server.task(
            aggregation={}, plan=plans.version_1(), state=state, total_iteration=2
        )
        one = np.array(1, np.float32)
        for value in (2, 4, 6, 8):
            dx = np.full(3, value, np.float32)
            await contribute(server, {"u/dx": dx, "u/loss": one, "u/examples": one})
        kept, done, told = await known(server, number)
        assert kept.task.status is TaskStatus.COMPLETED
        made = checkpoint.read(await server.app.fleet.blob(done[-1].result))
        assert made["x"].tolist() == [6, 7, 8]
        assert told == [(1, "server/loss", 1.0), (2, "server/loss", 1.0)]

    run(use)
