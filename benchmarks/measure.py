"""What the benchmarks share: programs timed in turns, and tables for people."""

import os
import platform
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command to be timed."""

    argv: Sequence[str]
    folder: Path | None = None
    variables: Mapping[str, str] | None = None


class ProgramFailed(Exception):
    """It did not end well; what it said."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a program took, in seconds; the CPU's of it and of all that it waited for."""

    wall: float
    cpu: float

    def best(self, other: "Cost") -> "Cost":
        """Of each the less."""
        return Cost(min(self.wall, other.wall), min(self.cpu, other.cpu))


# An installed program has its bytecode.
_INHERITED = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

NEVER = Cost(float("inf"), float("inf"))


def once(program: Program) -> Cost:
    """Runs it to its end."""
    begin = time.perf_counter()
    child = subprocess.Popen(
        program.argv,
        cwd=program.folder,
        env={**_INHERITED, **(program.variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, use = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise ProgramFailed(said.decode(errors="replace").strip().rpartition("\n")[2])
    return Cost(time.perf_counter() - begin, use.ru_utime + use.ru_stime)


def machine() -> str:
    """What it was measured on, in words."""
    cpus = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = os.uname()
    version = platform.python_version()
    load = os.getloadavg()[0]
    return (
        f"{cpus} cores, {memory:.0f} GiB, {system.sysname} {system.release.split('-')[0]} on "
        f"{system.machine}, Python {version}, load {load:.0f} when it began"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
