from ame.runs import Schedule, State

DIAMOND = {
    "prepare": [],
    "left": ["prepare"],
    "right": ["prepare"],
    "join": ["left", "right"],
}


def test_steps_start_when_all_they_need_has_succeeded() -> None:
    schedule = Schedule(DIAMOND)

    assert schedule.begin().start == ("prepare",)
    assert schedule.succeeded("prepare").start == ("left", "right")
    assert schedule.succeeded("right").start == ()
    assert schedule.succeeded("left").start == ("join",)
    assert schedule.succeeded("join").end is State.SUCCEEDED


def test_a_failed_step_cancels_its_heirs_and_lets_its_neighbour_finish() -> None:
    schedule = Schedule(DIAMOND)
    schedule.begin()
    schedule.succeeded("prepare")

    failed = schedule.failed("left")

    assert failed.cancel == (("join", "left failed"),)
    assert failed.end is None
    ended = schedule.succeeded("right")
    assert (ended.end, ended.reason) == (State.FAILED, "left failed")


def test_a_stopped_run_starts_nothing_more_and_ends_with_its_last_running_step() -> None:
    schedule = Schedule(DIAMOND)
    schedule.begin()

    stopped = schedule.stop("interrupted")

    assert [name for name, _ in stopped.cancel] == ["left", "right", "join"]
    assert stopped.end is None
    ended = schedule.cancelled("prepare")
    assert (ended.start, ended.end, ended.reason) == ((), State.CANCELLED, "interrupted")


def test_a_resumed_run_starts_behind_the_steps_that_are_done() -> None:
    schedule = Schedule.resumed(DIAMOND, ["prepare", "left"])

    assert schedule.begin().start == ("right",)
    assert schedule.succeeded("right").start == ("join",)


def test_a_run_all_of_whose_steps_are_done_has_succeeded() -> None:
    assert Schedule.resumed(DIAMOND, DIAMOND).begin().end is State.SUCCEEDED
