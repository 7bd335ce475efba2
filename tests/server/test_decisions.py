"""What the server decides, without a server."""

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ame import errors
from ame.protocol.pb import odp_task
from ame.server import rounds, tasks
from ame.server.leading.schedule import Begin, End, Move, due, selected
from ame.server.rounds import Round, RoundStatus
from ame.server.tasks import Task, TaskStatus
from ame.server.visits import pace
from ame.server.visits.assignments import AssignmentStatus, Why, Wish
from ame.server.visits.openings import Opening, Openings, Weights


def task(number: int = 1, status: TaskStatus = TaskStatus.OPEN, **proto: Any) -> Task:
    proto.setdefault("total_iteration", 3)
    proto.setdefault("min_aggregation_size", 2)
    proto.setdefault("info", {"traffic_weight": 1, "training_info": {}})
    return Task(population="p", id=number, status=status, proto=odp_task.Task(**proto), created=0)


def made(number: int, status: RoundStatus = RoundStatus.COMPLETED, **more: Any) -> Round:
    return Round(
        population="p", task=1, number=number, status=status, aggregation=f"a{number}", base=0,
        goal=2, capacity=3, checkpoint="c", opened=0, ended=more.pop("ended", float(number)),
        **more,
    )  # fmt: skip


COLLECTING = RoundStatus.COLLECTING


def test_the_moves_of_tasks_and_rounds_are_those_of_the_tables_and_no_others() -> None:
    for status in TaskStatus:
        for to in TaskStatus:
            if to in tasks.MOVES[status]:
                assert task(status=status).moved(to).status is to
            else:
                with pytest.raises(errors.TaskMoveRefused, match=f"is {status.name}"):
                    task(status=status).moved(to)
    for state in RoundStatus:
        for ending in RoundStatus:
            if ending in rounds.MOVES[state]:
                assert made(1, state).moved(ending).status is ending
            else:
                with pytest.raises(errors.RoundMoveRefused, match="round 1 of task p/1"):
                    made(1, state).moved(ending)
    assert all(status.active == (status < 50) for status in RoundStatus)
    assert [status for status in AssignmentStatus if status.active] == [0, 1]


@pytest.mark.parametrize(
    ("least", "most", "version", "admitted"),
    [
        ("0", "999999999", "7", True),
        ("", "", "", True),
        ("10", "", "9", False),
        ("1.10", "", "1.9", False),
        ("", "2", "10", False),
        ("2", "2", "2", True),
    ],
)
def test_versions_are_compared_as_numbers(
    least: str, most: str, version: str, admitted: bool
) -> None:
    bounded = task(min_client_version=least, max_client_version=most)

    assert bounded.admits(version) is admitted


def test_a_task_opens_when_it_is_ready_and_its_time_has_come() -> None:
    waiting = task(status=TaskStatus.CREATED, start_task_no_earlier_than={"seconds": 100})

    assert due(waiting, [], ready=True, now=99) == []
    assert due(waiting, [], ready=False, now=101) == []
    assert due(waiting, [], ready=True, now=100) == [Move(to=TaskStatus.OPEN)]


def test_a_round_follows_the_last_and_begins_with_the_newest_result() -> None:
    assert due(task(), [], ready=True, now=0) == [Begin(number=1, base=0)]
    assert due(task(), [made(1, COLLECTING)], ready=True, now=0) == []
    one_canceled = [made(1), made(2, RoundStatus.CANCELED)]
    assert due(task(), one_canceled, ready=True, now=0) == [Begin(number=3, base=1)]


def test_as_many_rounds_run_at_once_as_the_task_allows() -> None:
    parallel = task(max_parallel=2)
    first = [made(1, COLLECTING)]

    assert due(parallel, first, ready=True, now=0) == [Begin(number=2, base=0)]
    assert due(parallel, [*first, made(2, COLLECTING)], ready=True, now=0) == []


def test_a_full_round_is_ended_and_the_last_one_ends_the_task() -> None:
    full = made(3, COLLECTING, accepted=2)

    assert due(task(), [full], ready=True, now=0) == [End(number=3)]
    assert due(task(), [made(3)], ready=True, now=0) == [Move(to=TaskStatus.COMPLETED)]


