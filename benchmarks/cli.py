"""How long `ame` takes to answer, over the start of Python, with a million stored runs.

Usage: python benchmarks/cli.py [--turns N] [--runs N] [--folder FOLDER]

By turns; of each the best. `ame task run` is a run of one step, `true`, from beginning to end.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import measure
import run_list

ONE = "name: one\ntasks:\n  - name: t\n    executor: !custom\n      command: 'true'\n"
ASKED = {
    "python -c pass": (),
    "ame --help": ("--help",),
    "ame task list": ("task", "list"),
    "ame task run t": ("task", "run", "t"),
}


def programs(folder: Path) -> dict[str, measure.Program]:
    """`folder` is the state folder, and beside it the project's."""
    variables = {"AME_HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    start = "from ame.cli.main import main; main()"
    return {
        shown: measure.Program(
            argv=(sys.executable, "-c", start if words else "pass", *words),
            folder=folder / "project",
            variables=variables,
        )
        for shown, words in ASKED.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    print(measure.machine(), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        (folder / "project").mkdir(parents=True, exist_ok=True)
        (folder / "project" / "ame.yml").write_text(ONE)
        if not (folder / "runs.db").exists():
            run_list.build(folder / "runs.db", asked.runs)
        best = dict.fromkeys(ASKED, measure.NEVER)
        for _ in range(asked.turns):
            for shown, program in programs(folder).items():
                best[shown] = best[shown].best(measure.once(program))
    base = best["python -c pass"]
    rows = []
    for shown, cost in best.items():
        seconds = (cost.wall, cost.wall - base.wall, cost.cpu, cost.cpu - base.cpu)
        rows.append([f"`{shown}`", *(f"{each * 1000:.0f}" for each in seconds)])
    head = ["", "ms", "over `python -c pass`", "CPU ms", "over it"]
    print(measure.table(head, rows))


if __name__ == "__main__":
    main()
