"""Several tasks of one visit: done together, given back, and gone on with."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from ame.device import memory
from ame.device.visit import Outcome
from device import devices
from device.devices import Died, Place, Through, at

SEVERAL = "TASK_ASSIGNMENT_MODE_MULTIPLE"


def test_a_device_does_all_tasks_that_go_together_and_one_more_in_a_visit(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        for mode in (SEVERAL, SEVERAL, ""):
            await place.task(min_aggregation_size=1, total_iteration=1, mode=mode)
        own = place.device()

        seen = await own.visit()

        assert (seen.outcome, seen.task) == (Outcome.CONTRIBUTED, "p/1, p/2, p/3")
        assert [await place.accepted(number) for number in (1, 2, 3)] == [1, 1, 1]
        assert set(own.memory.kept.past.contributed) == {"p/1", "p/2", "p/3"}
        assert own.memory.kept.held is None

    at(tmp_path, use)


@pytest.mark.parametrize("mode", [SEVERAL, ""])
@pytest.mark.parametrize("dies", [False, True])
def test_what_a_device_was_given_is_free_when_it_asks_again_if_the_answer_was_lost(
    tmp_path: Path, mode: str, dies: bool
) -> None:
    """Whether the device could not reach the server any more, or was cut off itself."""

    async def use(place: Place) -> None:
        for _ in range(2):
            await place.task(min_aggregation_size=1, max_aggregation_size=1, mode=mode)
        given = devices.dies(1) if dies else devices.lost(*range(1, 9))
        with memory.Folder(tmp_path / "device") as kept:
            through = Through(place.server.peer.client, after=given)
            with contextlib.suppress(Died):
                seen = await place.device(memory=kept, through=through).visit()
                assert seen.outcome is Outcome.FAILED
            assert kept.kept.left
        assert await active(place) == (2 if mode else 1)

        with memory.Folder(tmp_path / "device") as kept:
            seen = await place.device(memory=kept).visit()
            assert not kept.kept.left

        assert seen.outcome is Outcome.CONTRIBUTED
        assert await active(place) == 0
        assert sum([await place.accepted(number) for number in (1, 2)]) == (2 if mode else 1)

    at(tmp_path, use)


async def active(place: Place) -> int:
    shown = [await place.task_of(number) for number in (1, 2)]
    return sum(int(each["active"]) for task in shown for each in task["rounds"])


def test_a_device_that_is_stopped_before_it_heard_of_its_tasks_gives_them_back(
    tmp_path: Path,
) -> None:
    async def use(place: Place) -> None:
        for _ in range(2):
            await place.task(mode=SEVERAL)

        def cancelled(number: int) -> None:
            if number == 1:
                raise asyncio.CancelledError

        through = Through(place.server.peer.client, after=cancelled)
        own = place.device(through=through)
        with pytest.raises(asyncio.CancelledError):
            await own.visit()

        assert len(through.sent) == 3
        assert await active(place) == 0
        assert not own.memory.kept.left

    at(tmp_path, use)


def test_one_of_several_tasks_that_fails_leaves_the_others(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        await place.task(mode=SEVERAL, client_plan=devices.query_plan("nowhere"))
        await place.task(min_aggregation_size=1, total_iteration=1, mode=SEVERAL)

        seen = await place.device().visit()

        assert (seen.outcome, seen.task) == (Outcome.CONTRIBUTED, "p/2")
        assert "nowhere" in seen.why
        assert [await place.accepted(number) for number in (1, 2)] == [0, 1]

    at(tmp_path, use)


@pytest.mark.parametrize("request_", range(2, 2 + 2 * 6))
def test_a_device_that_dies_in_the_middle_of_several_tasks_does_each_once(
    request_: int, tmp_path: Path
) -> None:
    async def use(place: Place) -> None:
        for _ in range(2):
            await place.task(min_aggregation_size=1, total_iteration=1, mode=SEVERAL)
        with memory.Folder(tmp_path / "device") as kept:
            through = Through(place.server.peer.client, after=devices.dies(request_))
            with contextlib.suppress(Died):
                await place.device(memory=kept, through=through).visit()
        with memory.Folder(tmp_path / "device") as kept:
            for _ in range(2):
                if kept.kept.held is not None:
                    await place.device(memory=kept).visit()
            assert set(kept.kept.past.contributed) == {"p/1", "p/2"}
        assert [await place.accepted(number) for number in (1, 2)] == [1, 1]

    at(tmp_path, use)


def test_a_device_that_is_asked_to_end_gives_back_what_it_has_not_begun(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        for _ in range(2):
            await place.task(min_aggregation_size=1, total_iteration=1, mode=SEVERAL)

        def cancelled(number: int) -> None:
            if number == 2:
                raise asyncio.CancelledError

        through = Through(place.server.peer.client, before=cancelled)
        with pytest.raises(asyncio.CancelledError):
            await place.device(through=through).visit()

        database = place.server.app.fleet.database
        found = await database.read(lambda r: r.execute("SELECT status FROM assignments"))
        assert [status for (status,) in found] == [101, 101]

    at(tmp_path, use)
