"""The flow of files through a run: what each step finds, and what it leaves to those behind it."""

import threading
from collections.abc import Callable, Mapping, Set
from pathlib import Path

from ame import errors
from ame.engine import plan
from ame.engine.workspace import chosen, tree

Made = Callable[[str, tree.Tree], None]
"""Told of a data set, as soon as the last of the steps that make it has left its files."""
Saved = Callable[[Mapping[str, tree.Tree]], None]
"""Given the files of a pipeline that are to be saved, by the step that left them."""
_Dated = tuple[int, tree.File]
"""A file, and the place in the plan of the step that wrote it: of two, the later one counts."""


class Flow:
    """The files of one run. Calls may come from many threads at once."""

    def __init__(
        self,
        planned: plan.Plan,
        snapshots: Mapping[Path, tree.Tree],
        datasets: Mapping[str, tree.Tree],
        *,
        returned: Mapping[Path, Set[str]],
        made: Made,
        saved: Saved,
    ) -> None:
        """`snapshots`: each project's files, by folder. `datasets`: those that are there.

        `returned`: which of a project's files stand there only as earlier runs of the same task
        have brought them back.
        """
        self._plan = planned
        self._snapshots = snapshots
        self._datasets = dict(datasets)
        self._returned = returned
        self._made = made
        self._saved = saved
        self._lock = threading.Lock()
        self._places = {name: place for place, name in enumerate(planned.steps)}
        self._merged: dict[str, dict[str, _Dated]] = {}
        """All that has been made up to and by each step."""
        self._writers: dict[tuple[str, str], dict[str, tree.File | None]] = {}
        """By scope and path: who has written what there; None is a folder with files in it."""

    def into(self, name: str) -> tree.Tree:
        """The files that a step finds: its project's, what the steps before it made, data sets."""
        step = self._plan.steps[name]
        files = dict(self._snapshots[step.folder])
        tree.lay_over(files, _files(self._before(step.follows)))
        for key in step.loads:
            tree.lay_over(files, self._datasets[key])
        return files

    def returned(self, name: str) -> Set[str]:
        """Which of the files that a step finds are what earlier runs of the task left there."""
        step = self._plan.steps[name]
        return self._returned.get(step.folder, frozenset()) - self._before(step.follows).keys()

    def out_of(self, name: str, outputs: tree.Tree) -> None:
        """Takes in what a step made or changed.

        Raises:
            errors.StepsConflict: a step beside it wrote one of these paths differently.
            errors.DatasetEmpty: it was to complete a data set, and there is none.
            errors.ArtifactMissing: it completed a pipeline, which is to save what is not there.
        """
        step = self._plan.steps[name]
        with self._lock:
            self._write(step, outputs)
            before = self._before(step.follows)
            if outputs:
                before = dict(before)
                place = self._places[name]
                tree.lay_over(before, {path: (place, file) for path, file in outputs.items()})
            self._merged[name] = before
            complete = {
                key: self._dataset(key, planned)
                for key, planned in self._plan.datasets.items()
                if name in planned.steps and self._merged.keys() >= set(planned.steps)
            }
            self._datasets.update(complete)
            results = [
                self._result(result)
                for result in self._plan.results
                if name in result.steps and self._merged.keys() >= set(result.steps)
            ]
        for by_step in results:
            self._saved(by_step)
        for key, files in complete.items():
            self._made(key, files)

    def _write(self, step: plan.PlannedStep, outputs: tree.Tree) -> None:
        """Notes who wrote what, unless a step beside wrote it too and differently."""
        if not outputs:
            return
        places: dict[str, tree.File | None] = dict.fromkeys(
            folder for path in outputs for folder in tree.folders_of(path)
        )
        places.update(outputs)
        known = [(path, self._writers.get((step.scope, path), {})) for path in places]
        if any(others for _, others in known):
            before = self._plan.before(step.name) | {step.name}
            for path, others in known:
                mine = places[path]
                for other, theirs in others.items():
                    if other not in before and not _agree(mine, theirs):
                        raise errors.StepsConflict(path, step.name, other)
        for path, mine in places.items():
            self._writers.setdefault((step.scope, path), {})[step.name] = mine

    def _dataset(self, key: str, planned: plan.PlannedDataset) -> tree.Tree:
        """The files at the path of a data set, once its steps have ended."""
        path = tree.inner(planned.dataset.path, what="a data set's path")
        files: dict[str, tree.File] = {}
        for step in planned.steps:
            tree.lay_over(files, self._snapshots[self._plan.steps[step].folder])
        tree.lay_over(files, _files(self._before(planned.steps)))
        inside = {
            name: file
            for name, file in files.items()
            if path == "." or name == path or name.startswith(f"{path}/")
        }
        if not any(file.digest for file in inside.values()):
            raise errors.DatasetEmpty(key, path)
        return inside

    def _result(self, result: plan.PlannedResult) -> dict[str, dict[str, tree.File]]:
        """The files of a pipeline that are saved, by the step that left them.

        What no step has touched counts as left by the last one.
        """
        made = self._before(result.steps)
        own = self._snapshots[self._plan.steps[result.steps[-1]].folder]
        files = dict(own)
        tree.lay_over(files, _files(made))
        saved = chosen.choose(result.artifacts.paths, files)
        if result.artifacts.save_changed_files:
            saved |= {
                path: file
                for path, (_, file) in made.items()
                if path not in own or not file.same(own[path])
            }
        names = [*self._plan.steps]
        by_step: dict[str, dict[str, tree.File]] = {}
        for path, file in saved.items():
            step = names[made[path][0]] if path in made else result.steps[-1]
            by_step.setdefault(step, {})[path] = file
        return by_step

    def _before(self, steps: tuple[str, ...]) -> dict[str, _Dated]:
        """All that has been made up to and by these steps; not to be changed."""
        if len(steps) == 1:
            return self._merged[steps[0]]
        found: dict[str, _Dated] = {}
        for step in steps:
            for path, dated in self._merged[step].items():
                if path not in found or found[path][0] < dated[0]:
                    found[path] = dated
        # Where one step has replaced a folder by a file, or the other way, the later one counts.
        gone: set[str] = set()
        for path, (place, _) in found.items():
            for folder in tree.folders_of(path):
                if folder in found:
                    gone.add(path if place < found[folder][0] else folder)
        return {path: dated for path, dated in found.items() if path not in gone}


def _files(made: Mapping[str, _Dated]) -> tree.Tree:
    return {path: file for path, (_, file) in made.items()}


def _agree(mine: tree.File | None, theirs: tree.File | None) -> bool:
    """Whether two steps left the same at one path."""
    if mine is None or theirs is None:
        return mine is theirs
    return mine.same(theirs)
