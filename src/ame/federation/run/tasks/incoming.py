"""What comes of tasks, on its way to controllers: filtered, with the events that belong to it."""

import time

from ame.federation.exchange.sites import Lost, Reply
from ame.federation.run import losses
from ame.federation.run.chains import Blamed, Chain
from ame.federation.run.engine import Engine
from ame.federation.run.tasks.standing import Standing
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.filter import ContentBlockedException
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import EventType
from ame.federation.spec.names.keys import FLContextKey, ReservedHeaderKey, ReservedKey
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply
from ame.federation.spec.task import ClientTask


class Incoming:
    """Replies of sites and what is known of sites that are lost, for the controllers.

    Raises in all it does:
        errors.ComponentFailed: a part of the job raised an error over it.
    """

    def __init__(self, engine: Engine, filters: Chain) -> None:
        self._engine = engine
        self._filters = filters
        self.gone: dict[str, float] = {}
        """Since when a site is lost."""

    def take(self, standing: Standing, share: ClientTask, came: Reply | Lost) -> bool:
        """Let the controller see what came; whether its site is gone."""
        task = standing.task
        if isinstance(came, Lost):
            at = task.data.get_header(AppConstants.CURRENT_ROUND)
            result = losses.as_result(came, at)
            share.props[losses.WHY] = came.why
        else:
            result = came.result
        ctx = self._context(standing, share, result)
        if isinstance(came, Reply):
            result = self._filtered(task.name, result, ctx)
        gone = isinstance(came, Lost) and came.why.kind in losses.GONE
        if gone:
            self.gone[came.site] = time.time()
        else:
            self.gone.pop(came.site, None)
            share.result_received_time = time.time()
        share.result = result
        ctx.put(FLContextKey.TASK_RESULT, result, private=True, sticky=False)
        self._engine.fire(EventType.BEFORE_PROCESS_SUBMISSION, ctx)
        standing.call(task.result_received_cb, share, ctx)
        self._engine.fire(EventType.AFTER_PROCESS_SUBMISSION, ctx)
        return gone

    def take_late(self, controller: Controller, came: Reply) -> None:
        """Let a controller see a result of a task that stands no more."""
        client = self._engine.get_client_from_name(came.site)
        assert client is not None
        ctx = self._engine.context_with(came.site, came.result.get_peer_props())
        ctx.put(FLContextKey.TASK_NAME, came.task, private=True, sticky=False)
        self._engine.fire(EventType.BEFORE_PROCESS_RESULT_OF_UNKNOWN_TASK, ctx)
        with Blamed(controller, f"taking a late result of `{came.task}`"):
            controller.process_result_of_unknown_task(
                client, came.task, str(came.number), came.result, ctx
            )
        self._engine.fire(EventType.AFTER_PROCESS_RESULT_OF_UNKNOWN_TASK, ctx)

    def _context(self, standing: Standing, share: ClientTask, result: Shareable) -> FLContext:
        told = {**(result.get_peer_props() or {}), ReservedKey.IDENTITY_NAME: share.client.name}
        result.set_peer_props(told)
        return standing.context(self._engine, share, {**told, FLContextKey.SHAREABLE: result})

    def _filtered(self, task: str, result: Shareable, ctx: FLContext) -> Shareable:
        if not self._filters.of(task):
            return result
        ctx.put(FLContextKey.TASK_RESULT, result, private=True, sticky=False)
        self._engine.fire(EventType.BEFORE_TASK_RESULT_FILTER, ctx)
        try:
            result = self._filters.apply(task, result, ctx)
        except ContentBlockedException as error:
            result = make_reply(ReturnCode.TASK_RESULT_FILTER_ERROR)
            result.set_header(ReservedHeaderKey.ERROR, str(error))
        self._engine.fire(EventType.AFTER_TASK_RESULT_FILTER, ctx)
        return result
