"""An executor that trains by a learner of scikit-learn's kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ame.federation.components.persistors.files import app_folder
from ame.federation.receivers.streaming import AnalyticsSender
from ame.federation.run.found import component
from ame.federation.spec.analytics import AnalyticsDataType
from ame.federation.spec.dxo import DXO, DataKind, MetaKey, from_shareable
from ame.federation.spec.executor import Executor
from ame.federation.spec.learner import Learner
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import EventType
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply

if TYPE_CHECKING:
    from ame.federation.spec.context import FLContext
    from ame.federation.spec.task import Signal


class SKLearnExecutor(Executor):
    """Has a learner validate what the server sent, but for the first round, and train.

    The learner has `train(round, params, fl_ctx)`, which gives parameters and estimator,
    `validate(round, params, fl_ctx)`, which gives metrics and estimator, and `n_samples`. Its
    metrics go to the run; the estimators are kept as joblib files in the folder of the app.
    """

    def __init__(self, learner_id: str, train_task: str = AppConstants.TASK_TRAIN) -> None:
        """`learner_id`: a component of the site."""
        super().__init__()
        self.learner_id = learner_id
        self.train_task = train_task
        self.learner: Any = None
        self._sender = AnalyticsSender()

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Let the learner know when the run begins, a task is to end, and the run ends."""
        if event_type == EventType.START_RUN:
            engine = fl_ctx.get_engine()
            self._sender.engine = engine
            self.learner = component(engine, self.learner_id, Learner)
            self.learner.initialize(engine.get_all_components(), fl_ctx)
        elif self.learner is not None and event_type == EventType.ABORT_TASK:
            self.learner.abort(fl_ctx)
        elif self.learner is not None and event_type == EventType.END_RUN:
            self.learner.finalize(fl_ctx)

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Do a task."""
        if task_name != self.train_task:
            return make_reply(ReturnCode.TASK_UNKNOWN)
        if abort_signal.triggered:
            return make_reply(ReturnCode.TASK_ABORTED)
        now = shareable.get_header(AppConstants.CURRENT_ROUND)
        params = from_shareable(shareable).data
        fl_ctx.set_prop(AppConstants.CURRENT_ROUND, now)
        if now:
            metrics, model = self.learner.validate(now, params, fl_ctx)
            _keep(model, "model_global.joblib", fl_ctx)
            for name, value in metrics.items():
                self._sender.add(name, value, AnalyticsDataType.SCALAR, now)
        params, model = self.learner.train(now, params, fl_ctx)
        _keep(model, "model_local.joblib", fl_ctx)
        made = DXO(DataKind.WEIGHTS, data=params)
        made.set_meta_prop(MetaKey.NUM_STEPS_CURRENT_ROUND, self.learner.n_samples)
        return made.to_shareable()


def _keep(model: object, name: str, fl_ctx: FLContext) -> None:
    from joblib import dump  # type: ignore[import-untyped]  # it has none

    dump(model, app_folder(fl_ctx) / name)
