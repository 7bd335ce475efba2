"""Scatter and gather: rounds of sending a model and aggregating, each step by a component.

With a mean for its aggregator it is federated averaging: McMahan et al. 2017, "Communication-
Efficient Learning of Deep Networks from Decentralized Data", Algorithm 1.
"""

from typing import Any

from ame import errors
from ame.federation.exchange.sites import Why
from ame.federation.run.found import component
from ame.federation.run.losses import Quota, why_none, why_refused
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.learnable import (
    Aggregator,
    LearnablePersistor,
    ModelLearnable,
    ShareableGenerator,
    make_model_learnable,
)
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import AppEventType
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import (
    Client,
    ClientTask,
    OperatorMethod,
    Signal,
    Task,
    TaskOperatorKey,
)
from ame.federation.workflows.arguments import check_int


class ScatterAndGather(Controller):
    """Generator, sites, aggregator, generator, persistor; and so on, round after round.

    A round needs results of `min_clients` sites, or of all if there are fewer. The others are
    waited for so many seconds more, and left out then.
    """

    def __init__(
        self,
        min_clients: int = 1000,
        num_rounds: int = 5,
        start_round: int = 0,
        wait_time_after_min_received: int = 10,
        aggregator_id: str = AppConstants.DEFAULT_AGGREGATOR_ID,
        persistor_id: str = "",
        shareable_generator_id: str = AppConstants.DEFAULT_SHAREABLE_GENERATOR_ID,
        train_task_name: str = AppConstants.TASK_TRAIN,
        train_timeout: int = 0,
        ignore_result_error: bool | None = None,
        allow_empty_global_weights: bool = False,
        task_check_period: float = 0.5,
        persist_every_n_rounds: int = 1,
        snapshot_every_n_rounds: int = 1,
        memory_gc_rounds: int = 1,
        enable_tensor_disk_offload: bool = False,
    ) -> None:
        """The ids name components; times are seconds, 0 of `train_timeout` for ever.

        Raises:
            TypeError, ValueError: an argument cannot be.
        """
        super().__init__(task_check_period=task_check_period)
        check_int(1, min_clients=min_clients)
        check_int(
            0,
            num_rounds=num_rounds,
            start_round=start_round,
            wait_time_after_min_received=wait_time_after_min_received,
            train_timeout=train_timeout,
            persist_every_n_rounds=persist_every_n_rounds,
        )
        self.min_clients = min_clients
        self.num_rounds = num_rounds
        self.start_round = start_round
        self.wait_time_after_min_received = wait_time_after_min_received
        self.aggregator_id = aggregator_id
        self.persistor_id = persistor_id
        self.shareable_generator_id = shareable_generator_id
        self.train_task_name = train_task_name
        self.train_timeout = train_timeout
        self.ignore_result_error = ignore_result_error
        self.allow_empty_global_weights = allow_empty_global_weights
        self.persist_every_n_rounds = persist_every_n_rounds
        self.memory_gc_rounds = memory_gc_rounds
        self.persistor: LearnablePersistor | None = None
        self._model: Any = make_model_learnable({}, {})
        self._round = start_round
        self._quota: Quota | None = None

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Find the components, and load the model.

        Raises:
            errors.ComponentUnknown: one of them is not there.
            errors.JobPanicked: there is no model to begin with.
        """
        self.aggregator: Aggregator = component(self._engine, self.aggregator_id, Aggregator)  # type: ignore[type-abstract]  # what is found is asked for its kind
        self.shareable_gen = component(
            self._engine,
            self.shareable_generator_id,
            ShareableGenerator,  # type: ignore[type-abstract]  # the same
        )
        if self.persistor_id:
            self.persistor = component(self._engine, self.persistor_id, LearnablePersistor)  # type: ignore[type-abstract]  # the same
        else:  # a workflow before this one may have made it
            self._model = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL) or self._model
        fl_ctx.put(AppConstants.START_ROUND, self.start_round, private=True, sticky=True)
        fl_ctx.put(AppConstants.NUM_ROUNDS, self.num_rounds, private=True, sticky=False)
        if self.persistor is not None:
            self._model = self._loaded(self.persistor, fl_ctx)
            fl_ctx.put(AppConstants.GLOBAL_MODEL, self._model, private=True, sticky=True)
            self.fire_event(AppEventType.INITIAL_MODEL_LOADED, fl_ctx)

    def _loaded(self, persistor: LearnablePersistor, fl_ctx: FLContext) -> Any:
        found: Any = persistor.load(fl_ctx)
        if found is None or (isinstance(found, ModelLearnable) and found.is_empty()):
            found = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL) or make_model_learnable({}, {})
        if not isinstance(found, ModelLearnable):
            reason = f"`{self.persistor_id}` loaded a {type(found).__name__}, no ModelLearnable"
            raise errors.JobPanicked(component=self.name, reason=reason, side="server")
        return found

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """All rounds."""
        fl_ctx.put(AppConstants.PHASE, AppConstants.PHASE_TRAIN, private=True, sticky=False)
        fl_ctx.put(AppConstants.NUM_ROUNDS, self.num_rounds, private=True, sticky=False)
        self.fire_event(AppEventType.TRAINING_STARTED, fl_ctx)
        last = self.start_round + self.num_rounds
        for self._round in range(self._round, last):  # noqa: B020 (a resumed one begins later)
            self._scatter(fl_ctx, abort_signal)
            if abort_signal.triggered:
                return
            self._gather(fl_ctx)
            every = self.persist_every_n_rounds
            if self._round == last - 1 or (every and (self._round + 1) % every == 0):
                self._persist(fl_ctx)
            self.fire_event(AppEventType.ROUND_DONE, fl_ctx)
            self.aggregator.reset(fl_ctx)

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Nothing is left to be done."""

    def outgoing(self, fl_ctx: FLContext) -> Shareable:
        """What sites are sent."""
        return self.shareable_gen.learnable_to_shareable(self._model, fl_ctx)

    def incoming(self, result: Shareable) -> Shareable:
        """What of the aggregate the generator is given."""
        return result

    def _scatter(self, fl_ctx: FLContext, abort_signal: Signal) -> None:
        fl_ctx.put(AppConstants.GLOBAL_MODEL, self._model, private=True, sticky=True)
        fl_ctx.put(AppConstants.CURRENT_ROUND, self._round, private=True, sticky=True)
        self.fire_event(AppEventType.ROUND_STARTED, fl_ctx)
        data = self.outgoing(fl_ctx)
        data.set_header(AppConstants.CURRENT_ROUND, self._round)
        data.set_header(AppConstants.NUM_ROUNDS, self.num_rounds)
        data.add_cookie(AppConstants.CONTRIBUTION_ROUND, self._round)
        sites = len(self._engine.get_clients())
        needed = min(self.min_clients, sites)
        self._quota = Quota(
            task=self.train_task_name,
            at=self._round,
            targets=sites,
            needed=needed,
            ignore=self.ignore_result_error,
            mandatory=self._engine.mandatory_clients,
        )
        task = Task(
            name=self.train_task_name,
            data=data,
            operator={
                TaskOperatorKey.OP_ID: self.train_task_name,
                TaskOperatorKey.METHOD: OperatorMethod.BROADCAST,
                TaskOperatorKey.TIMEOUT: self.train_timeout,
                TaskOperatorKey.AGGREGATOR: self.aggregator_id,
            },
            timeout=self.train_timeout,
            before_task_sent_cb=self._before_sent,
            result_received_cb=self._received,
        )
        self.broadcast_and_wait(
            task=task,
            fl_ctx=fl_ctx,
            min_responses=needed,
            wait_time_after_min_received=self.wait_time_after_min_received,
            abort_signal=abort_signal,
        )

    def _gather(self, fl_ctx: FLContext) -> None:
        self.fire_event(AppEventType.BEFORE_AGGREGATION, fl_ctx)
        result = self.aggregator.aggregate(fl_ctx)
        self.fire_event_with_data(
            AppEventType.AFTER_AGGREGATION, fl_ctx, AppConstants.AGGREGATION_RESULT, result
        )
        self.fire_event(AppEventType.BEFORE_SHAREABLE_TO_LEARNABLE, fl_ctx)
        self._model = self.shareable_gen.shareable_to_learnable(self.incoming(result), fl_ctx)
        fl_ctx.put(AppConstants.GLOBAL_MODEL, self._model, private=True, sticky=True)
        self.fire_event(AppEventType.AFTER_SHAREABLE_TO_LEARNABLE, fl_ctx)

    def _persist(self, fl_ctx: FLContext) -> None:
        if self.persistor is not None:
            self.fire_event(AppEventType.BEFORE_LEARNABLE_PERSIST, fl_ctx)
            self.persistor.save(self._model, fl_ctx)
            self.fire_event(AppEventType.AFTER_LEARNABLE_PERSIST, fl_ctx)

    def _before_sent(self, client_task: ClientTask, fl_ctx: FLContext) -> None:
        if self._engine.heard(AppEventType.BEFORE_TRAIN_TASK):
            self.fire_event_with_data(
                AppEventType.BEFORE_TRAIN_TASK,
                fl_ctx,
                AppConstants.TRAIN_SHAREABLE,
                client_task.task.data,
            )

    def _received(self, client_task: ClientTask, fl_ctx: FLContext) -> None:
        result, site = client_task.result, client_task.client.name
        assert result is not None
        assert self._quota is not None
        why = why_none(client_task)
        if not why:
            why = self._accept(result, fl_ctx)
        if why:
            self._engine.watcher.refused(site, Why(kind="unfit", text=why))
            self._quota.fail(site, why)
            self.log_warning(fl_ctx, f"{site} is left out: {why}")
        client_task.result = None

    def _accept(self, result: Shareable, fl_ctx: FLContext) -> str:
        """Why the aggregator does not take a result, or nothing."""
        fl_ctx.put(AppConstants.TRAINING_RESULT, result, private=True, sticky=False)
        self.fire_event(AppEventType.BEFORE_CONTRIBUTION_ACCEPT, fl_ctx)
        try:
            taken = self.aggregator.accept(result, fl_ctx)
            why = "" if taken else f"{self.aggregator_id} does not take its result"
        except errors.UpdateRefused as error:
            why = why_refused(error)
        fl_ctx.put(AppConstants.AGGREGATION_ACCEPTED, not why, private=True, sticky=False)
        self.fire_event(AppEventType.AFTER_CONTRIBUTION_ACCEPT, fl_ctx)
        return why

    def process_result_of_unknown_task(
        self,
        client: Client,
        task_name: str,
        client_task_id: str,
        result: Shareable,
        fl_ctx: FLContext,
    ) -> None:
        """A result that came too late is left out."""
        self.log_info(fl_ctx, f"a result of task `{task_name}` of {client.name} came too late")

    def get_persist_state(self, fl_ctx: FLContext) -> dict[str, Any]:
        """The round that is next, and the model."""
        return {"round": self._round + 1, "model": self._model}

    def restore(self, state_data: dict[str, Any], fl_ctx: FLContext) -> None:
        """Go on with that round."""
        self._round = state_data["round"]
        self._model = state_data["model"]
