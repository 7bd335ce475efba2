"""A server that is led by a ServerApp of Flower's, and the grid by which it reaches the sites."""

from __future__ import annotations

import logging
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame.federation.flower.apps import app, identity
from ame.federation.flower.apps.messages import Messages
from ame.federation.flower.deployment.said import CENTRAL, Hearer
from ame.federation.job.capture import frameworks
from ame.federation.results.tally import ROUND
from ame.federation.spec.analytics import AnalyticsData, AnalyticsDataType
from ame.federation.spec.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ame.federation.spec.context import FLContext
    from ame.federation.spec.task import Signal


class FlowerController(Controller):
    """Lets a ServerApp lead; its messages are tasks named after their types."""

    def __init__(
        self,
        num_rounds: int = 1,
        database: str = "",
        superlink_ready_timeout: float = 10.0,
        superlink_grace_period: float = 2.0,
        superlink_min_query_interval: float = 10.0,
        monitor_interval: float = 0.5,
        configure_task_name: str = "config",
        configure_task_timeout: float = 10,
        start_task_name: str = "start",
        start_task_timeout: float = 10,
        job_status_check_interval: float = 2.0,
        max_client_op_interval: float = 90.0,
        progress_timeout: float = 3600.0,
        int_client_grpc_options: Any = None,
        run_config: Mapping[str, Any] | None = None,
        allow_runtime_dependency_installation: bool = False,
        flower_app_path: str | None = None,
    ) -> None:
        """The app lies in the job's code: in its folder `flower_app_path`, if one is given.

        `run_config` goes before what the app's `tool.flwr.app.config` says. All else steers the
        SuperLink that NVFLARE starts beside an app; here there is none.
        """
        super().__init__()
        self.run_config = run_config
        self.flower_app_path = flower_app_path

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Nothing to be done before."""

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Nor after."""

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Runs the app, in the folder for the server's results.

        Raises:
            Exception: whatever the app raises.
        """
        with frameworks.undisturbed():
            from flwr.app import Context, RecordDict
            from flwr.serverapp import ServerApp

            from ame.federation.flower.apps.grid import TaskGrid

        job = fl_ctx.get_job_id()
        workspace = fl_ctx.get_engine().get_workspace()
        custom = Path(workspace.get_app_custom_dir(job), self.flower_app_path or "")
        described = app.describe(custom)
        config = app.merged(described, self.run_config or {})
        run = identity.number("run", job)
        told = {"app": described.client, "folder": self.flower_app_path or ""}
        messages = Messages(self, fl_ctx, abort_signal, {**told, "run_config": config})
        context = Context(
            run_id=run, node_id=identity.SERVER_NODE, node_config={}, state=RecordDict(),
            run_config=config,
        )  # fmt: skip
        folder = Path(workspace.get_app_dir(job))
        folder.mkdir(parents=True, exist_ok=True)
        with (
            identity.of(run, identity.SERVER_NODE),
            identity.code_in(custom),
            _logged(_Central(fl_ctx)),
            chdir(folder),
        ):
            with frameworks.undisturbed():
                leads = identity.load(described.server, ServerApp)
            leads(TaskGrid(messages, run), context)


class _Central(logging.Handler):
    """Hears in what Flower logs what the app's `evaluate_fn` has measured, and keeps it."""

    def __init__(self, fl_ctx: FLContext) -> None:
        super().__init__(logging.INFO)
        self._engine = fl_ctx.get_engine()
        self._hearer = Hearer()

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps it with the round. What sites have measured is known from their answers."""
        for told in self._hearer.hear(f"{record.getMessage()}\n"):
            values = {name: each for name, each in told.metrics.items() if name.startswith(CENTRAL)}
            if values:
                kind = AnalyticsDataType.METRICS
                self._engine.recorded(AnalyticsData(ROUND, values, kind, global_step=told.round))


@contextmanager
def _logged(handler: logging.Handler) -> Iterator[None]:
    """What Flower logs goes where the server's other parts log, not to the terminal."""
    logger = logging.getLogger("flwr")
    before, logger.handlers, logger.propagate = (logger.handlers, logger.propagate), [handler], True
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before
