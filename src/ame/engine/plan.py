"""A resolved task as steps: which commands, in which order, on which files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path

from ame import errors, project


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One command of a run."""

    name: str
    task: project.Task
    folder: Path
    """The project's folder on whose files it works."""
    needs: tuple[str, ...]
    """The steps that must succeed first."""
    follows: tuple[str, ...]
    """Those of them whose files it sees: all but the makers of data sets."""
    scope: str = ""
    """The data set that it helps to make; empty for the task's own steps."""
    loads: tuple[str, ...] = ()
    """The data sets that are laid into its workspace beside the files, by `Plan.datasets`."""
    within: tuple[project.Artifacts, ...] = ()
    """What the pipelines around it save of their results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDataset:
    """A data set that steps load."""

    dataset: project.Dataset
    steps: tuple[str, ...]
    """The steps that make it; empty when it is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedResult:
    """A pipeline of which files are saved once it has ended."""

    artifacts: project.Artifacts
    steps: tuple[str, ...]
    """The steps that end it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All steps of a run, in the order of the file; what a step needs stands before it."""

    task: project.Task
    steps: Mapping[str, PlannedStep]
    datasets: Mapping[str, PlannedDataset]
    """By `PROJECT.NAME`."""
    results: tuple[PlannedResult, ...] = ()

    def before(self, name: str) -> frozenset[str]:
        """All steps that end before this one may begin."""
        found: set[str] = set()
        ahead = list(self.steps[name].needs)
        while ahead:
            step = ahead.pop()
            if step not in found:
                found.add(step)
                ahead.extend(self.steps[step].needs)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes the plan of one task.

    A group of a pipeline begins when all of the group before it has succeeded. A data set is made
    by steps of its own, before the first step that loads it, unless it is in `there`.
    """

    projects: project.Projects
    there: frozenset[str] = frozenset()
    _steps: dict[str, PlannedStep] = field(default_factory=dict)
    _datasets: dict[str, PlannedDataset] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _results: list[PlannedResult] = field(default_factory=list)
    _within: list[project.Artifacts] = field(default_factory=list)
    _read: dict[Path, project.Project] = field(default_factory=dict)

    def plan(self, task: project.Task) -> Plan:
        """The steps of a resolved task.

        Raises:
            errors.CycleFound: data sets load one another in a circle.
        """
        self._add(task, "" if task.pipeline else task.name, (), top=True)
        return Plan(
            task=task, steps=self._steps, datasets=self._datasets, results=tuple(self._results)
        )

    def _add(
        self, task: project.Task, name: str, needs: tuple[str, ...], *, top: bool = False
    ) -> tuple[str, ...]:
        """Adds the steps of a task; returns those that end it."""
        if not task.pipeline:
            return (self._leaf(task, name, needs),)
        inside = "" if top else f"{name}/"
        saved = [task.artifacts] if task.artifacts else []
        self._within.extend(saved)
        for group in task.pipeline:
            ends: list[str] = []
            for member in group:
                ends.extend(self._add(member, f"{inside}{member.name}", needs))
            needs = tuple(ends)
        for artifacts in saved:
            self._within.pop()
            self._results.append(PlannedResult(artifacts=artifacts, steps=needs))
        return needs

    def _leaf(self, task: project.Task, name: str, needs: tuple[str, ...]) -> str:
        loads: list[str] = []
        follows = needs
        for ref in task.datasets:
            dataset = project.dataset(self._owner(task), ref, self.projects)
            key = f"{dataset.project}.{dataset.name}"
            loads.append(key)
            needs = (*needs, *self._dataset(key, dataset))
        self._steps[name] = PlannedStep(
            name=name,
            task=task,
            folder=task.folder,
            needs=needs,
            follows=follows,
            scope=self._open[-1] if self._open else "",
            loads=tuple(loads),
            within=tuple(self._within),
        )
        return name

    def _owner(self, task: project.Task) -> project.Project:
        """The project that a task is of; read once."""
        if task.folder not in self._read:
            self._read[task.folder] = project.read(task.folder)
        return self._read[task.folder]

    def _dataset(self, key: str, dataset: project.Dataset) -> tuple[str, ...]:
        """Plans the data set once; returns the steps that end its making."""
        if key in self._open:
            raise errors.CycleFound("data set", (*self._open[self._open.index(key) :], key))
        if key not in self._datasets:
            ends: tuple[str, ...] = ()
            if key not in self.there:
                self._open.append(key)
                ends = self._add(dataset.task, f"dataset {key}", ())
                self._open.pop()
            self._datasets[key] = PlannedDataset(dataset=dataset, steps=ends)
        return self._datasets[key].steps


def write(planned: Plan) -> str:
    """The plan as JSON, to be kept with the run: what each step is, whatever the file says later.

    Values of secrets are not part of a plan.
    """
    steps = {name: plain(step.task) for name, step in planned.steps.items()}
    return json.dumps(steps, separators=(",", ":"))


def read(spec: str) -> dict[str, dict[str, object]]:
    """What `write` has written: for each step its task, as plain values."""
    steps: dict[str, dict[str, object]] = json.loads(spec) if spec else {}
    return steps


def plain(task: project.Task) -> dict[str, object]:
    """A task as JSON can say it: what is set, and of which kind its executor is."""
    said = {f.name: _plain(getattr(task, f.name)) for f in fields(task) if f.name not in _PLACES}
    return {
        **{key: value for key, value in said.items() if value not in _UNSET},
        "kind": type(task.executor).__name__,
    }


def _plain(value: object) -> object:
    """As JSON can say it; what is not set is left out."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case _ if is_dataclass(value):
            said = ((f.name, getattr(value, f.name)) for f in fields(value))
            return {name: _plain(each) for name, each in said if each not in _UNSET}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return str(value)


_PLACES = ("folder", "place", "written")
"""What a task knows of the file that it stands in."""
_UNSET: tuple[object, ...] = (None, "", (), {}, False)
