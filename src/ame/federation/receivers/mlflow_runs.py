"""Records as runs of MLflow, one for each site."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.receivers.streaming import AnalyticsReceiver, told, tracked_sites
from ame.federation.spec.analytics import ANALYTIC_EVENT_TYPE, AnalyticsDataType, LogWriterName
from ame.federation.training.events import FED_EVENT_PREFIX

if TYPE_CHECKING:
    from ame.federation.spec.context import FLContext
    from ame.federation.spec.shareable import Shareable

_METRICS = (AnalyticsDataType.METRIC, AnalyticsDataType.METRICS)
_PARAMETERS = (AnalyticsDataType.PARAMETER, AnalyticsDataType.PARAMETERS)
_TAGS = (AnalyticsDataType.TAG, AnalyticsDataType.TAGS)


class MLflowReceiver(AnalyticsReceiver):
    """Writes to MLflow: metrics, parameters and tags in batches, texts with a path as artifacts."""

    def __init__(
        self,
        tracking_uri: str | None = None,
        kw_args: dict[str, Any] | None = None,
        artifact_location: str | None = None,
        events: list[str] | None = None,
        buffer_flush_time: float = 1,
    ) -> None:
        """Writes at the end of the run, and meanwhile.

        Args:
            tracking_uri: where; if None, `mlflow.db` (SQLite) in the run's folder.
            kw_args: `experiment_name`, `run_name`, `experiment_tags`, `run_tags`.
            artifact_location: a folder for texts, within the run's.
            events: what it hears; by default what sites send to the server.
            buffer_flush_time: seconds between batches of a site.

        Raises:
            errors.JobTypeInvalid: one is of another type.
        """
        if tracking_uri is not None and not isinstance(tracking_uri, str):
            raise errors.JobTypeInvalid("tracking_uri", "a str", tracking_uri)
        super().__init__([FED_EVENT_PREFIX + ANALYTIC_EVENT_TYPE] if events is None else events)
        self.tracking_uri = tracking_uri
        self.kw_args = dict(kw_args or {})
        for name in ("experiment_tags", "run_tags"):
            if not isinstance(self.kw_args.get(name) or {}, dict):
                raise errors.JobTypeInvalid(f"kw_args[{name!r}]", "a dict", self.kw_args[name])
        self.artifact_location = artifact_location or "artifacts"
        self.buffer_flush_time = buffer_flush_time
        self._client: Any = None
        self._runs: dict[str, str] = {}
        self._waiting: dict[str, dict[str, list[Any]]] = {}
        self._said: dict[str, dict[str, str]] = {}
        """Parameters by site: MLflow takes each once."""
        self._flushed: dict[str, float] = {}

    def initialize(self, fl_ctx: FLContext) -> None:
        """Begin a run for each site, in one experiment.

        Raises:
            errors.PackageMissing: MLflow is not installed.
        """
        try:
            from mlflow import MlflowClient  # type: ignore[import-not-found]  # maybe not there
        except ImportError:
            raise errors.PackageMissing("mlflow", type(self).__name__) from None
        folder = Path(fl_ctx.get_engine().get_workspace().get_run_dir(fl_ctx.get_job_id()))
        folder = folder.absolute()
        uri = self.tracking_uri or f"sqlite:///{folder / 'mlflow.db'}"
        self._client = MlflowClient(tracking_uri=uri)
        experiment = self._experiment(folder / self.artifact_location)
        named = self.kw_args.get("run_name") or "FLARE FL Run"
        for site in tracked_sites(fl_ctx):
            name = f"{site}-{fl_ctx.get_job_id()}-{named}"
            tags = {
                **(self.kw_args.get("run_tags") or {}),
                "job_id": fl_ctx.get_job_id(),
                "run_name": name,
            }
            made = self._client.create_run(experiment_id=experiment, run_name=name, tags=tags)
            self._runs[site] = made.info.run_id
        self.log_info(fl_ctx, f"MLflow's runs of {len(self._runs)} sites are at {uri}")

    def save(self, fl_ctx: FLContext, shareable: Shareable, record_origin: str) -> None:
        """Take it for the next batch."""
        data = told(shareable, LogWriterName.MLFLOW)
        run = self._runs.get(record_origin)
        if data is None or run is None:
            return
        from mlflow.entities import (  # type: ignore[import-not-found]  # the same
            Metric,
            Param,
            RunTag,
        )

        kind = data.data_type
        if kind == AnalyticsDataType.TEXT:
            if data.path:
                self._client.log_text(run, data.value, data.path)
            return
        values = data.value if isinstance(data.value, dict) else {data.tag: data.value}
        waiting = self._waiting.setdefault(record_origin, {"metrics": [], "params": [], "tags": []})
        said = self._said.setdefault(record_origin, {})
        if kind in _METRICS:
            clock = time.time_ns() // 1_000_000
            made = [Metric(name, value, clock, data.step or 0) for name, value in values.items()]
            waiting["metrics"] += made
        elif kind in _PARAMETERS:
            for name, value in values.items():
                if name not in said:
                    said[name] = str(value)
                    waiting["params"].append(Param(name, said[name]))
                elif said[name] != str(value):
                    self.log_warning(
                        fl_ctx,
                        f"{record_origin}: MLflow keeps `{name}` = {said[name]}, not {value}",
                    )
        elif kind in _TAGS:
            waiting["tags"] += [RunTag(name, str(value)) for name, value in values.items()]
        now = time.monotonic()
        if now - self._flushed.setdefault(record_origin, now) >= self.buffer_flush_time:
            self._flush(record_origin)
            self._flushed[record_origin] = now

    def finalize(self, fl_ctx: FLContext) -> None:
        """Write the last batches, and end the runs."""
        for site, run in self._runs.items():
            self._flush(site)
            self._client.set_terminated(run)

    def _experiment(self, artifacts: Path) -> str:
        name = self.kw_args.get("experiment_name") or "FLARE FL Experiment"
        there = self._client.get_experiment_by_name(name)
        if there is not None:
            return str(there.experiment_id)
        made = self._client.create_experiment(
            name, artifact_location=artifacts.as_uri(), tags=self.kw_args.get("experiment_tags")
        )
        return str(made)

    def _flush(self, site: str) -> None:
        waiting = self._waiting.pop(site, None)
        if waiting:
            self._client.log_batch(self._runs[site], **waiting)
