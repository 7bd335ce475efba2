"""A fault: one thing that is wrong in a file."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Fault(NamedTuple):
    """One thing that is wrong in a file, and where."""

    file: "Path"
    line: int
    """From 1; 0 when the fault is of no one line."""
    column: int
    """From 1; 0 when the fault is of no one column."""
    path: str
    """The way to it in the file's own keys, `tasks[2].executor.command`; empty for the whole."""
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)
        said = ": ".join(part for part in (place, self.path, self.message) if part)
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in said)
