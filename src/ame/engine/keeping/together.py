"""Keeping what several steps of a run have made together: data sets, artifacts of pipelines."""

from collections.abc import Mapping
from dataclasses import dataclass

from ame import runs
from ame.engine import plan
from ame.engine.home import Home
from ame.engine.keeping import datasets
from ame.engine.secrets.disclosure import Disclosure
from ame.engine.watcher import Watcher
from ame.engine.workspace import tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Keeps what the steps of one run have made together, as soon as it is complete."""

    run: runs.Run
    planned: plan.Plan
    home: Home
    watcher: Watcher
    making: datasets.Making
    secrets: Disclosure

    def dataset(self, key: str, files: tree.Tree) -> None:
        """Keeps a data set for all who load it."""
        self.making.keep(self.planned.datasets[key].dataset, files, self.run.name, self.home)

    def result(self, by_step: Mapping[str, tree.Tree]) -> None:
        """Saves the artifacts of a pipeline, each as one of the step that left it."""
        for step, files in by_step.items():
            kept, leaks = self.secrets.sift(files, self.home.blobs)
            for path in leaks:
                refused = f"`{path}` holds the value of a secret: it is not saved as an artifact"
                self.watcher.note(f"{step}: {refused}")
            self.home.store.save(
                *(
                    runs.Artifact(
                        run=self.run.name,
                        step=step,
                        path=path,
                        digest=file.digest,
                        size=file.size,
                        mode=file.mode,
                    )
                    for path, file in kept.items()
                )
            )
