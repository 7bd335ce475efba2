"""What a step reports while it runs: lines of JSON that it appends to the file `AME_REPORT`.

Any program can: `echo '{"metric": "accuracy", "value": 0.97}' >> "$AME_REPORT"`. A line is one of

    {"metric": NAME, "value": NUMBER, "iteration": WHOLE NUMBER or null}
    {"progress": 0 to 1, "message": TEXT}
    {"failed": TEXT}

Keys that are not known are passed over, so that newer programs can say more.
"""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A metric."""

    name: str
    value: float
    iteration: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the step is, from 0 to 1."""

    done: float
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why the step fails, should it fail."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A line that could not be understood."""

    line: str
    why: str


Entry = Measured | Progress | Failure | Unread


class Reader:
    """Reads a report as it grows. A line counts once it has ended; `last` takes the rest too."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0
        self._rest = b""

    def new(self, *, last: bool = False) -> list[Entry]:
        """What has come since the last call."""
        try:
            with self._file.open("rb") as report:
                report.seek(self._read)
                content = report.read()
        except OSError:  # it is not there yet, or the step has made something else of it
            return []
        self._read += len(content)
        *lines, self._rest = (self._rest + content).split(b"\n")
        if last:
            lines.append(self._rest)
            self._rest = b""
        return [parse(line.decode(errors="replace")) for line in lines if line.strip()]


def parse(line: str) -> Entry:
    """One line as a value; never raises."""
    try:
        entry = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        return Unread(line=line, why=f"it is not JSON: {error}")
    match entry:
        case {"metric": str(name), "value": bool() | int() | float() as value} if name:
            iteration = entry.get("iteration")
            if iteration is None or (isinstance(iteration, int) and abs(iteration) < 2**63):
                return _measured(line, name, value, iteration)
            return Unread(line=line, why="`iteration` is not a whole number")
        case {"progress": bool() | int() | float() as done} if 0 <= done <= 1:
            return Progress(done=float(done), message=str(entry.get("message", "")))
        case {"failed": str(reason)} if reason.strip():
            return Failure(reason=reason.strip())
        case {"failed": _}:
            return Unread(line=line, why="`failed` is a text")
        case {"metric": _}:
            return Unread(line=line, why="`metric` needs a name, and `value` a number")
        case {"progress": _}:
            return Unread(line=line, why="`progress` is a number from 0 to 1")
        case _:
            return Unread(line=line, why="it has neither `metric`, `progress` nor `failed`")


def _measured(line: str, name: str, value: float, iteration: int | None) -> Entry:
    try:
        return Measured(name=name, value=float(value), iteration=iteration)
    except OverflowError:
        return Unread(line=line, why="`value` is too large a number")
