from datetime import UTC, datetime
from pathlib import Path

from ame import process, runs
from ame.engine.keeping import lost
from ame.runs.memory import MemoryStore

NOBODY = str(process.Identity(boot="another", pid=1, start=1))
"""A process of before the machine was started."""
RUNNING, FAILED = runs.State.RUNNING, runs.State.FAILED


def a_run(name: str, owner: str, state: runs.State = RUNNING) -> runs.Run:
    return runs.Run(
        name=name, task="t", project="p", created=datetime.now(UTC), owner=owner, state=state
    )


class Late(MemoryStore):
    """A store in which every run ends just after the unfinished ones were read."""

    def unfinished(self) -> tuple[runs.Run, ...]:
        found = super().unfinished()
        for run in found:
            self.save(a_run(run.name, run.owner, runs.State.SUCCEEDED))
        return found

    def save(self, *records: runs.Record) -> None:
        kept = {run.name: run for run in self._runs.values()}
        for record in records:
            if isinstance(record, runs.Run) and record.name in kept:
                object.__setattr__(record, "created", kept[record.name].created)
        super().save(*records)


def test_a_run_without_its_leader_is_lost_with_all_of_it(tmp_path: Path) -> None:
    store = MemoryStore()
    store.save(
        a_run("r", NOBODY),
        runs.Step(run="r", name="one", index=0, state=RUNNING),
        runs.Step(run="r", name="two", index=1),
        runs.Attempt(run="r", step="one", number=1, started=datetime.now(UTC)),
    )

    assert [run.name for run in lost.mark(store, tmp_path)] == ["r"]

    assert (store.find("r").state, store.find("r").reason) == (FAILED, lost.REASON)
    assert [(step.state, step.reason) for step in store.steps("r")] == [
        (FAILED, lost.REASON),
        (runs.State.CANCELLED, "one failed"),
    ]
    assert [each.state for each in store.attempts("r")] == [FAILED]
    assert lost.mark(store, tmp_path) == ()


def test_a_run_that_is_led_is_left_alone(tmp_path: Path) -> None:
    store = MemoryStore()
    store.save(a_run("r", str(process.own_identity())))

    assert lost.mark(store, tmp_path) == ()
    assert store.find("r").state is RUNNING


def test_a_run_that_ends_while_it_is_looked_at_keeps_its_end(tmp_path: Path) -> None:
    store = Late()
    store.save(a_run("r", NOBODY))

    assert lost.mark(store, tmp_path) == ()
    assert store.find("r").state is runs.State.SUCCEEDED
