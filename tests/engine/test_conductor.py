"""What becomes of a run when ame itself fails."""

import pytest

from ame import runs
from ame.engine.start import Wish, start
from engine.doing import Doing, Seen, step
from flow.running import processes_with


class Faulty(Seen):
    """Fails when it is told that the step `b` has ended, or of what it prints."""

    def __init__(self, when: str) -> None:
        super().__init__()
        self._when = when

    def step(self, step: runs.Step) -> None:
        if self._when == "it ends" and step.name == "b" and step.state.final:
            raise RuntimeError("a defect")

    def line(self, step: str, text: str) -> None:
        if self._when == "it prints" and step == "b":
            raise RuntimeError("a defect")


@pytest.mark.parametrize(
    ("when", "state"),
    [("it ends", runs.State.SUCCEEDED), ("it prints", runs.State.FAILED)],
)
def test_a_defect_ends_all_that_runs_and_is_raised(
    doing: Doing, when: str, state: runs.State
) -> None:
    (doing.home.folder / "settings.toml").write_text("grace = 1")
    group = [step("a", "sleep 1000"), step("b", "echo printed")]
    doing.file({"name": "all", "pipeline": [group, step("c", "true")]})

    with pytest.raises(RuntimeError, match="a defect"):
        start(Wish(folder=doing.folder, task="all"), doing.home, Faulty(when))

    run = doing.home.store.find("all")
    assert (run.state, run.reason) == (runs.State.FAILED, "a defect")
    states = {each.name: each.state for each in doing.home.store.steps(run.name)}
    assert states["b"] is state
    assert states["c"] is runs.State.CANCELLED
    assert all(state.final for state in states.values())
    assert not processes_with(f"AME_RUN={run.name}")
    assert doing.home.leases.held() == ()


def test_the_process_of_an_attempt_is_kept(doing: Doing) -> None:
    ended = doing.does(step("t", "echo $$"))

    (attempt,) = doing.home.store.attempts(ended.run.name)
    pid = doing.log(ended).decode().strip()
    assert attempt.process.split(":")[1] == pid