def test_no_round_begins_after_the_time_that_the_task_names_or_while_it_is_paused() -> None:
    dated = task(do_not_create_iteration_after={"seconds": 50})
    paused = Task(
        population="p", id=1, status=TaskStatus.OPEN, paused=True, proto=task().proto, created=0
    )

    assert due(dated, [made(1)], ready=True, now=49) == [Begin(number=2, base=1)]
    assert due(dated, [made(1)], ready=True, now=50) == [Move(to=TaskStatus.COMPLETED)]
    assert due(paused, [made(1)], ready=True, now=0) == []


def test_a_round_that_failed_fails_its_task_with_its_reason() -> None:
    broken = made(2, RoundStatus.APPLYING_FAILED, reason="no such op")

    assert due(task(), [made(1), broken], ready=True, now=0) == [
        Move(to=TaskStatus.FAILED, reason="round 2: no such op")
    ]


@pytest.mark.parametrize("status", [s for s in TaskStatus if s.final])
def test_nothing_is_due_about_a_task_that_has_ended(status: TaskStatus) -> None:
    assert due(task(status=status), [], ready=True, now=0) == []


def evaluation(**proto: Any) -> Task:
    every_2 = {"iteration_selector": {"size": 2}}
    info = {"traffic_weight": 1, "evaluation_info": {"check_point_selector": every_2}}
    return task(info=info, total_iteration=100, **proto)


def test_an_evaluation_looks_once_at_each_checkpoint_that_its_selector_picks() -> None:
    trained = [made(number) for number in (1, 2, 4, 5)]

    assert due(evaluation(), [], trained=trained, ready=True, now=0) == [
        Begin(number=1, base=0, evaluated=1)
    ]
    seen = [made(1, evaluated=1)]
    assert due(evaluation(), seen, trained=trained, ready=True, now=0) == [
        Begin(number=2, base=0, evaluated=4)
    ]
    assert due(evaluation(), [], trained=[], ready=True, now=0) == []


def test_an_evaluation_is_over_when_no_more_is_trained_and_no_checkpoint_is_left() -> None:
    trained = [made(number) for number in (1, 2, 3)]
    both = [made(1, evaluated=1), made(2, evaluated=3)]
    done = [Move(to=TaskStatus.COMPLETED)]

    assert due(evaluation(), both, trained=trained, learnt=True, ready=True, now=0) == done
    assert due(evaluation(), [], trained=[], learnt=True, ready=True, now=0) == done
    paused = replace(evaluation(), paused=True)
    assert due(paused, both, trained=trained, learnt=True, ready=True, now=0) == done


def test_an_evaluation_is_not_over_while_more_may_be_trained_or_a_checkpoint_is_left() -> None:
    trained = [made(number) for number in (1, 2, 3)]
    first = [made(1, evaluated=1)]
    looking = [*first, made(2, COLLECTING, evaluated=3)]
    canceled = [*first, made(2, RoundStatus.CANCELED, evaluated=3)]

    assert due(evaluation(), first, trained=trained[:2], ready=True, now=0) == []
    assert due(evaluation(), first, trained=trained, learnt=True, ready=True, now=0) == [
        Begin(number=2, base=0, evaluated=3)
    ]
    assert due(evaluation(), looking, trained=trained, learnt=True, ready=True, now=0) == []
    assert due(evaluation(), canceled, trained=trained, learnt=True, ready=True, now=0) == [
        Begin(number=3, base=0, evaluated=3)
    ]


def test_a_selector_of_hours_takes_the_first_round_of_each_span() -> None:
    selector = odp_task.CheckPointSelector(duration_selector={"hours": 2})
    trained = [made(n, ended=600.0 + 3600 * hours) for n, hours in ((1, 0), (2, 1), (3, 2), (4, 5))]

    assert selected(selector, trained) == [1, 3, 4]


def opening(number: int, *, weight: int = 1, **proto: Any) -> Opening:
    info = {"traffic_weight": weight}
    return Opening(task=task(number, info=info, **proto), aggregation=f"a{number}")


