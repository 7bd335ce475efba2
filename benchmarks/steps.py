"""What a step costs inside a run: `bash -c true`, one after another, and many at a time.

Beside it, in turns: a bare spawn of the same command; the least that could be done (spawn, capture,
record); Luigi with one child a step, Snakemake, Prefect and Dagster, which are installed on the
first use, each into an environment of its own. A tool that cannot be installed is left out.

Of each program the time of one step is taken off that of many, so that its start does not count,
but in the first column and the last, which is of the whole where both took as many steps.

Usage: python benchmarks/steps.py [--steps N] [--turns N] [--only NAME]...
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import installed
import measure

HERE = Path(__file__).parent
SHAPES = {"seq": "one after another", "wide": "side by side"}
FILES = 50
TRUE = ("bash", "-c", "true")

PEERS: dict[str, tuple[int, tuple[str, ...]]] = {
    "luigi": (1000, ("luigi",)),
    "snakemake": (1000, ("snakemake",)),
    # Newer ones of these two lack what Prefect imports of them.
    "prefect": (1000, ("prefect", "fastapi==0.139.2", "starlette==1.0.1")),
    "dagster": (1000, ("dagster",)),
}
"""For each: the most steps that are run with it, and what is installed."""


@dataclass
class Row:
    """One tool in one shape."""

    name: str
    shape: str
    steps: int
    one: measure.Cost = field(default=measure.NEVER)
    many: measure.Cost = field(default=measure.NEVER)

    @property
    def step(self) -> measure.Cost:
        """Of one step, in milliseconds."""
        of_each = 1000 / (self.steps - 1)
        wall, cpu = self.many.wall - self.one.wall, self.many.cpu - self.one.cpu
        return measure.Cost(wall * of_each, cpu * of_each)


def ame_file(shape: str, steps: int) -> str:
    """A pipeline of no-op steps."""
    dash, rest = ("- ", "  ") if shape == "seq" else ("  - ", "    ")
    lines = ["name: benchmark", "tasks:", "  - name: all", "    pipeline:"]
    if shape == "wide":
        lines.append("      -")
    for number in range(steps):
        lines.append(f"      {dash}name: s{number}")
        lines.append(f"      {rest}executor: !custom")
        lines.append(f"      {rest}  command: 'true'")
    return "\n".join(lines) + "\n"


def ame_program(folder: Path, shape: str, steps: int, files: int) -> measure.Program:
    folder.mkdir(exist_ok=True)
    (folder / "ame.yml").write_text(ame_file(shape, steps))
    for number in range(files):
        (folder / f"file{number}").write_bytes(b"%d" % number * 500)
    argv = (sys.executable, "-c", "from ame.cli.main import main; main()", "task", "run", "all")
    home = folder.parent / "home"
    variables = {"AME_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    return measure.Program(argv=argv, folder=folder, variables=variables)


def peer_program(python: str, name: str, folder: Path, shape: str, steps: int) -> measure.Program:
    script = HERE / "peers" / f"{name}.py"
    folder.mkdir()
    return measure.Program(argv=(python, str(script), shape, str(steps), str(folder)))


def bare_spawn(times: int) -> measure.Cost:
    """Of the command alone, in milliseconds."""
    script = (
        "import os\n"
        f"for _ in range({times}):\n"
        f"    os.waitpid(os.posix_spawn('/bin/bash', {list(TRUE)!r}, os.environ), 0)\n"
    )
    one = measure.once(measure.Program(argv=(sys.executable, "-c", "pass")))
    many = measure.once(measure.Program(argv=(sys.executable, "-c", script)))
    return measure.Cost((many.wall - one.wall) * 1000 / times, (many.cpu - one.cpu) * 1000 / times)


def rows_of(only: Sequence[str], steps: int) -> Iterator[tuple[Row, str]]:
    """What is measured, each with the interpreter that runs it."""
    wanted = [peer for peer in PEERS if not only or peer in only]
    pythons = {peer: installed.python_of(peer, PEERS[peer][1]) for peer in wanted}
    for shape in SHAPES:
        for name in ("ame", f"ame, {FILES} files", "skeleton"):
            if not only or name.split(",")[0] in only:
                yield Row(name, shape, steps), sys.executable
        for peer, python in pythons.items():
            if python:
                yield Row(peer, shape, min(steps, PEERS[peer][0])), python


def program_of(row: Row, python: str, folder: Path, steps: int) -> measure.Program:
    if row.name.startswith("ame"):
        files = FILES if "files" in row.name else 0
        return ame_program(folder / "project", row.shape, steps, files)
    script = row.name if row.name == "skeleton" else f"{row.name}_steps"
    return peer_program(python, script, folder / "peer", row.shape, steps)


def measured(row: Row, python: str, steps: int) -> measure.Cost:
    with tempfile.TemporaryDirectory() as folder:
        return measure.once(program_of(row, python, Path(folder), steps))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", action="append", default=[], help="ame, skeleton, or a peer")
    asked = parser.parse_args()
    print(measure.machine(), flush=True)
    rows = list(rows_of(asked.only, asked.steps))
    bare = measure.NEVER
    for turn in range(asked.turns):
        bare = bare.best(bare_spawn(200))
        for row, python in list(rows):
            if turn and row.steps < asked.steps:
                continue  # slow enough for noise not to matter
            try:
                if not turn:
                    measured(row, python, 1)  # bytecode is made, and files are in memory
                row.one = row.one.best(measured(row, python, 1))
                row.many = row.many.best(measured(row, python, row.steps))
            except measure.ProgramFailed as error:
                print(f"{row.name} is left out: {error}", flush=True)
                rows = [(other, its) for other, its in rows if other is not row]
    print(report([row for row, _ in rows], bare))


def report(rows: Sequence[Row], bare: measure.Cost) -> str:
    """Ratios are to ame in the same shape: how many times its time of a step, and of the whole."""
    own = {row.shape: row for row in rows if row.name == "ame"}
    head = [
        "",
        "steps",
        "start and one step, s",
        "ms a step",
        "over a bare spawn",
        "CPU ms a step",
        "times ame's",
        "whole, times ame's",
    ]
    lines = [["a bare spawn", "", "", f"{bare.wall:.2f}", "", f"{bare.cpu:.2f}", "", ""]]
    for row in rows:
        step = row.step
        ame = own.get(row.shape)
        same = ame is not None and ame.steps == row.steps
        lines.append(
            [
                f"{row.name}, {SHAPES[row.shape]}",
                f"{row.steps:,}",
                f"{row.one.wall:.2f}",
                f"{step.wall:.2f}",
                f"{step.wall - bare.wall:+.2f}",
                f"{step.cpu:.2f}",
                f"{step.wall / ame.step.wall:.2f}" if ame else "",
                f"{row.many.wall / ame.many.wall:.2f}" if ame and same else "",
            ]
        )
    return measure.table(head, lines)


if __name__ == "__main__":
    main()
