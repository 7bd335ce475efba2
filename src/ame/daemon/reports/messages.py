"""What comes of a child: its reports, what it prints, and its end.

A report is JSON as the Flower task library has always written it; so is a line of it on standard
output. Everything else that a child prints is its log.
"""

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """How good a model is after a round; as text, since a task may report what it likes."""

    round: str
    acc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured in a round, by name."""

    round: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """Something that the parent is to know."""

    text: str

    @property
    def begins(self) -> bool:
        """Whether it says that the child has come up."""
        return self.text == "Started"

    @property
    def finishes(self) -> bool:
        """Whether it says that the child has done what it was to do."""
        return self.text == "Finished"

    @property
    def stops(self) -> bool:
        """Whether it says that somebody else has stopped what the child was about."""
        return self.text == "Stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """Something that a person is to read."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """An exception that the child could not handle."""

    exception: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """The child asks for code of its task to be run, with these arguments."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A line that the child, or what it started, has printed."""

    stream: Stream
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The child is no more. Nothing comes after it."""

    code: int | None
    """Its exit code; None when a signal ended it, or when nobody saw its end."""
    signal: int | None = None
    cause: str = ""
    """Why it was ended, when it did not end by itself: `asked`, `memory`, `storage`, `lost`;
    or an error, in words."""
    last_lines: tuple[str, ...] = ()
    """What it printed last."""
    at: datetime

    @property
    def well(self) -> bool:
        """Whether it ended by itself, with exit code 0."""
        return self.code == 0 and not self.cause

    def __str__(self) -> str:
        if self.cause == "asked":
            return "stopped"
        if self.cause == "memory":
            return "out of memory"
        if self.cause == "lost":
            return "lost: what kept it was killed"
        if self.cause:
            return self.cause
        if self.signal is not None:
            return f"killed by {_signal_name(self.signal)}"
        return f"ended with exit code {self.code}"


Report = Model | Measured | Info | Print | Error | Triggered
Message = Report | Log | Ended


def read(text: str | bytes) -> Report | None:
    """The report that a JSON object is; None when it is none."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match fields:
        case {"type": "model", "round": round_, "acc": acc}:
            return Model(round=_text(round_), acc=_text(acc))
        case {"type": "metrics", "round": round_, "metrics": dict(values)} if _numbers(values):
            return Measured(round=_text(round_), values=values)
        case {"type": "info", "info": said}:
            return Info(text=_text(said))
        case {"type": "print", "message": said}:
            return Print(text=_text(said))
        case {"type": "error", "exception": said}:
            return Error(exception=_text(said))
        case {"type": "trigger", "trigger_name": name}:
            return Triggered(
                name=_text(name), arguments=_arguments(fields.get("trigger_arguments"))
            )
        case _:
            return None


def write(report: Report) -> dict[str, object]:
    """As the JSON object that `read` takes."""
    match report:
        case Model():
            return {"type": "model", "round": report.round, "acc": report.acc}
        case Measured():
            return {"type": "metrics", "round": report.round, "metrics": dict(report.values)}
        case Info():
            return {"type": "info", "info": report.text}
        case Print():
            return {"type": "print", "message": report.text}
        case Error():
            return {"type": "error", "exception": report.exception}
        case Triggered(arguments=()):
            return {"type": "trigger", "trigger_name": report.name, "trigger_arguments": ""}
        case Triggered(arguments=(only,)):
            return {"type": "trigger", "trigger_name": report.name, "trigger_arguments": only}
        case Triggered():
            arguments = list(report.arguments)
            return {"type": "trigger", "trigger_name": report.name, "trigger_arguments": arguments}


def store(message: Message) -> dict[str, object]:
    """Any message as a JSON object, for `restore`."""
    match message:
        case Log():
            return {"type": "log", "stream": message.stream, "line": message.line}
        case Ended():
            return {
                "type": "ended",
                "code": message.code,
                "signal": message.signal,
                "cause": message.cause,
                "last_lines": message.last_lines,
                "at": message.at.isoformat(),
            }
        case _:
            return write(message)


def restore(fields: dict[str, object]) -> Message:
    """The message that was stored."""
    match fields:
        case {"type": "log", "stream": "stdout" | "stderr" as stream, "line": str(line)}:
            return Log(stream=stream, line=line)
        case {"type": "ended", "last_lines": list(lines), "at": str(at)}:
            code, number = fields.get("code"), fields.get("signal")
            return Ended(
                code=code if isinstance(code, int) else None,
                signal=number if isinstance(number, int) else None,
                cause=str(fields.get("cause", "")),
                last_lines=tuple(map(str, lines)),
                at=datetime.fromisoformat(at),
            )
    report = read(json.dumps(fields))
    assert report is not None
    return report


def ended(code: int, *, cause: str, last_lines: tuple[str, ...]) -> Ended:
    """An end that is seen now; `code` is minus the signal's number when a signal brought it."""
    return Ended(
        code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        cause=cause,
        last_lines=last_lines,
        at=datetime.now(UTC),
    )


def _text(said: object) -> str:
    return said if isinstance(said, str) else json.dumps(said)


def _numbers(values: Mapping[object, object]) -> bool:
    return all(isinstance(each, int | float) for each in values.values())


def _arguments(said: object) -> tuple[str, ...]:
    """A text is one argument, whole, as long as there is something in it."""
    if isinstance(said, list):
        return tuple(map(_text, said))
    return () if said in ("", None) else (_text(said),)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