def test_tasks_are_drawn_by_their_traffic_weights() -> None:
    openings = Openings([opening(1, weight=1), opening(2, weight=3), opening(3, weight=0)])
    random = Random(1)

    drawn = Counter(
        chosen.task.id
        for _ in range(4000)
        if isinstance(chosen := openings.choose(Wish(version="1"), random.random, now=0), Opening)
    )

    assert drawn[3] == 0
    assert drawn[2] / drawn[1] == pytest.approx(3, rel=0.15)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=6))
def test_a_device_gets_a_task_whenever_there_is_one_that_it_may_join(
    given: list[tuple[int, bool, bool]],
) -> None:
    openings = [
        opening(n, weight=weight, min_client_version="5" if newer else "0")
        for n, (weight, _, newer) in enumerate(given)
    ]
    fitting = {
        each.task.id
        for each, (weight, room, newer) in zip(openings, given, strict=True)
        if weight and room and not newer
    }

    known = Openings(openings)
    for n, (_, room, _) in enumerate(given):
        if not room:
            known.shut(f"a{n}", until=9)
    chosen = known.choose(Wish(version="4"), Random(2).random, now=0)

    if fitting:
        assert isinstance(chosen, Opening)
        assert chosen.task.id in fitting
    else:
        assert isinstance(chosen, Why)


def test_the_reason_told_is_the_one_nearest_to_a_task() -> None:
    full, newer = opening(9), opening(2, min_client_version="9")
    closed = Opening(task=task(3))

    def why(*openings: Opening, **wish: Any) -> Any:
        known = Openings(openings)
        known.shut("a9", until=9)
        return known.choose(Wish(version="1", **wish), Random(3).random, now=0)

    assert why(full, newer, closed) is Why.FULL
    assert why(full, eligible={"p/9": 1.0}) is Why.FULL
    assert why(newer, closed) is Why.NOT_OPEN
    assert why(newer) is Why.VERSION
    assert why() is Why.NO_TASK
    assert why(opening(1), eligible={"p/1": 0.0}) is Why.NOT_ELIGIBLE
    assert why(opening(1), eligible={}) is Why.NOT_ELIGIBLE


def test_of_a_task_with_two_rounds_the_second_takes_devices_while_the_first_is_full() -> None:
    openings = Openings()
    openings.put(opening(1).task, ["a1", "a2"])

    def drawn(now: float) -> Any:
        return openings.choose(Wish(version="1"), Random(5).random, now=now)

    assert drawn(0).aggregation == "a1"
    openings.shut("a1", until=2)
    assert drawn(1).aggregation == "a2"
    openings.shut("a2", until=3)
    assert drawn(1) is Why.FULL
    assert drawn(2).aggregation == "a1"


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=40))
def test_weights_that_change_are_found_by_their_shares(changes: list[tuple[int, int]]) -> None:
    weights, known = Weights(), [0] * 10
    for place, weight in changes:
        while len(weights) <= place:
            weights.grow()
        weights.put(place, weight)
        known[place] = weight

    expected = [place for place, weight in enumerate(known) for _ in range(weight)]
    assert weights.total == len(expected)
    assert [weights.find(at) for at in range(weights.total)] == expected


def test_the_devices_own_weights_count() -> None:
    openings = Openings([opening(1), opening(2), opening(3)])
    wish = Wish(version="1", eligible={"p/1": 0.25, "p/2": 0.75, "q/9": 1.0})
    random = Random(4)

    drawn = Counter(
        chosen.task.id
        for _ in range(4000)
        if isinstance(chosen := openings.choose(wish, random.random, now=0), Opening)
    )

    assert drawn[3] == 0
    assert drawn[2] / drawn[1] == pytest.approx(3, rel=0.15)


def test_a_window_is_widened_until_so_many_devices_come_no_faster_than_is_wanted() -> None:
    base = pace.Window(least=60, most=300)

    assert pace.window(base, devices=100, rate=1) == base
    assert pace.window(base, devices=36_000, rate=10) == pace.Window(least=60, most=3660)
    assert pace.window(base, devices=1e9, rate=10).most == 2 * pace.DAY
    assert pace.window(pace.LATER, devices=1e9, rate=10) == pace.LATER
    assert pace.window(base, devices=1e9, rate=0) == base


def test_a_census_forgets_those_who_stay_away() -> None:
    census = pace.Census(period=100)
    for _ in range(8):
        census.add(0)

    assert census.devices(0) == 8
    assert census.devices(200) == 2
