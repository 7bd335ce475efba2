"""A job that runs as soon as its clients have something to do."""

from typing import Any

from ame.federation.job.fedjob import FedJob
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.task import Signal


class Leader(Controller):
    def __init__(self, rounds: int = 1) -> None:
        super().__init__()

    def start_controller(self, fl_ctx: FLContext) -> None: ...
    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None: ...
    def stop_controller(self, fl_ctx: FLContext) -> None: ...


def runnable(**more: Any) -> FedJob:
    job = FedJob(name="j", **more)
    job.to_server(Leader())
    return job
