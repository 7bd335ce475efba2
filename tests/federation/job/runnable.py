"""A job that runs as soon as its clients have something to do, and parts for it."""

from typing import Any

from ame.federation.job.fedjob import FedJob
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.executor import Executor
from ame.federation.spec.filter import Filter
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Signal


class Leader(Controller):
    def __init__(self, rounds: int = 1) -> None:
        super().__init__()

    def start_controller(self, fl_ctx: FLContext) -> None: ...
    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None: ...
    def stop_controller(self, fl_ctx: FLContext) -> None: ...


class Thing:
    def __init__(self, other: object = None, size: int = 1) -> None:
        self.other = other
        self.size = size


class Doer(Executor):
    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        return shareable


class Sieve(Filter):
    def process(self, shareable: Shareable, fl_ctx: FLContext) -> Shareable:
        return shareable


def runnable(**more: Any) -> FedJob:
    job = FedJob(name="j", **more)
    job.to_server(Leader())
    return job
