"""XGBoost on common histograms: its own federated training, led as a job.

XGBoost's server adds up the histograms of all sites, so the trees are those of one training on all
rows. It runs beside the controller; what is said to it is encrypted, and it hears only those who
have the certificate that is made for the run.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.boosting import server
from ame.federation.boosting.data import XGBDataLoader
from ame.federation.boosting.executor import rank_of
from ame.federation.boosting.trees import MODEL
from ame.federation.components.persistors.files import app_folder, run_folder, within, write
from ame.federation.run.found import component
from ame.federation.run.losses import Quota, why_none
from ame.federation.spec.analytics import AnalyticsData, AnalyticsDataType
from ame.federation.spec.controller import Controller
from ame.federation.spec.dxo import DXO, DataKind, MetaKey, from_shareable
from ame.federation.spec.executor import Executor
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply
from ame.federation.spec.task import ClientTask, Signal, Task
from ame.federation.workflows.arguments import check_int

if TYPE_CHECKING:
    from ame.federation.spec.context import FLContext

SAVED = "xgboost_model.json"
LOOK = 0.1
"""Seconds between looks at whether a training is still wanted."""


class XGBFedController(Controller):
    """Has all sites begin to train, and waits for them."""

    def __init__(
        self,
        num_rounds: int,
        data_split_mode: int,
        secure_training: bool,
        xgb_params: dict[str, Any],
        xgb_options: dict[str, Any] | None = None,
        disable_version_check: bool = False,
        configure_task_name: str = "config",
        configure_task_timeout: int = 60,
        start_task_name: str = "start",
        start_task_timeout: int = 10,
        job_status_check_interval: float = 2.0,
        max_client_op_interval: float = 600.0,
        progress_timeout: float = 3600.0,
        client_ranks: dict[str, int] | None = None,
        in_process: bool = True,
    ) -> None:
        """How trees are grown.

        Args:
            num_rounds: how many iterations.
            data_split_mode: 0: each site has rows.
            secure_training: must be False: histograms are not encrypted against the server.
            xgb_params: parameters of XGBoost.
            xgb_options: `early_stopping_rounds` and `use_gpus`.
            disable_version_check: accepted; all run the same version.
            configure_task_name: the task by which sites load their data and begin.
            configure_task_timeout: accepted: that a site does not begin is known here.
            start_task_name: the task by which sites tell what came of it.
            start_task_timeout: accepted, as the other.
            job_status_check_interval: accepted: nothing is asked for again and again.
            max_client_op_interval: accepted, as the other.
            progress_timeout: seconds for the whole.
            client_ranks: the sites' numbers, from 0; in their order unless given.
            in_process: accepted.

        Raises:
            errors.JobInvalid (ValueError): it is vertical or secure training.
            TypeError, ValueError: a number is none.
        """
        super().__init__()
        check_int(1, num_rounds=num_rounds)
        if data_split_mode != 0:
            raise errors.JobInvalid(
                "`data_split_mode` must be 0, rows: for columns the sites' rows must be aligned "
                "first"
            )
        if secure_training:
            raise errors.JobInvalid(
                "`secure_training` needs a plugin that XGBoost's releases do not have; "
                "leave it out, or grow trees by bagging with `XGBBaggingRecipe`"
            )
        self.num_rounds = num_rounds
        self.xgb_params = xgb_params
        self.xgb_options = xgb_options or {}
        self.configure_task_name = configure_task_name
        self.start_task_name = start_task_name
        self.progress_timeout = progress_timeout
        self.client_ranks = client_ranks
        self._trees: bytes | None = None

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Check that every site has a number.

        Raises:
            errors.JobPanicked: one has none.
        """
        names = [each.name for each in self._engine.get_clients()]
        self._ranks = self.client_ranks or {name: number for number, name in enumerate(names)}
        if sorted(self._ranks.get(name, -1) for name in names) != list(range(len(names))):
            reason = f"`client_ranks` must number {', '.join(names)} from 0"
            raise errors.JobPanicked(component=self.name, reason=reason, side="server")

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Train, and keep the model.

        Raises:
            errors.TooFewResults: a site cannot go on: all are needed.
            errors.EngineFailed: XGBoost's server does not start.
        """
        folder = run_folder(fl_ctx) / "xgboost"
        with server.started(len(self._ranks), folder) as (address, certificate, key):
            asked = {
                "address": address,
                "certificate": certificate,
                "key": key,
                "ranks": self._ranks,
                "rounds": self.num_rounds,
                "params": self.xgb_params,
                "options": self.xgb_options,
            }
            self._ask(self.configure_task_name, Shareable(asked), abort_signal, fl_ctx)
            if not abort_signal.triggered:
                self._ask(self.start_task_name, Shareable(), abort_signal, fl_ctx)
        if self._trees is not None:
            trees = self._trees
            write(app_folder(fl_ctx) / SAVED, lambda path: path.write_bytes(trees))

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Nothing is left to be done."""

    def _ask(self, name: str, data: Shareable, abort_signal: Signal, fl_ctx: FLContext) -> None:
        sites = len(self._ranks)
        quota = Quota(task=name, at=None, targets=sites, needed=sites)

        def heard(client_task: ClientTask, fl_ctx: FLContext) -> None:  # noqa: ARG001  # as it is called
            if why := why_none(client_task):
                quota.fail(client_task.client.name, why)
            assert client_task.result is not None
            if name == self.start_task_name:
                self._trees = bytes(from_shareable(client_task.result).data[MODEL])

        task = Task(name=name, data=data, timeout=self.progress_timeout, result_received_cb=heard)
        self.broadcast_and_wait(task, fl_ctx, min_responses=sites, abort_signal=abort_signal)


