"""Runs and leases kept in memory, for as long as the process lives."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from threading import Condition, Event, RLock
from time import monotonic

from ame import errors
from ame.runs.datasets import Dataset
from ame.runs.leases import Asked, Capacity, Claim, Lease, grant
from ame.runs.run import Run
from ame.runs.state import State
from ame.runs.step import Artifact, Attempt, Metric, Record, Step
from ame.runs.store import Cursor, Filter, Page

_POLL = 0.02
"""Seconds between two looks at a cancel event."""


class MemoryStore:
    """A `Store` whose cost grows with the number of runs, and that ends with the process.

    `datasets` are the data sets kept beside them.
    """

    def __init__(self) -> None:
        self.datasets = MemoryDatasets()
        self._lock = RLock()
        self._runs: dict[str, Run] = {}
        self._steps: dict[str, dict[str, Step]] = {}
        self._attempts: dict[str, dict[tuple[str, int], Attempt]] = {}
        self._metrics: dict[str, list[Metric]] = {}
        self._artifacts: dict[str, dict[tuple[str, str], Artifact]] = {}

    def save(self, *records: Record) -> None:
        with self._lock:
            created = {name: run.created for name, run in self._runs.items()}
            for record in records:
                if isinstance(record, Run):
                    first = created.setdefault(record.name, record.created)
                    if record.created != first:
                        raise errors.RunConflict(record.name)
            for record in records:
                if not isinstance(record, Run) and record.run not in created:
                    raise errors.RunNotFound(record.run)
            for record in records:
                self._keep(record)

    def find(self, name: str) -> Run:
        with self._lock:
            if name in self._runs:
                return self._runs[name]
            newest = self._newest_first()
        for run in newest:
            if run.task == name:
                return run
        from difflib import get_close_matches

        known = dict.fromkeys(known for run in newest for known in (run.task, run.name))
        raise errors.RunNotFound(name, get_close_matches(name, known))

    def page(self, where: Filter, *, limit: int, after: Cursor | None = None) -> Page:
        with self._lock:
            newest = self._newest_first()
        if after is not None:
            names = [run.name for run in newest]
            if after.name in names:
                newest = newest[names.index(after.name) + 1 :]
            else:
                newest = [run for run in newest if run.created < after.created]
        passed = [run for run in newest if _passes(run, where)]
        shown = tuple(passed[:limit])
        if len(passed) <= limit:
            return Page(runs=shown, after=None)
        return Page(runs=shown, after=Cursor(created=shown[-1].created, name=shown[-1].name))

    def unfinished(self) -> tuple[Run, ...]:
        with self._lock:
            return tuple(run for run in self._newest_first() if not run.state.final)

    def steps(self, run: str) -> tuple[Step, ...]:
        with self._lock:
            steps = tuple(self._steps.get(run, {}).values())
        return tuple(sorted(steps, key=lambda step: (step.index, step.name)))

    def attempts(self, run: str) -> tuple[Attempt, ...]:
        with self._lock:
            attempts = tuple(self._attempts.get(run, {}).values())
        return tuple(sorted(attempts, key=lambda tried: (tried.started, tried.step, tried.number)))

    def metrics(self, run: str) -> tuple[Metric, ...]:
        with self._lock:
            return tuple(self._metrics.get(run, ()))

    def artifacts(self, run: str) -> tuple[Artifact, ...]:
        with self._lock:
            artifacts = tuple(self._artifacts.get(run, {}).values())
        return tuple(sorted(artifacts, key=lambda saved: (saved.path, saved.step)))

    def saved(self, project: str, path: str, digest: str) -> bool:
        with self._lock:
            return any(
                artifact.path == path and artifact.digest == digest
                for name, artifacts in self._artifacts.items()
                if self._runs[name].project == project
                for artifact in artifacts.values()
            )

    def digests(self) -> tuple[set[str], set[str]]:
        with self._lock:
            artifacts = {a.digest for saved in self._artifacts.values() for a in saved.values()}
            steps = [step for run in self._steps.values() for step in run.values()]
            return artifacts, {step.outputs for step in steps if step.outputs}

    def artifacts_of(self, project: str, task: str) -> frozenset[tuple[str, str]]:
        with self._lock:
            return frozenset(
                (artifact.path, artifact.digest)
                for run in self._runs.values()
                if (run.project, run.task) == (project, task)
                for artifact in self._artifacts.get(run.name, {}).values()
            )

    def reusable(self, key: str) -> Step | None:
        with self._lock:
            found = [
                step
                for run in self._newest_first()
                for step in self._steps.get(run.name, {}).values()
                if step.key == key != "" and step.outputs and step.state is State.SUCCEEDED
            ]
        return max(found, key=lambda step: (step.ended is not None, step.ended), default=None)

    def remove(self, names: Sequence[str]) -> None:
        with self._lock:
            for name in names:
                self._runs.pop(name, None)
                self._steps.pop(name, None)
                self._attempts.pop(name, None)
                self._metrics.pop(name, None)
                self._artifacts.pop(name, None)

    def close(self) -> None:
        """Nothing to end."""

    def _keep(self, record: Record) -> None:
        match record:
            case Run():
                self._runs[record.name] = record
            case Step():
                self._steps.setdefault(record.run, {})[record.name] = record
            case Attempt():
                tried = self._attempts.setdefault(record.run, {})
                tried[record.step, record.number] = record
            case Metric():
                self._metrics.setdefault(record.run, []).append(record)
            case Artifact():
                saved = self._artifacts.setdefault(record.run, {})
                saved[record.step, record.path] = record

    def _newest_first(self) -> list[Run]:
        newest = sorted(self._runs.values(), key=lambda run: run.created)
        newest.reverse()
        return newest


class MemoryDatasets:
    """`Datasets` that end with the process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], Dataset] = {}

    def find(self, project: str, name: str, key: str) -> Dataset | None:
        return self._kept.get((project, name, key))

    def save(self, dataset: Dataset) -> None:
        self._kept[dataset.project, dataset.name, dataset.key] = dataset

    def list(self, project: str = "") -> tuple[Dataset, ...]:
        found = [one for one in tuple(self._kept.values()) if project in ("", one.project)]
        found.sort(key=lambda one: one.key)
        found.sort(key=lambda one: one.created, reverse=True)
        return tuple(sorted(found, key=lambda one: (one.project, one.name)))

    def remove(self, dataset: Dataset) -> None:
        self._kept.pop((dataset.project, dataset.name, dataset.key), None)


