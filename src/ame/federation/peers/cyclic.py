"""Cyclic weight transfer from site to site: the model never comes to the server.

Chang et al. 2018, "Distributed deep learning networks among institutions for medical imaging".
"""

import random
from typing import Any

from ame.federation.peers.server import ServerSideController
from ame.federation.peers.site import ClientSideController
from ame.federation.peers.words import Action, Constant, CyclicOrder, ResultType
from ame.federation.spec.context import FLContext
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import AppEventType
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Signal


class CyclicServerController(ServerSideController):
    """Says in which order sites train."""

    def __init__(
        self,
        num_rounds: int,
        task_name_prefix: str = Constant.TN_PREFIX_CYCLIC,
        start_task_timeout: float = Constant.START_TASK_TIMEOUT,
        configure_task_timeout: float = Constant.CONFIG_TASK_TIMEOUT,
        task_check_period: float = Constant.TASK_CHECK_INTERVAL,
        job_status_check_interval: float = Constant.JOB_STATUS_CHECK_INTERVAL,
        participating_clients: list[str] | None = None,
        result_clients: list[str] | None = None,
        starting_client: str = "",
        max_status_report_interval: float = Constant.PER_CLIENT_STATUS_REPORT_TIMEOUT,
        progress_timeout: float = Constant.WORKFLOW_PROGRESS_TIMEOUT,
        private_p2p: bool = True,
        cyclic_order: str = CyclicOrder.FIXED,
    ) -> None:
        """`cyclic_order`: `fixed`, or `random` anew in each round.

        Raises:
            ValueError: it is neither.
        """
        super().__init__(
            num_rounds=num_rounds,
            task_name_prefix=task_name_prefix,
            start_task_timeout=start_task_timeout,
            configure_task_timeout=configure_task_timeout,
            task_check_period=task_check_period,
            job_status_check_interval=job_status_check_interval,
            participating_clients=participating_clients,
            result_clients=result_clients,
            starting_client=starting_client,
            max_status_report_interval=max_status_report_interval,
            progress_timeout=progress_timeout,
            private_p2p=private_p2p,
        )
        if cyclic_order not in (CyclicOrder.FIXED, CyclicOrder.RANDOM):
            message = f"cyclic_order must be fixed or random, not {cyclic_order!r}"
            raise ValueError(message)
        self.cyclic_order = cyclic_order
        self._done = False
        self._kept: set[str] = set()

    def begin(self, fl_ctx: FLContext, abort_signal: Signal) -> None:
        """Have the first site train."""
        with self.told:
            self.rounds.begin(self.sites)
        super().begin(fl_ctx, abort_signal)

    def prepare_config(self) -> dict[str, Any]:
        """The order."""
        return {Constant.ORDER: self.cyclic_order}

    def follow(self, site: str, status: Shareable) -> None:
        """Note who keeps the result."""
        self._done = self._done or status[Constant.ACTION] == Action.ALL_DONE
        if status[Constant.ACTION] == Action.SAVED:
            self._kept.add(site)

    def finished(self) -> bool:
        """Whether all that are to keep the result have."""
        return self._done and set(self.keepers) - self.lost.keys() <= self._kept


class CyclicClientController(ClientSideController):
    """Trains the model of the site before it, and hands it to the next."""

    def __init__(
        self,
        task_name_prefix: str = Constant.TN_PREFIX_CYCLIC,
        learn_task_name: str = AppConstants.TASK_TRAIN,
        persistor_id: str = AppConstants.DEFAULT_PERSISTOR_ID,
        shareable_generator_id: str = AppConstants.DEFAULT_SHAREABLE_GENERATOR_ID,
        learn_task_check_interval: float = Constant.LEARN_TASK_CHECK_INTERVAL,
        learn_task_abort_timeout: float = Constant.LEARN_TASK_ABORT_TIMEOUT,
        learn_task_ack_timeout: float = Constant.LEARN_TASK_ACK_TIMEOUT,
        final_result_ack_timeout: float = Constant.FINAL_RESULT_ACK_TIMEOUT,
    ) -> None:
        """The ids name components of the site; times are kept for jobs that set them."""
        super().__init__(task_name_prefix, learn_task_name, persistor_id, shareable_generator_id)

    def deeds(self) -> dict[str, Any]:
        """What is done for each task."""
        return {**super().deeds(), Constant.BASENAME_LEARN: self._asked_to_learn}

    def start_workflow(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        """Begin with this site."""
        sites = list(self.get_config_prop(Constant.CLIENTS))
        at = sites.index(self.me)
        model = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)
        start = self.shareable_generator.learnable_to_shareable(model, fl_ctx)
        number = self.get_config_prop(Constant.START_ROUND, 0)
        self._hand_on(self.me, start, number, sites[at:] + sites[:at])
        return None

    def _hand_on(self, site: str, data: Shareable, number: int, order: list[str]) -> None:
        data.set_header(AppConstants.CURRENT_ROUND, number)
        data.set_header(Constant.CLIENT_ORDER, order)
        data.add_cookie(AppConstants.CONTRIBUTION_ROUND, number)
        self.tell(site, Constant.BASENAME_LEARN, data)

    def _asked_to_learn(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        self.later(lambda: self._do_learn(data))
        return None

    def _do_learn(self, data: Shareable) -> None:
        fl_ctx = self.engine.new_context()
        number = data.get_header(AppConstants.CURRENT_ROUND)
        order = list(data.get_header(Constant.CLIENT_ORDER))
        self.base(data, fl_ctx)
        self.fire_event(AppEventType.ROUND_STARTED, fl_ctx)
        result = self.learn(data, fl_ctx)
        model = self.shareable_generator.shareable_to_learnable(result, fl_ctx)
        fl_ctx.put(AppConstants.GLOBAL_MODEL, model, private=True, sticky=True)
        at = order.index(self.me)
        if at == len(order) - 1:
            self.report(Action.ROUND_DONE, **{Constant.ROUND: number})
            done = number - self.get_config_prop(Constant.START_ROUND, 0) + 1
            if done >= self.get_config_prop(AppConstants.NUM_ROUNDS):
                self.persistor.save(model, fl_ctx)
                self.report(Action.ALL_DONE)
                self.hand_out(ResultType.LAST, model, number=number)
                return
            number += 1
            order = self._next_order(order, number)
            at = -1
        following = self.shareable_generator.learnable_to_shareable(model, fl_ctx)
        self._hand_on(order[at + 1], following, number, order)

    def _next_order(self, order: list[str], number: int) -> list[str]:
        if self.get_config_prop(Constant.ORDER) == CyclicOrder.RANDOM:
            random.Random(f"{self.get_config_prop(Constant.SEED)} {number}").shuffle(order)  # noqa: S311 (an order, no secret)
            if order[0] == self.me:
                order.append(order.pop(0))
        return order
