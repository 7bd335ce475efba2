"""The flow of files through a run: what each step finds, and what it leaves to those behind it."""

import threading
from collections.abc import Mapping
from pathlib import Path

from ame import errors
from ame.engine import plan
from ame.engine.workspace import tree


class Flow:
    """The files of one run. Calls may come from many threads at once."""

    def __init__(
        self,
        planned: plan.Plan,
        snapshots: Mapping[Path, tree.Tree],
        datasets: Mapping[str, tree.Tree],
    ) -> None:
        """`snapshots`: each project's files, by folder. `datasets`: those that are there."""
        self._plan = planned
        self._snapshots = snapshots
        self._datasets = dict(datasets)
        self._lock = threading.Lock()
        self._merged: dict[str, tree.Tree] = {}
        self._writers: dict[tuple[str, str], list[tuple[str, tree.File]]] = {}

    def into(self, name: str) -> tree.Tree:
        """The files that a step finds: its project's, what the steps before it made, data sets."""
        step = self._plan.steps[name]
        files = dict(self._snapshots[step.folder])
        for before in step.follows:
            files.update(self._merged[before])
        for key in step.loads:
            files.update(self.dataset(key))
        return files

    def out_of(self, name: str, outputs: tree.Tree) -> None:
        """Takes in what a step made or changed.

        Raises:
            errors.StepsConflict: a step beside it wrote one of these paths differently.
        """
        step = self._plan.steps[name]
        with self._lock:
            before = self._plan.before(name) if outputs else frozenset()
            for path, file in outputs.items():
                for other, theirs in self._writers.get((step.scope, path), ()):
                    if other not in before and not file.same(theirs):
                        raise errors.StepsConflict(path, name, other)
            for path, file in outputs.items():
                self._writers.setdefault((step.scope, path), []).append((name, file))
            self._merged[name] = self._merge(step, outputs)

    def dataset(self, key: str) -> tree.Tree:
        """The files of a data set, once they are there or have been made.

        Raises:
            errors.DatasetEmpty: what makes it left nothing at its path.
        """
        with self._lock:
            if key not in self._datasets:
                planned = self._plan.datasets[key]
                made: dict[str, tree.File] = {}
                for step in planned.steps:
                    made.update(self._merged[step])
                path = tree.inner(planned.dataset.path, what="a data set's path")
                self._datasets[key] = {
                    name: file
                    for name, file in made.items()
                    if path == "." or name == path or name.startswith(f"{path}/")
                }
                if not self._datasets[key]:
                    raise errors.DatasetEmpty(key, path)
            return self._datasets[key]

    def _merge(self, step: plan.PlannedStep, outputs: tree.Tree) -> tree.Tree:
        """All that has been made up to and by this step; shared where nothing was added."""
        if len(step.follows) == 1 and not outputs:
            return self._merged[step.follows[0]]
        merged: dict[str, tree.File] = {}
        for before in step.follows:
            merged.update(self._merged[before])
        merged.update(outputs)
        return merged
