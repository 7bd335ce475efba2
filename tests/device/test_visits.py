"""What a device does at a server, and what it remembers."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ame.device import memory
from ame.device.examples import Iterated
from ame.device.visit import Outcome
from ame.protocol.pb import odp_common, odp_task
from device import devices
from device.devices import Died, Place, Through, at

ON_THE_WAY = 8
"""Requests of one visit: check-in, assignment, two downloads, report, start, upload, submit."""


def test_a_device_contributes_what_its_plan_makes_of_its_examples(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        number = await place.task(min_aggregation_size=1, total_iteration=1)
        through = Through(place.server.peer.client)
        own = place.device(through=through)

        seen = await own.visit()
        await place.server.app.leader.step()

        assert (seen.outcome, seen.task) == (Outcome.CONTRIBUTED, f"p/{number}")
        assert list(own.memory.kept.past.contributed) == [f"p/{number}"]
        shown = await place.task_of(number)
        assert shown["rounds"][0]["metrics"] == {"loss": 0.5}
        place_ = f"/api/v1/populations/p/tasks/{number}/rounds/1/checkpoint"
        said = await place.server.peer.client.get(place_)
        content = await place.server.peer.client.get(said.json()["url"])
        assert devices.read(content.content)["server/w"] == [1, 2, 3]
        assert len(through.sent) == ON_THE_WAY

    at(tmp_path, use)


def test_a_device_says_how_long_its_computation_took(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        await place.task(min_aggregation_size=1, total_iteration=1)
        await place.device().visit()

        database = place.server.app.fleet.database
        [(took,)] = await database.read(lambda r: r.execute("SELECT computed FROM assignments"))
        assert took > 0

    at(tmp_path, use)


def test_a_round_that_is_not_over_has_no_checkpoint(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        number = await place.task()
        path = f"/api/v1/populations/p/tasks/{number}/rounds/1/checkpoint"

        said = await place.server.peer.client.get(path)

        assert said.status_code == 412

    at(tmp_path, use)


def test_a_device_that_is_turned_away_comes_back_within_the_servers_window(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        own = place.device(draw=lambda: 0.5)

        seen = await own.visit()

        assert (seen.outcome, seen.why) == (Outcome.TURNED_AWAY, "NO_ACTIVE_TASK_EXISTS")
        assert seen.wait == pytest.approx(1.5 * 86400)
        assert own.memory.kept.returns == pytest.approx(place.server.clock() + seen.wait)

    at(tmp_path, use)


@pytest.mark.parametrize(("population", "least", "most"), [("p", 60, 300), ("other", 11520, 17280)])
def test_a_permanent_error_keeps_a_device_away_for_hours(
    tmp_path: Path, population: str, least: float, most: float
) -> None:
    async def use(place: Place) -> None:
        await place.task(min_aggregation_size=1)
        own = place.device(population=population)

        seen = await own.visit()

        assert least <= seen.wait <= most

    at(tmp_path, use)


def test_a_server_that_is_not_there_keeps_a_device_away_for_minutes(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        through = Through(place.server.peer.client, before=devices.lost(0, 1, 2))

        seen = await place.device(through=through).visit()

        assert seen.outcome is Outcome.FAILED
        assert 720 <= seen.wait <= 1080
        assert len(through.sent) == 3  # it was tried again

    at(tmp_path, use)


def policy(**kind: Any) -> odp_task.TaskInfo:
    info = odp_task.TaskInfo(traffic_weight=1)
    made = odp_common.EligibilityPolicyEvalSpec(**kind)
    info.training_info.eligibility_task_info.eligibility_policies.append(made)
    return info


def test_a_device_keeps_its_distance_from_its_last_contribution(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        apart = odp_common.MinimumSeparationPolicy(minimum_separation=3)
        await place.task(
            info=policy(min_sep_policy=apart), min_aggregation_size=1, total_iteration=9
        )
        own, other = place.device(), place.device()
        came = []
        for number in range(8):
            seen = await own.visit()
            came.append(seen.outcome is Outcome.CONTRIBUTED)
            if not came[-1]:
                assert (await other.visit()).outcome is Outcome.CONTRIBUTED or number
                other = place.device()
            await place.server.app.leader.step()

        assert came == [True, False, False, True, False, False, True, False]

    at(tmp_path, use)


def test_a_device_with_too_few_examples_is_not_given_the_task(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        wanted = odp_common.DataAvailabilityPolicy(min_example_count=2)
        await place.task(info=policy(data_availability_policy=wanted), min_aggregation_size=1)
        own = place.device(examples=Iterated(make=lambda _: [b""]))

        seen = await own.visit()

        assert seen.outcome is Outcome.TURNED_AWAY

    at(tmp_path, use)


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (devices.query_plan("nothing"), "too few examples"),
        (b"", "nothing to do"),
    ],
)
def test_a_plan_that_fails_frees_the_devices_place(tmp_path: Path, plan: bytes, why: str) -> None:
    async def use(place: Place) -> None:
        number = await place.task(client_plan=plan, min_aggregation_size=1)
        own = place.device()

        seen = await own.visit()

        assert seen.outcome is Outcome.FAILED
        assert why in seen.why
        shown = await place.task_of(number)
        assert (shown["rounds"][0]["active"], shown["rounds"][0]["failed"]) == (0, 1)
        assert own.memory.kept.held is None

    at(tmp_path, use)


@pytest.mark.parametrize("step", [":startdataupload", "/upload/"])
def test_a_device_whose_task_is_canceled_uploads_nothing_more_and_says_nothing_more(
    tmp_path: Path, step: str
) -> None:
    async def use(place: Place) -> None:
        number = await place.task(min_aggregation_size=1)

        class Canceled(Through):
            async def send(self, method: str, url: str, *rest: Any) -> Any:
                if step in url:
                    path = f"/api/v1/populations/p/tasks/{number}/cancel"
                    await place.server.peer.client.post(path)
                return await super().send(method, url, *rest)

        through = Canceled(place.server.peer.client)
        own = place.device(through=through)
        seen = await own.visit()

        assert seen.outcome is Outcome.UNNEEDED
        assert "its task was canceled" in seen.why
        assert step in through.sent[-1] or through.sent[-1].endswith(":reportresult")
        assert own.memory.kept.held is None

    at(tmp_path, use)


def test_a_device_that_is_stopped_says_so(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        number = await place.task(min_aggregation_size=1)
        reached = asyncio.Event()

        class Waits(Through):
            async def send(self, method: str, url: str, *rest: Any) -> Any:
                if "/v1/resources" in url:
                    reached.set()
                    await asyncio.Event().wait()
                return await super().send(method, url, *rest)

        own = place.device(through=Waits(place.server.peer.client))
        visit = asyncio.create_task(own.visit())
        await reached.wait()
        visit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await visit

        shown = await place.task_of(number)
        assert shown["rounds"][0]["active"] == 0
        assert own.memory.kept.held is None

    at(tmp_path, use)


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("number", range(ON_THE_WAY))
def test_a_device_that_dies_at_any_step_contributes_once(
    tmp_path: Path, number: int, answered: bool
) -> None:
    async def use(place: Place) -> None:
        task = await place.task(min_aggregation_size=5, total_iteration=1)
        through = Through(place.server.peer.client)
        setattr(through, "after" if answered else "before", devices.dies(number))
        with memory.Folder(tmp_path / "state") as first, pytest.raises(Died):
            await place.device(through=through, memory=first).visit()

        with memory.Folder(tmp_path / "state") as second:
            own = place.device(memory=second)
            seen = await own.visit()

        assert seen.outcome is Outcome.CONTRIBUTED
        assert await place.accepted(task) == 1
        assert len(second.kept.past.contributed) == 1

    at(tmp_path, use)


def test_a_result_that_could_not_be_handed_in_is_not_computed_again(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        task = await place.task(min_aggregation_size=5)
        through = Through(place.server.peer.client, before=devices.lost(6, 7, 8))
        with memory.Folder(tmp_path / "state") as kept:
            seen = await place.device(through=through, memory=kept).visit()
            assert seen.outcome is Outcome.CUT_OFF
            assert kept.kept.held is not None
        with memory.Folder(tmp_path / "state") as kept:
            empty = devices.holding()
            seen = await place.device(memory=kept, examples=empty).visit()

        assert seen.outcome is Outcome.CONTRIBUTED
        assert await place.accepted(task) == 1

    at(tmp_path, use)
