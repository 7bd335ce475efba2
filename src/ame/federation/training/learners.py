"""Executors that train by a learner: a component with a method for each task."""

from typing import Any

from ame.federation.conversion import FLModelUtils
from ame.federation.model import FLModel, MetaKey
from ame.federation.run.found import component
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import from_shareable
from ame.federation.spec.executor import Executor
from ame.federation.spec.learner import Learner, ModelLearner
from ame.federation.spec.names.app import AppConstants, ValidateType
from ame.federation.spec.names.events import EventType
from ame.federation.spec.names.keys import ReservedHeaderKey
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply
from ame.federation.spec.task import Signal


class LearnerExecutor(Executor):
    """Does its tasks by a `Learner`: validates what it was sent, then trains."""

    def __init__(
        self,
        learner_id: str,
        train_task: str = AppConstants.TASK_TRAIN,
        submit_model_task: str = AppConstants.TASK_SUBMIT_MODEL,
        validate_task: str = AppConstants.TASK_VALIDATION,
    ) -> None:
        """`learner_id`: a component of the site."""
        super().__init__()
        self.learner_id = learner_id
        self.train_task = train_task
        self.submit_model_task = submit_model_task
        self.validate_task = validate_task
        self.learner: Learner | None = None

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Let the learner know when a task, or the run, ends."""
        if self.learner is None:
            return
        if event_type == EventType.ABORT_TASK:
            self.learner.abort(fl_ctx)
        elif event_type == EventType.END_RUN:
            self.learner.finalize(fl_ctx)

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Do a task.

        Raises:
            errors.ComponentUnknown: there is no such learner.
        """
        learner = self._learner(fl_ctx)
        if task_name == self.train_task:
            return self._train(learner, shareable, fl_ctx, abort_signal)
        if task_name == self.submit_model_task:
            name = shareable.get_header(AppConstants.SUBMIT_MODEL_NAME)
            return _given(learner.get_model_for_validation(name, fl_ctx))
        if task_name == self.validate_task:
            shareable.set_header(AppConstants.VALIDATE_TYPE, ValidateType.MODEL_VALIDATE)
            return _given(learner.validate(shareable, fl_ctx, abort_signal))
        return make_reply(ReturnCode.TASK_UNKNOWN)

    def _learner(self, fl_ctx: FLContext) -> Learner:
        if self.learner is None:
            engine = fl_ctx.get_engine()
            self.learner = component(engine, self.learner_id, Learner)
            self.learner.initialize(engine.get_all_components(), fl_ctx)
        return self.learner

    def _train(
        self, learner: Learner, data: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        data.set_header(AppConstants.VALIDATE_TYPE, ValidateType.BEFORE_TRAIN_VALIDATE)
        before = learner.validate(data, fl_ctx, abort_signal)
        result = _given(learner.train(data, fl_ctx, abort_signal))
        if _holds(before) and _holds(result):
            metrics = from_shareable(before).data.get(MetaKey.INITIAL_METRICS, 0)
            from_shareable(result).meta[MetaKey.INITIAL_METRICS] = metrics
        return result


class ModelLearnerExecutor(Executor):
    """Does its tasks by a `ModelLearner`, which gets and gives `FLModel`s."""

    def __init__(
        self,
        learner_id: str,
        train_task: str = AppConstants.TASK_TRAIN,
        submit_model_task: str = AppConstants.TASK_SUBMIT_MODEL,
        validate_task: str = AppConstants.TASK_VALIDATION,
        configure_task: str = AppConstants.TASK_CONFIGURE,
    ) -> None:
        """`learner_id`: a component of the site."""
        super().__init__()
        self.learner_id = learner_id
        self.train_task = train_task
        self.submit_model_task = submit_model_task
        self.validate_task = validate_task
        self.configure_task = configure_task
        self.learner: ModelLearner | None = None

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Let the learner know when a task, or the run, ends."""
        if self.learner is None:
            return
        if event_type == EventType.ABORT_TASK:
            self.learner.abort()
        elif event_type == EventType.END_RUN:
            self.learner.fl_ctx = fl_ctx
            self.learner.finalize()

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Do a task.

        Raises:
            errors.ComponentUnknown: there is no such learner.
        """
        learner = self._ready(shareable, fl_ctx, abort_signal)
        if task_name == self.submit_model_task:
            name = shareable.get_header(AppConstants.SUBMIT_MODEL_NAME)
            return _sent(learner.get_model(name))
        if task_name not in (self.train_task, self.validate_task, self.configure_task):
            return make_reply(ReturnCode.TASK_UNKNOWN)
        training = task_name == self.train_task
        why = ValidateType.BEFORE_TRAIN_VALIDATE if training else ValidateType.MODEL_VALIDATE
        shareable.set_header(AppConstants.VALIDATE_TYPE, why)
        try:
            model = FLModelUtils.from_shareable(shareable)
        except ValueError:
            return make_reply(ReturnCode.BAD_REQUEST_DATA)
        if task_name == self.configure_task:
            learner.configure(model)
            return make_reply(ReturnCode.OK)
        measured = learner.validate(model)
        if not training:
            return _sent(measured)
        trained = learner.train(model)
        if isinstance(trained, FLModel) and isinstance(measured, FLModel) and measured.metrics:
            trained.meta[MetaKey.INITIAL_METRICS] = measured.metrics
        return _sent(trained)

    def _ready(self, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal) -> ModelLearner:
        """The learner, with its run and its task at hand."""
        first = self.learner is None
        if self.learner is None:
            self.learner = component(fl_ctx.get_engine(), self.learner_id, ModelLearner)
        learner, engine = self.learner, fl_ctx.get_engine()
        learner.shareable, learner.fl_ctx, learner.abort_signal = shareable, fl_ctx, abort_signal
        learner.current_round = shareable.get_header(AppConstants.CURRENT_ROUND)
        learner.total_rounds = shareable.get_header(AppConstants.NUM_ROUNDS)
        if first:
            learner.engine = engine
            learner.site_name = fl_ctx.get_identity_name()
            learner.job_id = fl_ctx.get_job_id()
            learner.workspace = engine.get_workspace()
            learner.workspace_root = learner.workspace.get_root_dir()
            learner.job_root = learner.workspace.get_run_dir(learner.job_id)
            learner.app_root = learner.workspace.get_app_dir(learner.job_id)
            learner.initialize()
        return learner


def _given(result: Any) -> Shareable:
    return result if isinstance(result, Shareable) else make_reply(ReturnCode.EMPTY_RESULT)


def _sent(result: Any) -> Shareable:
    """A model, or a return code, as what is sent."""
    if isinstance(result, FLModel):
        return FLModelUtils.to_shareable(result)
    return make_reply(result if isinstance(result, str) else ReturnCode.EMPTY_RESULT)


def _holds(result: Any) -> bool:
    return (
        isinstance(result, Shareable)
        and result.get_return_code() == ReturnCode.OK
        and result.get_header(ReservedHeaderKey.CONTENT_TYPE) == "DXO"
    )
