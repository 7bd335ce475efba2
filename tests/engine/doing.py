"""Runs of tasks on this machine, led in the process of the test."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ame import runs
from ame.engine.home import Home
from ame.engine.start import Finished, Wish, start
from ame.engine.workspace.ignore import LeftOut


@dataclass
class Seen:
    """A watcher that remembers."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    steps: list[runs.Step] = field(default_factory=list)
    metrics: list[runs.Metric] = field(default_factory=list)
    done: list[tuple[str, float, str]] = field(default_factory=list)
    out: list[LeftOut] = field(default_factory=list)

    def step(self, step: runs.Step) -> None:
        self.steps.append(step)

    def line(self, step: str, text: str) -> None:
        self.lines.append((step, text))

    def progress(self, step: str, done: float, message: str) -> None:
        self.done.append((step, done, message))

    def metric(self, metric: runs.Metric) -> None:
        self.metrics.append(metric)

    def left_out(self, folder: Path, what: Sequence[LeftOut]) -> None:
        self.out.extend(what)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def texts(self, step: str) -> list[str]:
        return [text for name, text in self.lines if name == step]


def step(name: str, command: str, **more: object) -> dict[str, object]:
    """A task of the custom executor, as an `ame.yml` has it."""
    return {"name": name, "executor": {"custom": {"command": command}}, **more}


@dataclass
class Doing:
    """A project and a state folder."""

    folder: Path
    home: Home
    seen: Seen = field(default_factory=Seen)

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def file(self, *tasks: Mapping[str, object], **more: object) -> None:
        self.write({"ame.yml": json.dumps({"project": "demo", "tasks": tasks, **more})})

    def run(
        self, task: str, *, arguments: tuple[str, ...] = (), fit: bool = False, resume: str = ""
    ) -> Finished:
        self.seen = Seen()
        wish = Wish(folder=self.folder, task=task, arguments=arguments, fit=fit, resume=resume)
        return start(wish, self.home, self.seen)

    def does(self, *tasks: Mapping[str, object], **more: object) -> Finished:
        """Writes the file and runs its first task, which succeeds."""
        self.file(*tasks, **more)
        ended = self.run(str(tasks[0]["name"]))
        assert ended.run.state is runs.State.SUCCEEDED, (ended.run.reason, self.steps(ended))
        return ended

    def steps(self, ended: Finished) -> dict[str, tuple[runs.State, str]]:
        found = self.home.store.steps(ended.run.name)
        return {each.name: (each.state, each.reason) for each in found}

    def log(self, ended: Finished, index: int = 0, attempt: int = 1) -> bytes:
        return (
            self.home.folder / "runs" / ended.run.name / str(index) / f"log.{attempt}"
        ).read_bytes()

    def saved(self, ended: Finished) -> list[str]:
        return [each.path for each in ended.artifacts]
