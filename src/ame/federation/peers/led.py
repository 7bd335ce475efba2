"""Controllers that a site leads: `ClientControllerExecutor`, and how they reach the peers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ame import errors
from ame.federation.peers.rounds import summary
from ame.federation.peers.site import ClientSideController
from ame.federation.peers.words import Action, Constant, ResultType
from ame.federation.run.found import component
from ame.federation.run.losses import why_answered
from ame.federation.run.site import DO_TASK
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller, InTurn, To, ToAllAgain, ToOne
from ame.federation.spec.learnable import LearnablePersistor
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.keys import ReservedHeaderKey
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Client, ClientTask, Signal, Task, TaskCompletionStatus

FOREVER = 30 * 24 * 3600.0
_TOLD = (AppConstants.CURRENT_ROUND, AppConstants.NUM_ROUNDS, AppConstants.MODEL_OWNER)
"""The headers of a task by which its results belong to a round."""


class ClientControllerExecutor(ClientSideController):
    """Has controllers, which are components of the site, lead all sites from here.

    The server's side is a `ServerSideController` of the same prefix, which says who begins. The
    tasks of the controllers are done by the sites' other executors, this site's too.
    """

    def __init__(
        self,
        controller_id_list: Any,
        task_name_prefix: str = "",
        persistor_id: str = AppConstants.DEFAULT_PERSISTOR_ID,
        final_result_ack_timeout: float = Constant.FINAL_RESULT_ACK_TIMEOUT,
        max_task_timeout: int = 0,
    ) -> None:
        """Who leads.

        Args:
            controller_id_list: ids of the controllers, in their order.
            task_name_prefix: what the workflow's own tasks begin with.
            persistor_id: of what keeps the final model at the sites, if it is there.
            final_result_ack_timeout: accepted: who does not keep it is known here.
            max_task_timeout: seconds for tasks that have no time of their own; 0: for ever.

        Raises:
            errors.JobTypeInvalid (TypeError): the ids are no list of texts.
        """
        super().__init__(task_name_prefix, persistor_id=persistor_id, shareable_generator_id="")
        if not isinstance(controller_id_list, list) or not controller_id_list:
            raise errors.JobTypeInvalid(
                "controller_id_list", "a list of the ids of controllers", controller_id_list
            )
        self.controller_id_list = controller_id_list
        self.max_task_timeout = max_task_timeout

    def start_run(self, fl_ctx: FLContext) -> None:
        """Find the controllers.

        Raises:
            errors.ComponentUnknown: one of them is not there.
        """
        self.engine = fl_ctx.get_engine()
        self.me = self.engine.name
        found = self.engine.get_component(self.persistor_id)
        self.persistor: Any = found if isinstance(found, LearnablePersistor) else None
        self._controllers = [
            component(self.engine, name, Controller)  # type: ignore[type-abstract]  # what is found is asked for its kind
            for name in self.controller_id_list
        ]

    def deeds(self) -> dict[str, Callable[[Shareable, FLContext], Shareable | None]]:
        """What is done for each task."""
        return {**super().deeds(), Constant.BASENAME_CONFIG: self._take_config}

    def start_workflow(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        """Lead, once the message is dealt with."""
        self.later(self._lead)
        return None

    def _take_config(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        self.config = data[Constant.CONFIG]
        self.over = False
        self.lost.clear()
        return None

    def _lead(self) -> None:
        model: Any = None
        for controller in self._controllers:
            fl_ctx = self.engine.new_context()
            controller.config = self.config  # type: ignore[attr-defined]  # NVFLARE's controllers read it there
            sites, longest = self.get_config_prop(Constant.CLIENTS), self.max_task_timeout
            controller.set_communicator(Peers(self.engine, sites, longest, told=self._tell))
            controller.initialize(fl_ctx)
            controller.control_flow(self.engine.signal, fl_ctx)
            model = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL) or model
            controller.stop_controller(fl_ctx)
        if model is not None and self.persistor is not None:
            self.hand_out(ResultType.LAST, model)
        self.report(Action.ALL_DONE)

    def _tell(self, share: ClientTask) -> None:
        """Tell the server what a site measured in a task of a controller."""
        task, result = share.task, share.result
        assert result is not None
        headers = {key: task.data.get_header(key) for key in _TOLD}
        of = {
            Constant.CLIENT: share.client.name,
            Constant.TASK: task.name,
            Constant.HEADERS: {key: each for key, each in headers.items() if each is not None},
        }
        if why := why_answered(result):
            self.report(Action.MISSED, **of, **{Constant.ERROR: asdict(why)})
            return
        seconds = (share.result_received_time or 0) - (task.schedule_time or 0)
        self.report(Action.DONE, **summary(result, seconds), **of)


class Peers:
    """Gives tasks to the sites of a workflow, from one of them; returns when they are done."""

    def __init__(
        self,
        engine: Any,
        sites: Sequence[str],
        longest: float = 0,
        *,
        told: Callable[[ClientTask], None] = lambda _share: None,
    ) -> None:
        """Over these sites.

        `engine`: of the site; `longest`: seconds for tasks that have no time of their own; `told`
        is called with each result.
        """
        self._told = told
        self._engine = engine
        self._sites = list(sites)
        self._longest = longest or FOREVER

    def give(self, task: Task, to: To) -> None:
        """Have it done.

        Raises:
            errors.ComponentFailed: a deed of the task raised an error.
            NotImplementedError: it is to be done again and again.
        """
        if isinstance(to, ToAllAgain):
            message = "a controller of a site cannot give a task for ever"
            raise NotImplementedError(message)
        wanted = [each.name if isinstance(each, Client) else each for each in to.targets or ()]
        targets = wanted or self._sites
        task.schedule_time = time.time()
        if isinstance(to, InTurn):
            for site in targets:
                self._do(task, [site])
        else:
            self._do(task, targets[:1] if isinstance(to, ToOne) else targets)
        task.completion_status = TaskCompletionStatus.OK
        if task.task_done_cb is not None:
            task.task_done_cb(task=task, fl_ctx=self._engine.new_context())

    def wait(self, task: Task, abort_signal: Signal | None) -> None:
        """It is done already."""

    def get_num_standing_tasks(self) -> int:
        """None stands."""
        return 0

    def cancel_task(self, task: Task, status: TaskCompletionStatus) -> None:
        """None stands."""

    def cancel_all_tasks(self, status: TaskCompletionStatus) -> None:
        """None stands."""

    def get_client_disconnect_time(self, client_name: str) -> float | None:
        """What is lost ends the workflow."""
        return None

    def _do(self, task: Task, targets: Sequence[str]) -> None:
        """Has these sites do it at once, this one after the others, and takes their results."""
        me = self._engine.name
        shares = {site: ClientTask(Client(site, site), task) for site in targets}
        for share in shares.values():
            _deed(task.before_task_sent_cb, share, self._context(share))
            task.client_tasks.append(share)
        others = [site for site in targets if site != me]
        limit = task.timeout or self._longest
        ctx = self._engine.new_context()
        data = self._engine.site.sent(task.name, task.data, ctx) if others else task.data
        data.set_header(ReservedHeaderKey.TASK_NAME, task.name)
        answers = self._engine.multicast_aux_requests(
            DO_TASK, dict.fromkeys(others, data), limit, ctx
        )
        if me in shares:
            ctx = self._engine.context_with(me)
            answers[me] = self._engine.site.attempt(task.name, task.data, ctx)
        for site, share in shares.items():
            ctx = self._context(share)
            _deed(task.after_task_sent_cb, share, ctx)
            share.result = (
                answers[site]
                if site == me
                else self._engine.site.taken(task.name, answers[site], ctx)
            )
            share.result_received_time = time.time()
            self._told(share)
            _deed(task.result_received_cb, share, ctx)

    def _context(self, share: ClientTask) -> FLContext:
        ctx: FLContext = self._engine.context_with(share.client.name)
        return ctx


def _deed(deed: Callable[..., Any] | None, share: ClientTask, fl_ctx: FLContext) -> None:
    if deed is not None:
        deed(client_task=share, fl_ctx=fl_ctx)
