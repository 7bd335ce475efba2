"""Learners: a site's training as an object with a method for each task, and components that know
their run.
"""

from typing import Any

from ame.federation.model import FLModel
from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.executor import TaskExecutionError
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply
from ame.federation.spec.task import Signal


class Learner(FLComponent):
    """Trains and validates on a site."""

    def initialize(self, parts: dict[str, Any], fl_ctx: FLContext) -> None:
        """Before its first task."""

    def train(self, data: Shareable, fl_ctx: FLContext, abort_signal: Signal) -> Shareable:
        """Train the model that is in `data`."""
        return make_reply(ReturnCode.TASK_UNSUPPORTED)

    def get_model_for_validation(self, model_name: str, fl_ctx: FLContext) -> Shareable:
        """The site's own model, for others to validate."""
        return make_reply(ReturnCode.TASK_UNSUPPORTED)

    def validate(self, data: Shareable, fl_ctx: FLContext, abort_signal: Signal) -> Shareable:
        """Validate the model that is in `data`."""
        return make_reply(ReturnCode.TASK_UNSUPPORTED)

    def abort(self, fl_ctx: FLContext) -> None:
        """Its task is to end."""

    def finalize(self, fl_ctx: FLContext) -> None:
        """After its last task."""


class FLComponentWrapper(FLComponent):
    """A component that has its run at hand, and so needs no context for each call."""

    engine: Any = None
    fl_ctx: Any = None
    workspace: Any = None
    shareable: Shareable | None = None
    args: Any = None
    site_name: str | None = None
    job_id: str | None = None
    app_root: str | None = None
    job_root: str | None = None
    workspace_root: str | None = None
    abort_signal: Signal | None = None
    current_round: Any = 0
    total_rounds: Any = 0

    def is_aborted(self) -> bool:
        """Whether the run is to end."""
        return self.abort_signal is not None and self.abort_signal.triggered

    def get_shareable_header(self, key: str, default: Any = None) -> Any:
        """A header of the task's data."""
        return default if self.shareable is None else self.shareable.get_header(key, default)

    def get_context_prop(self, key: str, default: Any = None) -> Any:
        """A property of the context."""
        return default if self.fl_ctx is None else self.fl_ctx.get_prop(key, default)

    def get_component(self, component_id: str) -> Any:
        """Another component of this site, or None."""
        return None if self.engine is None else self.engine.get_component(component_id)

    def debug(self, msg: str) -> None:
        """Log."""
        self.log_debug(self.fl_ctx, msg)

    def info(self, msg: str) -> None:
        """Log."""
        self.log_info(self.fl_ctx, msg)

    def warning(self, msg: str) -> None:
        """Log."""
        self.log_warning(self.fl_ctx, msg)

    def error(self, msg: str) -> None:
        """Log."""
        self.log_error(self.fl_ctx, msg)

    def critical(self, msg: str) -> None:
        """Log."""
        self.log_critical(self.fl_ctx, msg)

    def exception(self, msg: str) -> None:
        """Log the error that is being caught."""
        self.log_exception(self.fl_ctx, msg)

    def stop_task(self, reason: str) -> None:
        """Give the task up.

        Raises:
            TaskExecutionError: always.
        """
        self.log_error(self.fl_ctx, f"Task stopped: {reason}")
        raise TaskExecutionError(reason)

    def initialize(self, fl_ctx: FLContext | None = None) -> None:
        """Before its first task."""

    def abort(self) -> None:
        """Its task is to end."""

    def finalize(self) -> None:
        """After its last task."""

    def event(self, event_type: str) -> None:
        """Fire an event."""
        self.fire_event(event_type, self.fl_ctx)

    def panic(self, reason: str) -> None:
        """End the run, and say why."""
        self.system_panic(reason, self.fl_ctx)


class ModelLearner(FLComponentWrapper):
    """Trains and validates `FLModel`s on a site. Each task may also return a `ReturnCode`."""

    STATE: Any = None

    def train(self, model: FLModel) -> str | FLModel:
        """Train it."""
        return ReturnCode.TASK_UNSUPPORTED

    def get_model(self, model_name: str) -> str | FLModel:
        """The site's own model, for others to validate."""
        return ReturnCode.TASK_UNSUPPORTED

    def validate(self, model: FLModel) -> str | FLModel:
        """Validate it."""
        return ReturnCode.TASK_UNSUPPORTED

    def configure(self, model: FLModel) -> None:
        """Take settings over from it."""
