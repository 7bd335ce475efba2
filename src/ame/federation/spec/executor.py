"""`Executor`: does a site's tasks."""

from abc import ABC, abstractmethod
from typing import Any

from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.names.keys import SiteType
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Signal


class TaskExecutionError(Exception):
    """An executor, or a learner, cannot do its task."""


class Executor(FLComponent, ABC):
    """Does the tasks that it is given to a site for."""

    unsafe = False

    @abstractmethod
    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Do a task on its data, and return its result. Looks at `abort_signal` while it works."""

    def get_job_target_type(self) -> str:
        """Where it belongs: to sites."""
        return SiteType.CLIENT

    def add_to_fed_job(self, job: Any, ctx: Any, **kwargs: Any) -> Any:
        """Add it to a job. `tasks`: which it does, all by default."""
        job.check_kwargs(args_to_check=kwargs, args_expected={"tasks": False})
        job.add_executor(obj=self, tasks=kwargs.get("tasks", ["*"]), ctx=ctx)
