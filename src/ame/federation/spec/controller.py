"""`Controller`: leads a workflow by giving tasks to sites."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Client, SendOrder, Signal, Task, TaskCompletionStatus

Targets = list[Client] | list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToAll:
    """To all targets at once, until all answered, or `min_responses` did and `wait` s passed."""

    targets: Targets
    """All sites if None."""
    min_responses: int
    wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToAllAgain:
    """To each target again whenever it answered, until cancelled."""

    targets: Targets


@dataclass(frozen=True, slots=True, kw_only=True)
class ToOne:
    """To one target: the first, or whichever is free first."""

    targets: Targets
    order: SendOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class InTurn:
    """To one target after another; one that takes longer than `limit` s is passed over."""

    targets: Targets
    limit: float


To = ToAll | ToAllAgain | ToOne | InTurn
"""To whom a task is given."""


class Communicator(Protocol):
    """Gives tasks to sites.

    A task stands from when it is given until it is done, as `to` says, or until its time is up, or
    it is cancelled. Its deeds are called one at a time.
    """

    def give(self, task: Task, to: To) -> None:
        """Give it to sites. Does not wait."""

    def wait(self, task: Task, abort_signal: Signal | None) -> None:
        """Wait until it is done; at the signal, cancel it and return."""

    def get_num_standing_tasks(self) -> int:
        """How many stand."""

    def cancel_task(self, task: Task, status: TaskCompletionStatus) -> None:
        """End one."""

    def cancel_all_tasks(self, status: TaskCompletionStatus) -> None:
        """End all."""

    def get_client_disconnect_time(self, client_name: str) -> float | None:
        """Since when a site is lost."""


class ControllerSpec(ABC):
    """The three times of a workflow."""

    @abstractmethod
    def start_controller(self, fl_ctx: FLContext) -> None:
        """Before the workflow."""

    @abstractmethod
    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """The workflow; returns when it is over, or soon after the signal."""

    @abstractmethod
    def stop_controller(self, fl_ctx: FLContext) -> None:
        """After it."""

    def process_result_of_unknown_task(  # noqa: B027 (most need not know)
        self,
        client: Client,
        task_name: str,
        client_task_id: str,
        result: Shareable,
        fl_ctx: FLContext,
    ) -> None:
        """A result came of a task that stands no longer."""


class Controller(FLComponent, ControllerSpec, ABC):
    """Leads a workflow."""

    communicator: Communicator | None = None
    _task_check_period: float = 0.2

    def __init__(self, task_check_period: float = 0.2) -> None:
        """`task_check_period` is kept for jobs that set it: nothing here is polled."""
        super().__init__()
        self._task_check_period = task_check_period

    def initialize(self, fl_ctx: FLContext) -> None:
        """Begin: the run calls it before `control_flow`."""
        self._engine = fl_ctx.get_engine()
        self.start_controller(fl_ctx)

    def set_communicator(self, communicator: Communicator) -> None:
        """What gives its tasks to sites."""
        self.communicator = communicator

    @property
    def _given_communicator(self) -> Communicator:
        if self.communicator is None:
            message = f"{self.name} gives no tasks before its run has begun"
            raise RuntimeError(message)
        return self.communicator

    def broadcast(
        self,
        task: Task,
        fl_ctx: FLContext,
        targets: Targets = None,
        min_responses: int = 1,
        wait_time_after_min_received: float = 0,
    ) -> None:
        """Give a task to all targets, all sites if None; `min_responses` of 0 is all of them."""
        to = ToAll(targets=targets, min_responses=min_responses, wait=wait_time_after_min_received)
        self._given_communicator.give(task, to)

    def broadcast_and_wait(
        self,
        task: Task,
        fl_ctx: FLContext,
        targets: Targets = None,
        min_responses: int = 1,
        wait_time_after_min_received: float = 0,
        abort_signal: Signal | None = None,
    ) -> None:
        """The same, until it is done."""
        to = ToAll(targets=targets, min_responses=min_responses, wait=wait_time_after_min_received)
        self._given_communicator.give(task, to)
        self._given_communicator.wait(task, abort_signal)

    def broadcast_forever(self, task: Task, fl_ctx: FLContext, targets: Targets = None) -> None:
        """Give a task to each target again whenever it answered, until cancelled."""
        self._given_communicator.give(task, ToAllAgain(targets=targets))

    def send(
        self,
        task: Task,
        fl_ctx: FLContext,
        targets: Targets = None,
        send_order: SendOrder = SendOrder.SEQUENTIAL,
        task_assignment_timeout: float = 0,
    ) -> None:
        """Give a task to one target: the first, or whichever is free first."""
        self._given_communicator.give(task, ToOne(targets=targets, order=send_order))

    def send_and_wait(
        self,
        task: Task,
        fl_ctx: FLContext,
        targets: Targets = None,
        send_order: SendOrder = SendOrder.SEQUENTIAL,
        task_assignment_timeout: float = 0,
        abort_signal: Signal | None = None,
    ) -> None:
        """The same, until it is done."""
        self._given_communicator.give(task, ToOne(targets=targets, order=send_order))
        self._given_communicator.wait(task, abort_signal)

    def relay(
        self,
        task: Task,
        fl_ctx: FLContext,
        targets: Targets = None,
        send_order: SendOrder = SendOrder.SEQUENTIAL,
        task_assignment_timeout: float = 0,
        task_result_timeout: float = 0,
        dynamic_targets: bool = True,
    ) -> None:
        """Give a task to one target after another, each when the one before it answered."""
        self._given_communicator.give(task, InTurn(targets=targets, limit=task_result_timeout))

    def relay_and_wait(
        self,
        task: Task,
        fl_ctx: FLContext,
        targets: Targets = None,
        send_order: SendOrder = SendOrder.SEQUENTIAL,
        task_assignment_timeout: float = 0,
        task_result_timeout: float = 0,
        dynamic_targets: bool = True,
        abort_signal: Signal | None = None,
    ) -> None:
        """The same, until it is done."""
        self._given_communicator.give(task, InTurn(targets=targets, limit=task_result_timeout))
        self._given_communicator.wait(task, abort_signal)

    def get_num_standing_tasks(self) -> int:
        """How many tasks are given and not done."""
        return self._given_communicator.get_num_standing_tasks()

    def cancel_task(
        self,
        task: Task,
        completion_status: TaskCompletionStatus = TaskCompletionStatus.CANCELLED,
        fl_ctx: FLContext | None = None,
    ) -> None:
        """End a task; what its sites still send is of an unknown task."""
        self._given_communicator.cancel_task(task, completion_status)

    def cancel_all_tasks(
        self,
        completion_status: TaskCompletionStatus = TaskCompletionStatus.CANCELLED,
        fl_ctx: FLContext | None = None,
    ) -> None:
        """End all tasks."""
        self._given_communicator.cancel_all_tasks(completion_status)

    def get_client_disconnect_time(self, client_name: str) -> float | None:
        """Since when a site is lost; None if it is not."""
        return self._given_communicator.get_client_disconnect_time(client_name)

    def add_to_fed_job(self, job: Any, ctx: Any, **kwargs: Any) -> Any:
        """Add it to a job. It takes no arguments."""
        job.check_kwargs(args_to_check=kwargs, args_expected={})
        job.add_controller(obj=self, ctx=ctx)
