"""A child in the run store, beside all other runs: one step, an attempt for each start."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec

from ame import runs
from ame.daemon import logs
from ame.daemon.reports import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

KIND: Final = "flower"
ACCURACY: Final = "acc"
"""As which the accuracy is kept that a task reports of its model."""
Given = ParamSpec("Given")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of an attempt until its end."""

    stopped: bool = False
    """Somebody asked for its end."""
    finished: bool = False
    """It said that it has finished."""
    error: str = ""
    """What it reported to have gone wrong."""
    ended: messages.Ended | None = None
    """None: nothing is known of its end."""

    @property
    def over(self) -> bool:
        """Whether it said that it has done what it can."""
        return self.finished or bool(self.error)

    @property
    def code(self) -> int | None:
        """Its exit code; minus the signal's number when a signal ended it."""
        if self.ended is None or self.ended.signal is None:
            return self.ended.code if self.ended else None
        return -self.ended.signal

    @property
    def outcome(self) -> tuple[runs.State, str]:
        """What it came to, and why."""
        if self.finished:
            return runs.State.SUCCEEDED, ""
        if self.stopped:
            return runs.State.CANCELLED, "stopped"
        if self.error:
            return runs.State.FAILED, self.error
        if self.ended is None:
            return runs.State.FAILED, "lost: nobody saw how it ended"
        if self.ended.cause == "asked":
            return runs.State.CANCELLED, "stopped"
        if self.ended.well:
            return runs.State.SUCCEEDED, ""
        lines = reversed(self.ended.last_lines)
        last = next((line.strip() for line in lines if line.strip()), "")
        return runs.State.FAILED, f"{self.ended}: {last}" if last else str(self.ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a child has said since the last batch."""

    values: tuple[tuple[str, int | None, float], ...] = ()
    """What was measured: its name, the round, and the number."""
    lines: tuple[str, ...] = ()


def heard(seen: Seen, said: Iterable[messages.Message]) -> tuple[Seen, Batch]:
    """What is known after these messages, and what is to be kept of them."""
    values: list[tuple[str, int | None, float]] = []
    lines: list[str] = []
    for each in said:
        match each:
            case messages.Model(round=round_, acc=acc):
                values += _measured(round_, {ACCURACY: acc})
                lines.append(f"round {round_}: acc {acc}")
            case messages.Measured(round=round_, values=told):
                values += _measured(round_, told)
                shown = " ".join(f"{name} {value:.6g}" for name, value in told.items())
                lines.append(f"round {round_}: {shown}")
            case messages.Info(text=text):
                seen = replace(
                    seen,
                    finished=seen.finished or each.finishes,
                    stopped=seen.stopped or each.stops,
                )
                lines.append(f"info: {text}")
            case messages.Print(text=text) | messages.Log(line=text):
                lines.append(text)
            case messages.Error(exception=text):
                seen = replace(seen, error=text or "an error without a text")
                lines.append(f"error: {text}")
            case messages.Triggered(name=name, arguments=arguments):
                lines.append(f"trigger: {name} {' '.join(arguments)}".rstrip())
            case messages.Ended():
                seen = replace(seen, ended=each)
    return seen, Batch(values=tuple(values), lines=tuple(lines))


def told(trigger: str, said: Iterable[messages.Message]) -> list[str]:
    """What is written into a run's log of code that its child asked for."""
    lines: list[str] = []
    for each in said:
        if not isinstance(each, messages.Ended):
            lines += heard(Seen(), [each])[1].lines
        elif not each.well:
            lines.append(str(each))
    return [f"trigger {trigger} | {line}" for line in lines]


def _alone(
    do: Callable[Concatenate[Record, Given], None],
) -> Callable[Concatenate[Record, Given], None]:
    """Has what threads tell a record be written one after another."""

    @wraps(do)
    def alone(record: Record, /, *values: Given.args, **named: Given.kwargs) -> None:
        with record.lock:
            do(record, *values, **named)

    return alone


class Record:
    """One run of a child. Any thread may tell what has come of it."""

    def __init__(self, store: runs.Store, home: Path, run: runs.Run, *, step: str) -> None:
        """`home` is the state folder; `step` is what the run's only step is called."""
        self._store = store
        self._home = home
        self._name = step
        self.lock = Lock()
        self.run = run

    @property
    def read(self) -> int:
        """Up to which message of the present attempt all is kept."""
        return int(self._spec().get("read", 0))

    @_alone
    def begin(self) -> None:
        """Saves a run that has not started."""
        self._store.save(self.run, self._step(runs.State.PENDING))

    @_alone
    def start(self, number: int, process: str) -> None:
        """An attempt has started; it is led by a process that outlives this one."""
        now = _now()
        self.run = replace(
            self.run,
            state=runs.State.RUNNING,
            reason="",
            started=self.run.started or now,
            owner=process,
            spec=self._with(attempt=number, read=0, log=0, gone=0),
        )
        attempt = runs.Attempt(
            run=self.run.name, step=self._name, number=number, started=now, process=process
        )
        self._store.save(self.run, self._step(runs.State.RUNNING), attempt)

    @_alone
    def take(self, batch: Batch, read: int) -> None:
        """Keeps what was said, up to message `read`; after a crash, it is not kept again."""
        size = self._append(batch.lines)
        self.run = replace(self.run, spec=self._with(read=read, **size))
        now = _now()
        metrics = [
            runs.Metric(
                run=self.run.name,
                step=self._name,
                name=name,
                value=value,
                at=now,
                iteration=round_,
            )
            for name, round_, value in batch.values
        ]
        self._store.save(self.run, *metrics)

    @property
    def triggers(self) -> dict[str, tuple[str, int]]:
        """Of the triggers that are heard, by their keys: the name, and up to which message."""
        found = self._spec().get("triggers", {})
        return {key: (str(name), int(read)) for key, (name, read) in found.items()}

    @_alone
    def add(self, lines: Sequence[str], key: str = "", name: str = "", read: int = 0) -> None:
        """Keeps what a trigger has said, up to message `read`; without a name it is the last."""
        triggers = {**self.triggers, key: (name, read)}
        if not name:
            del triggers[key]
        size = self._append(lines)
        self.run = replace(self.run, spec=self._with(triggers=triggers, **size))
        self._store.save(self.run)

    @_alone
    def rest(self, owner: str, reason: str, code: int | None) -> None:
        """An attempt has failed, and another one follows after a while."""
        self.run = replace(self.run, state=runs.State.PENDING, reason=reason, owner=owner)
        attempts = self._attempts(runs.State.FAILED, reason, code)
        self._store.save(self.run, self._step(runs.State.PENDING, reason), *attempts)

    @_alone
    def end(self, state: runs.State, reason: str, code: int | None) -> None:
        """The run is over."""
        now = _now()
        self.run = replace(self.run, state=state, reason=reason, ended=now)
        step = replace(self._step(state, reason), ended=now)
        self._store.save(self.run, step, *self._attempts(state, reason, code))

    def _attempts(self, state: runs.State, reason: str, code: int | None) -> list[runs.Attempt]:
        return [
            replace(each, state=state, reason=reason, ended=_now(), exit_code=code)
            for each in self._store.attempts(self.run.name)
            if not each.state.final
        ]

    def _step(self, state: runs.State, reason: str = "") -> runs.Step:
        return runs.Step(
            run=self.run.name,
            name=self._name,
            index=0,
            state=state,
            reason=reason,
            started=self.run.started,
        )

    def _append(self, lines: Sequence[str]) -> dict[str, int]:
        """Adds to the attempt's log; what a crash left behind the last batch is overwritten.

        Returns its size, and how much was let go of its beginning.
        """
        spec = self._spec()
        before, gone = int(spec.get("log", 0)), int(spec.get("gone", 0))
        if lines:
            path = log_path(self._home, self.run.name, int(spec.get("attempt", 1)))
            path.parent.mkdir(parents=True, exist_ok=True)
            content = "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace")
            before = logs.append(path, before, content)
            dropped = logs.shorten(path, before)
            before, gone = before - dropped, gone + dropped
        return {"log": before, "gone": gone}

    def _spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = json.loads(self.run.spec)
        return spec

    def _with(self, **changed: object) -> str:
        return json.dumps({**self._spec(), **changed})


def fresh(name: str, task: str, *, project: str, **spec: object) -> runs.Run:
    """The run that a child begins with; `spec` is told of it."""
    return runs.Run(
        name=name,
        task=task,
        project=project,
        kind=KIND,
        created=_now(),
        spec=json.dumps({"task": task, **spec}),
    )


def log_path(home: Path, run: str, attempt: int) -> Path:
    """Where the log of an attempt is, as it is of any run."""
    return home / "runs" / run / "0" / f"log.{attempt}"


def _measured(round_: str, told: Mapping[str, object]) -> Iterator[tuple[str, int | None, float]]:
    at = _number(round_)
    for name, said in told.items():
        value = _number(said)
        if value is not None:
            yield name, None if at is None else int(at), value


def _number(text: object) -> float | None:
    """The finite number that a text is, if it is one."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _now() -> datetime:
    return datetime.now(UTC)