class MemoryLeases:
    """`Leases` among the threads of one process."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._changed = Condition()
        self._numbers = count(1)
        self._held: dict[int, Lease] = {}
        self._asked: dict[int, Asked] = {}

    def take(self, claim: Claim, *, holder: str, now: datetime) -> Lease | None:
        return self.wait(claim, holder=holder, now=now, timeout=0)

    def wait(
        self,
        claim: Claim,
        *,
        holder: str,
        now: datetime,
        timeout: float | None = None,
        cancel: Event | None = None,
    ) -> Lease | None:
        self._capacity.check(claim)
        end = None if timeout is None else monotonic() + timeout
        with self._changed:
            number = next(self._numbers)
            self._asked[number] = Asked(number=number, holder=holder, claim=claim, since=now)
            self._grant(now)
            while number in self._asked:
                if (cancel and cancel.is_set()) or (end is not None and monotonic() >= end):
                    del self._asked[number]
                    self._grant(now)
                    return None
                self._changed.wait(_POLL)
            return self._held[number]

    def release(self, lease: Lease, *, now: datetime) -> None:
        with self._changed:
            self._held.pop(lease.number, None)
            self._grant(now)

    def awaited(self, *, but: str) -> bool:
        with self._changed:
            return any(one.holder != but for one in self._asked.values())

    def held(self) -> tuple[Lease, ...]:
        with self._changed:
            return tuple(self._held[number] for number in sorted(self._held))

    def close(self) -> None:
        """Nothing to end."""

    def _grant(self, now: datetime) -> None:
        for lease in grant(self._capacity, self._held.values(), self._asked.values(), now=now):
            self._held[lease.number] = lease
            del self._asked[lease.number]
            self._changed.notify_all()


def _passes(run: Run, where: Filter) -> bool:
    return (
        (not where.states or run.state in where.states)
        and (not where.project or run.project == where.project)
        and (not where.task or run.task == where.task)
        and where.search.casefold() in run.name.casefold()
    )
