"""Records as runs of W&B, one for each site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.receivers.streaming import AnalyticsReceiver, told, tracked_sites
from ame.federation.spec.analytics import AnalyticsDataType, LogWriterName

if TYPE_CHECKING:
    from ame.federation.spec.context import FLContext
    from ame.federation.spec.shareable import Shareable

_KINDS = (
    AnalyticsDataType.PARAMETER,
    AnalyticsDataType.PARAMETERS,
    AnalyticsDataType.METRIC,
    AnalyticsDataType.METRICS,
)
_NEEDED = ("name", "project", "job_type")


class WandBReceiver(AnalyticsReceiver):
    """Writes metrics and parameters to W&B: without a network, to `wandb/` in the run's folder."""

    def __init__(
        self,
        wandb_args: dict[str, Any],
        mode: str = "offline",
        events: list[str] | None = None,
        process_timeout: float = 10.0,
    ) -> None:
        """Notes what the runs are to be.

        Args:
            wandb_args: arguments of `wandb.init`; of them `name`, `project` and
                `job_type` must be there, and `config` is what each run says of itself.
            mode: `offline`, `online` or `disabled`.
            events: see `AnalyticsReceiver`.
            process_timeout: not used: there are no processes to wait for.

        Raises:
            errors.JobInvalid (ValueError): an argument is missing.
        """
        super().__init__(events=events)
        if missing := [name for name in _NEEDED if name not in wandb_args]:
            raise errors.JobInvalid(f"`wandb_args` lacks {', '.join(missing)}")
        self.wandb_args = dict(wandb_args)
        self.mode = mode
        self.process_timeout = process_timeout
        self._runs: dict[str, Any] = {}

    def initialize(self, fl_ctx: FLContext) -> None:
        """Begin a run for each site.

        Raises:
            errors.PackageMissing: W&B is not installed.
        """
        try:
            import wandb  # type: ignore[import-not-found]  # maybe not there
        except ImportError:
            raise errors.PackageMissing("wandb", type(self).__name__) from None
        job = fl_ctx.get_job_id()
        folder = Path(fl_ctx.get_engine().get_workspace().get_run_dir(job)).absolute()
        named = self.wandb_args["name"]
        for site in tracked_sites(fl_ctx):
            config = {"job_id": job, "client": site, "run_name": named}
            self._runs[site] = wandb.init(
                **{
                    "dir": str(folder),
                    **self.wandb_args,
                    "name": f"{site}-{job}-{named}",
                    "group": f"{named}-{job}",
                    "mode": self.mode,
                    "config": {**(self.wandb_args.get("config") or {}), **config},
                    "reinit": "create_new",  # beside those of the other sites
                }
            )

    def save(self, fl_ctx: FLContext, shareable: Shareable, record_origin: str) -> None:
        """Log it."""
        data = told(shareable, LogWriterName.WANDB)
        run = self._runs.get(record_origin)
        if data is None or run is None or data.data_type not in _KINDS:
            return
        values = data.value if isinstance(data.value, dict) else {data.tag: data.value}
        run.log(values, step=data.step)

    def finalize(self, fl_ctx: FLContext) -> None:
        """End the runs."""
        for run in self._runs.values():
            run.finish()
