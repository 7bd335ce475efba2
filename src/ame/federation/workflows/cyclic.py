"""Cyclic weight transfer: each site trains the model of the one before it.

Chang et al. 2018, "Distributed deep learning networks among institutions for medical imaging".
"""

import random
from typing import Any

from ame import errors
from ame.federation.conversion import FLModelUtils
from ame.federation.model import FLModel
from ame.federation.run.found import component
from ame.federation.run.losses import why_none
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.learnable import LearnablePersistor, ShareableGenerator
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import AppEventType
from ame.federation.spec.shareable import ReturnCode, Shareable
from ame.federation.spec.task import ClientTask, Signal, Task
from ame.federation.workflows.arguments import check_int
from ame.federation.workflows.averaging.fedavg import BaseFedAvg


class Cyclic(BaseFedAvg):
    """Cyclic weight transfer over models: in a round the model goes from site to site.

    A site that fails is passed over where the job's `min_clients` allows.
    """

    def __init__(
        self,
        *args: Any,
        num_clients: int = 2,
        num_rounds: int = 5,
        start_round: int = 0,
        memory_gc_rounds: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            *args,
            num_clients=num_clients,
            num_rounds=num_rounds,
            start_round=start_round,
            memory_gc_rounds=memory_gc_rounds,
            **kwargs,
        )

    def run(self) -> None:
        """All rounds."""
        model = self.load_model()
        for number in self.rounds():
            self.begin_round(model, number)
            sites = self.sample_clients(self.num_clients)
            quota = self.quota(AppConstants.TASK_TRAIN, number, len(sites))
            for site in sites:
                results = self.broadcast_model(model, targets=[site], quota=quota)
                if self.is_aborted():
                    return
                for result in results:
                    model = self._carried(model, result)
            self._set_global(model)
            self.event(AppEventType.ROUND_DONE)
            self.save_model(model)
            self._sweep()

    def _carried(self, model: FLModel, result: FLModel) -> FLModel:
        """The model as a site left it."""
        result.meta.pop("props", None)
        made = FLModelUtils.update_model(model, result)
        made.metrics = None
        return made


class RelayOrder:
    """In which order the sites of a round come."""

    FIXED = "FIXED"
    RANDOM = "RANDOM"
    RANDOM_WITHOUT_SAME_IN_A_ROW = "RANDOM_WITHOUT_SAME_IN_A_ROW"


_ORDERS = (RelayOrder.FIXED, RelayOrder.RANDOM, RelayOrder.RANDOM_WITHOUT_SAME_IN_A_ROW)


