"""A federated job in the run store, beside all other runs: one step for the server, one a site."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ame import runs
from ame.federation.exchange.sites import Why
from ame.federation.results.tally import SERVER, Round
from ame.storage import blobs

KIND = "fedjob"
MANY = 2000
"""Sites up to which each has a step of its own; of more, the server tells of all together."""
_AT_ONCE = 500
"""Metrics that wait until they are saved together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run is kept."""

    store: runs.Store
    home: Path
    """The state folder."""
    run: runs.Run

    @property
    def folder(self) -> Path:
        """What the run keeps beside the store: its logs, and by default its workspace."""
        return self.home / "runs" / self.run.name


class Journal:
    """Writes one run. Calls may come from several threads."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._lock = threading.Lock()
        self._steps: dict[str, runs.Step] = {}
        self._metrics: list[runs.Metric] = []
        self._logged: set[str] = set()

    def begin(self, sites: Iterable[str]) -> runs.Run:
        """The job is under way on these sites."""
        now = _now()
        run = replace(self.place.run, state=runs.State.RUNNING, started=now)
        names = list(sites)
        for index, name in enumerate([SERVER, *(names if len(names) <= MANY else ())]):
            running = name == SERVER
            self._steps[name] = runs.Step(
                run=run.name,
                name=name,
                index=index,
                state=runs.State.RUNNING if running else runs.State.PENDING,
                started=now if running else None,
            )
        self.place.store.save(run, *self._steps.values())
        return run

    def asked(self, sites: Iterable[str]) -> None:
        """These sites have something to do."""
        now = _now()
        with self._lock:
            changed = [
                replace(step, state=runs.State.RUNNING, started=step.started or now)
                for step in (self._steps.get(site) for site in sites)
                if step is not None and step.state is not runs.State.RUNNING
            ]
            self._keep(changed)

    def lost(self, site: str, why: Why, of: Round) -> None:
        """A site has given no answer in this round."""
        with self._lock:
            step = self._steps.get(site)
            if step is not None:
                reason = f"{of.label}: {why.text}"
                failed = replace(step, state=runs.State.FAILED, reason=reason, ended=_now())
                self._keep([failed])

    def measured(
        self, step: str, values: Mapping[str, float], iteration: int | None = None
    ) -> None:
        """Numbers of the server or a site. They are in the store after `flush` at the latest."""
        now = _now()
        with self._lock:
            if step not in self._steps:
                return
            self._metrics += [
                runs.Metric(
                    run=self.place.run.name,
                    step=step,
                    name=name,
                    value=value,
                    at=now,
                    iteration=iteration,
                )
                for name, value in values.items()
            ]
            if len(self._metrics) >= _AT_ONCE:
                self._flush()

    def flush(self) -> None:
        """Saves what waits."""
        with self._lock:
            self._flush()

    def printed(self, step: str, chunk: bytes) -> None:
        """Adds to the log of the server or a site; that of many sites is one."""
        with self._lock:
            known = self._steps.get(step) or self._steps[SERVER]
            folder = self.place.folder / str(known.index)
            if known.name not in self._logged:
                folder.mkdir(parents=True, exist_ok=True)
                self._logged.add(known.name)
            with (folder / "log.1").open("ab", buffering=0) as log:
                log.write(chunk)

    def keep(self, path: str, file: Path) -> None:
        """Keeps a file as an artifact of the run."""
        digest, size = blobs.Folder(self.place.home / "blobs").put_file(file)
        self.place.store.save(
            runs.Artifact(run=self.place.run.name, step=SERVER, path=path, digest=digest, size=size)
        )

    def end(self, run: runs.Run, state: runs.State, reason: str) -> runs.Run:
        """The job has ended so; saves the run in its final state."""
        now = _now()
        ended = replace(run, state=state, reason=reason, ended=now)
        with self._lock:
            self._flush()
            last = {
                runs.State.RUNNING: state
                if state is not runs.State.FAILED
                else runs.State.SUCCEEDED,
                runs.State.PENDING: runs.State.CANCELLED,
            }
            self._keep(
                [
                    replace(
                        step,
                        state=state if step.name == SERVER else last[step.state],
                        reason=reason if step.name == SERVER else _why(step),
                        ended=now,
                    )
                    for step in self._steps.values()
                    if not step.state.final
                ]
            )
            self.place.store.save(ended)
        return ended

    def _keep(self, steps: list[runs.Step]) -> None:
        if steps:
            self.place.store.save(*steps)
            self._steps.update({step.name: step for step in steps})

    def _flush(self) -> None:
        if self._metrics:
            self.place.store.save(*self._metrics)
            self._metrics = []


def _why(step: runs.Step) -> str:
    if step.state is runs.State.PENDING:
        return "was asked for nothing"
    return step.reason


def _now() -> datetime:
    return datetime.now(UTC)