class FedXGBHistogramExecutor(Executor):
    """Trains beside the other tasks, in a thread, so that sites of one process train together."""

    def __init__(
        self,
        data_loader_id: str,
        per_msg_timeout: float = 60.0,
        tx_timeout: float = 600.0,
        model_file_name: str = "model.json",
        metrics_writer_id: str | None = None,
        in_process: bool = True,
    ) -> None:
        """`data_loader_id`: of an `XGBDataLoader` of the site; metrics reach the run anyway."""
        super().__init__()
        self.data_loader_id = data_loader_id
        self.model_file_name = model_file_name
        self.metrics_writer_id = metrics_writer_id
        self._training: _Training | None = None

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Begin, or tell what came of it.

        Raises:
            Exception: whatever the training raised.
        """
        if self._training is None:
            loader = component(fl_ctx.get_engine(), self.data_loader_id, XGBDataLoader)  # type: ignore[type-abstract]  # what is found is asked for its kind
            site = fl_ctx.get_identity_name()
            loader.initialize(client_id=site, rank=shareable["ranks"].get(site, rank_of(fl_ctx)))
            self._training = _Training(loader, _communicator(shareable, site, fl_ctx), shareable)
            return make_reply(ReturnCode.OK)
        trees = self._training.wait(abort_signal)
        if trees is None:
            return make_reply(ReturnCode.TASK_ABORTED)
        within(app_folder(fl_ctx), self.model_file_name).write_bytes(trees)
        told = self._training.told
        for name, values in told.items():
            for step, value in enumerate(values):
                data = AnalyticsData(name, value, AnalyticsDataType.METRIC, global_step=step)
                fl_ctx.get_engine().recorded(data)
        made = DXO(DataKind.WEIGHTS, data={MODEL: trees})
        made.set_meta_prop(MetaKey.INITIAL_METRICS, {name: each[-1] for name, each in told.items()})
        return made.to_shareable()


class _Training:
    """One site's part of the training."""

    def __init__(self, loader: XGBDataLoader, communicator: Any, asked: Shareable) -> None:
        import xgboost

        self.told: dict[str, list[float]] = {}
        """Each metric by its name, iteration by iteration."""
        self._trees: bytes | None = None
        self._failed: BaseException | None = None
        train, valid = loader.load_data()
        if isinstance(train, xgboost.QuantileDMatrix):
            raise errors.JobTypeInvalid(
                "load_data", "a plain DMatrix, whose bins are those of all sites,", train
            )
        options = asked["options"]
        params = {"nthread": 1, **asked["params"]}
        if options.get("use_gpus"):
            params.setdefault("device", "cuda")

        def grow() -> None:
            seen: dict[str, dict[str, list[float]]] = {}
            try:
                with xgboost.collective.CommunicatorContext(**communicator):
                    booster = xgboost.train(
                        params, train, asked["rounds"],
                        evals=[(train, "train"), (valid, "valid")], evals_result=seen,
                        early_stopping_rounds=options.get("early_stopping_rounds") or None,
                        verbose_eval=False,
                    )  # fmt: skip
                    self._trees = bytes(booster.save_raw("json"))
            except BaseException as error:  # noqa: BLE001  # told where the result is asked for
                self._failed = error
            self.told = {
                f"{where}-{name}": values
                for where, metrics in seen.items()
                for name, values in metrics.items()
            }

        self._thread = threading.Thread(target=grow, daemon=True)
        self._thread.start()

    def wait(self, abort_signal: Signal) -> bytes | None:
        """The model; None if it is no longer wanted."""
        while self._thread.is_alive() and not abort_signal.triggered:
            self._thread.join(LOOK)
        if self._failed is not None:
            raise self._failed
        return self._trees


def _communicator(asked: Shareable, site: str, fl_ctx: FLContext) -> dict[str, Any]:
    """How XGBoost finds its server."""
    folder = app_folder(fl_ctx)
    key, certificate = folder / "xgboost.key", folder / "xgboost.pem"
    key.touch(mode=0o600)
    key.write_text(asked["key"])
    certificate.write_text(asked["certificate"])
    return {
        "dmlc_communicator": "federated",
        "federated_server_address": asked["address"],
        "federated_world_size": len(asked["ranks"]),
        "federated_rank": asked["ranks"][site],
        "federated_server_cert_path": str(certificate),
        "federated_client_key_path": str(key),
        "federated_client_cert_path": str(certificate),
    }
