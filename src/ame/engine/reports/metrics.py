"""What steps tell of themselves: by their reports, and by what they log with MLflow."""

import threading
from datetime import UTC, datetime
from pathlib import Path

from ame import errors, runs
from ame.engine.reports import lines, mlflow
from ame.engine.watcher import Watcher


class Metrics:
    """Follows the reports of running steps. Calls may come from many threads at once."""

    def __init__(self, run: str, store: runs.Store, watcher: Watcher, tracking_uri: str) -> None:
        self._run = run
        self._store = store
        self._watcher = watcher
        self._uri = tracking_uri
        self._lock = threading.Lock()
        self._readers: dict[str, lines.Reader] = {}
        self._reasons: dict[str, str] = {}

    def begin(self, step: str, report: Path) -> None:
        """Follows the report of a step that is about to start."""
        with self._lock:
            self._readers[step] = lines.Reader(report)
            self._reasons.pop(step, None)

    def read(self) -> None:
        """Takes in what has been reported since the last call."""
        with self._lock:
            for step, reader in self._readers.items():
                self._take(step, reader.new())

    def reason(self, step: str) -> str:
        """Why the step has failed, as its report says; empty where that says nothing."""
        with self._lock:
            self._take(step, self._readers[step].new(last=True))
            return self._reasons.get(step, "")

    def end(self, step: str, attempt: int) -> None:
        """Takes in the rest of a step that has ended, and what MLflow has kept of it."""
        with self._lock:
            reader = self._readers.pop(step, None)
            if reader is not None:
                self._take(step, reader.new(last=True))
        try:
            self._save(mlflow.metrics(self._uri, self._run, step, attempt))
        except errors.MlflowUnread as error:
            self._watcher.note(str(error))

    def _take(self, step: str, entries: list[lines.Entry]) -> None:
        metrics: list[runs.Metric] = []
        for entry in entries:
            match entry:
                case lines.Measured():
                    metrics.append(
                        runs.Metric(
                            run=self._run,
                            step=step,
                            name=entry.name,
                            value=entry.value,
                            at=datetime.now(UTC),
                            iteration=entry.iteration,
                        )
                    )
                case lines.Progress():
                    self._watcher.progress(step, entry.done, entry.message)
                case lines.Failure():
                    self._reasons[step] = entry.reason
                case lines.Unread():
                    self._watcher.note(f"{step}: report: {entry.why}: {entry.line[:200]}")
        self._save(metrics)

    def _save(self, metrics: list[runs.Metric]) -> None:
        if metrics:
            self._store.save(*metrics)
            for metric in metrics:
                self._watcher.metric(metric)
