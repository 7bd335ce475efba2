"""What a device remembers: its contributions, when it comes back, the session under way.

A session is remembered from its assignment on, so that after a crash it goes on where it was. What
was submitted is a contribution, and no session any more, in one step.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from google.protobuf.message import DecodeError

from ame import errors
from ame.protocol.eligibility import Past
from ame.protocol.pb import aggregations, task_assignments

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A session under way, from its assignment on."""

    population: str
    assignment: task_assignments.TaskAssignment
    indices: Mapping[str, int] = field(default_factory=dict)
    """What a contribution will be remembered by, for policies of minimum separation."""
    wait: float = 0.0
    """Seconds until the device is to come back once this is over; picked once."""
    result: bytes | None = None
    """What was computed, where it was."""
    took: float = 0.0
    """Seconds that it took."""
    upload: aggregations.StartAggregationDataUploadResponse | None = None
    """Where it goes, once the server has said so."""
    waiting: tuple[Held, ...] = ()
    """The others that were had in the same visit; they come one after another."""

    @property
    def next(self) -> Held | None:
        """The session whose turn it is when this one is over."""
        return replace(self.waiting[0], waiting=self.waiting[1:]) if self.waiting else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """All that a device remembers."""

    past: Past = field(default_factory=Past)
    returns: float = 0.0
    """When it may check in again, in seconds since the epoch."""
    held: Held | None = None
    left: str = ""
    """The id of a session that asked for tasks, and has not heard which ones it was given."""


class Memory(Protocol):
    """Where one device remembers. Every change is whole, or did not happen."""

    @property
    def kept(self) -> Kept:
        """What it remembers now."""
        ...

    def keep(self, kept: Kept) -> None:
        """Remembers this instead; it outlives what happens next."""
        ...


def contributed(kept: Kept, held: Held, *, now: float) -> Kept:
    """What is remembered once a session's result was taken in."""
    return replace(
        kept,
        past=Past(
            contributed={**kept.past.contributed, held.assignment.task_name: now},
            indices={**kept.past.indices, **held.indices},
        ),
        held=held.next,
    )


class Brief:
    """A memory that ends with its process, for devices that are simulated."""

    def __init__(self) -> None:
        self.kept = Kept()

    def keep(self, kept: Kept) -> None:
        """See `Memory`."""
        self.kept = kept


class Folder:
    """A memory in a folder that one process uses at a time. To be closed by `with`."""

    def __init__(self, folder: Path) -> None:
        """Reads what is there.

        Raises:
            errors.MemoryHeld: another process uses it.
            errors.MemoryDamaged: it cannot be read.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = folder / "memory.json"
        self._result = folder / "result"
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise errors.MemoryHeld(folder) from None
        self.kept = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._lock)

    def keep(self, kept: Kept) -> None:
        """See `Memory`."""
        had = self.kept.held
        result = kept.held.result if kept.held else None
        if result is not None and (had is None or had.result is not result):
            _write(self._result, result)
        _write(self._file, json.dumps(_written(kept)).encode())
        if result is None:
            self._result.unlink(missing_ok=True)
        self.kept = kept

    def _read(self) -> Kept:
        try:
            said = json.loads(self._file.read_bytes())
            if said["format"] != FORMAT:
                raise errors.MemoryDamaged(self._file, f"its format is {said['format']}")
            result = self._result.read_bytes() if said["held"] and said["held"]["result"] else None
            return _kept(said, result)
        except FileNotFoundError:
            return Kept()
        except (ValueError, KeyError, TypeError, DecodeError) as error:
            raise errors.MemoryDamaged(self._file, str(error)) from None


def _written(kept: Kept) -> dict[str, Any]:
    held = kept.held
    return {
        "format": FORMAT,
        "contributed": dict(kept.past.contributed),
        "indices": dict(kept.past.indices),
        "returns": kept.returns,
        "held": held and _session(held),
        "left": kept.left,
    }


def _session(held: Held) -> dict[str, Any]:
    return {
        "population": held.population,
        "assignment": _text(held.assignment.SerializeToString()),
        "indices": dict(held.indices),
        "wait": held.wait,
        "result": held.result is not None,
        "took": held.took,
        "upload": held.upload and _text(held.upload.SerializeToString()),
        "waiting": [_session(each) for each in held.waiting],
    }


def _kept(said: dict[str, Any], result: bytes | None) -> Kept:
    return Kept(
        past=Past(contributed=said["contributed"], indices=said["indices"]),
        returns=float(said["returns"]),
        held=said["held"] and _held(said["held"], result),
        left=said.get("left", ""),
    )


def _held(said: dict[str, Any], result: bytes | None) -> Held:
    return Held(
        population=said["population"],
        assignment=task_assignments.TaskAssignment.FromString(_bytes(said["assignment"])),
        indices=said["indices"],
        wait=float(said["wait"]),
        result=result,
        took=float(said.get("took", 0.0)),
        upload=said["upload"]
        and aggregations.StartAggregationDataUploadResponse.FromString(_bytes(said["upload"])),
        waiting=tuple(_held(each, None) for each in said.get("waiting", ())),
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def _write(path: Path, content: bytes) -> None:
    """Replaces a file in one move, durably."""
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