class CyclicController(Controller):
    """Cyclic weight transfer over shareables, by a relay of tasks."""

    def __init__(
        self,
        num_rounds: int = 5,
        task_assignment_timeout: int = 10,
        persistor_id: str = AppConstants.DEFAULT_PERSISTOR_ID,
        shareable_generator_id: str = AppConstants.DEFAULT_SHAREABLE_GENERATOR_ID,
        task_name: str = AppConstants.TASK_TRAIN,
        task_check_period: float = 0.5,
        persist_every_n_rounds: int = 1,
        snapshot_every_n_rounds: int = 1,
        order: str | list[str] = RelayOrder.FIXED,
        allow_early_termination: bool = False,
        memory_gc_rounds: int = 1,
    ) -> None:
        """`order`: one of `RelayOrder`, or the sites' names.

        Raises:
            TypeError, ValueError: an argument cannot be.
        """
        super().__init__(task_check_period=task_check_period)
        check_int(0, num_rounds=num_rounds)
        if not isinstance(order, list) and order not in _ORDERS:
            message = f"order must be one of {', '.join(_ORDERS)}, or a list, not {order!r}"
            raise ValueError(message)
        self.num_rounds = num_rounds
        self.task_assignment_timeout = task_assignment_timeout
        self.persistor_id = persistor_id
        self.shareable_generator_id = shareable_generator_id
        self.task_name = task_name
        self.persist_every_n_rounds = persist_every_n_rounds
        self.order = order
        self.allow_early_termination = allow_early_termination
        self.memory_gc_rounds = memory_gc_rounds
        self._model: Any = None
        self._round = 0
        self._over = False
        self._last = ""

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Find the components, and load the model.

        Raises:
            errors.ComponentUnknown: one of them is not there.
            errors.JobPanicked: there are not two sites.
        """
        self.persistor = component(self._engine, self.persistor_id, LearnablePersistor)  # type: ignore[type-abstract]  # what is found is asked for its kind
        self.shareable_generator = component(
            self._engine,
            self.shareable_generator_id,
            ShareableGenerator,  # type: ignore[type-abstract]  # the same
        )
        if len(self._engine.get_clients()) <= 1:
            reason = "a model cannot go from site to site where there is one site"
            raise errors.JobPanicked(component=self.name, reason=reason, side="server")
        self._model = self.persistor.load(fl_ctx)
        fl_ctx.put(AppConstants.GLOBAL_MODEL, self._model, private=True, sticky=True)
        fl_ctx.put(AppConstants.NUM_ROUNDS, self.num_rounds, private=True, sticky=True)
        self.fire_event(AppEventType.INITIAL_MODEL_LOADED, fl_ctx)

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """All rounds."""
        for self._round in range(self._round, self.num_rounds):  # noqa: B020 (a resumed one begins later)
            fl_ctx.put(AppConstants.CURRENT_ROUND, self._round, private=True, sticky=True)
            self.fire_event(AppEventType.ROUND_STARTED, fl_ctx)
            task = Task(
                name=self.task_name, data=self._data(fl_ctx), result_received_cb=self._received
            )
            self.relay_and_wait(
                task=task,
                fl_ctx=fl_ctx,
                targets=self._sites_in_order(),
                task_assignment_timeout=self.task_assignment_timeout,
                dynamic_targets=False,
                abort_signal=abort_signal,
            )
            if abort_signal.triggered:
                return
            every = self.persist_every_n_rounds
            if every and (self._round + 1) % every == 0:
                self.fire_event(AppEventType.BEFORE_LEARNABLE_PERSIST, fl_ctx)
                self.persistor.save(self._model, fl_ctx)
                self.fire_event(AppEventType.AFTER_LEARNABLE_PERSIST, fl_ctx)
            self.fire_event(AppEventType.ROUND_DONE, fl_ctx)
            if self._over:
                return

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Keep the model."""
        self.persistor.save(self._model, fl_ctx)

    def _data(self, fl_ctx: FLContext) -> Shareable:
        data = self.shareable_generator.learnable_to_shareable(self._model, fl_ctx)
        data.set_header(AppConstants.CURRENT_ROUND, self._round)
        data.set_header(AppConstants.NUM_ROUNDS, self.num_rounds)
        data.add_cookie(AppConstants.CONTRIBUTION_ROUND, self._round)
        return data

    def _sites_in_order(self) -> list[str]:
        if isinstance(self.order, list):
            return self.order
        names = [client.name for client in self._engine.get_clients()]
        if self.order != RelayOrder.FIXED:
            random.Random(f"{self._engine.seed} {self._round}").shuffle(names)  # noqa: S311 (an order, no secret)
            if self.order == RelayOrder.RANDOM_WITHOUT_SAME_IN_A_ROW and names[0] == self._last:
                names.append(names.pop(0))
        self._last = names[-1]
        return names

    def _received(self, client_task: ClientTask, fl_ctx: FLContext) -> None:
        """Take a site's model, and give it to the next."""
        task, result = client_task.task, client_task.result
        assert result is not None
        early = result.get_return_code() == ReturnCode.EARLY_TERMINATION
        why = "" if early else why_none(client_task)
        if why:
            raise errors.TooFewResults(
                task=task.name,
                at=self._round,
                needed=len(task.targets or ()),
                given=len(task.client_tasks) - 1,
                lost={client_task.client.name: why},
            )
        if "DXO" in result:
            self._model = self.shareable_generator.shareable_to_learnable(result, fl_ctx)
            fl_ctx.put(AppConstants.GLOBAL_MODEL, self._model, private=True, sticky=True)
        task.data = self._data(fl_ctx)
        if early and self.allow_early_termination:
            self._over = True
            self.cancel_task(task)

    def get_persist_state(self, fl_ctx: FLContext) -> dict[str, Any]:
        """The round that is next, and the model."""
        return {"round": self._round + 1, "model": self._model}

    def restore(self, state_data: dict[str, Any], fl_ctx: FLContext) -> None:
        """Go on with that round."""
        self._round = state_data["round"]
        self._model = state_data["model"]
