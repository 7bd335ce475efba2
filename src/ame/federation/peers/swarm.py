"""Swarm learning, a site's part: in each round another site aggregates.

Warnat-Herresthal et al. 2021, "Swarm Learning for decentralized and confidential clinical machine
learning".
"""

import random
import time
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from ame import errors
from ame.federation.exchange.sites import Why
from ame.federation.peers.site import ClientSideController
from ame.federation.peers.words import Action, Constant, ResultType
from ame.federation.run.found import component
from ame.federation.spec.context import FLContext
from ame.federation.spec.learnable import Aggregator
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import AppEventType
from ame.federation.spec.names.keys import FLContextKey, ReservedKey
from ame.federation.spec.shareable import Shareable


@dataclass(slots=True)
class _Gather:
    """The results of a round, at the site that aggregates."""

    number: int
    trainers: list[str]
    came: dict[str, Shareable | None] = field(default_factory=dict)
    """What each sent; None of one that failed."""
    best: dict[str, Any] = field(default_factory=dict)
    """The best model so far: whose, of which round, by which metric."""
    began: float = field(default_factory=time.monotonic)
    enough: float | None = None
    """Since when there are as many results as are required."""


class SwarmClientController(ClientSideController):
    """Trains, and aggregates when it is this site's turn.

    Results are aggregated in the order of the trainers, whatever order they came in, when all have
    come of trainers that are neither failed nor gone.
    """

    def __init__(
        self,
        task_name_prefix: str = Constant.TN_PREFIX_SWARM,
        learn_task_name: str = AppConstants.TASK_TRAIN,
        persistor_id: str = AppConstants.DEFAULT_PERSISTOR_ID,
        shareable_generator_id: str = AppConstants.DEFAULT_SHAREABLE_GENERATOR_ID,
        aggregator_id: str = AppConstants.DEFAULT_AGGREGATOR_ID,
        metric_comparator_id: str | None = None,
        learn_task_check_interval: float = Constant.LEARN_TASK_CHECK_INTERVAL,
        learn_task_abort_timeout: float = Constant.LEARN_TASK_ABORT_TIMEOUT,
        learn_task_ack_timeout: float = Constant.LEARN_TASK_ACK_TIMEOUT,
        learn_task_timeout: float | None = None,
        final_result_ack_timeout: float = Constant.FINAL_RESULT_ACK_TIMEOUT,
        min_responses_required: int = 1,
        wait_time_after_min_resps_received: float | None = None,
        request_to_submit_result_max_wait: float | None = None,
        request_to_submit_result_msg_timeout: float = 5.0,
        request_to_submit_result_interval: float = 1.0,
        max_concurrent_submissions: int = 1,
        memory_gc_rounds: int = 1,
        cuda_empty_cache: bool = False,
        enable_tensor_disk_offload: bool = False,
    ) -> None:
        """The ids name components of the site; times are in seconds.

        `metric_comparator_id`: what compares metrics; the greater is the better without it.
        `min_responses_required`: with how many results a round goes on, and
        `wait_time_after_min_resps_received`: how long it waits for others then; None: until all
        have come, so that a run can be repeated exactly (NVFLARE waits for 10 s).
        `learn_task_timeout`: how long a site may take to learn; one that takes longer is lost to
        the job; None: any time. All others are kept for jobs that set them: nothing here is polled
        or acknowledged.

        Raises:
            ValueError: a time is not above 0.
        """
        for name, seconds in (
            ("wait_time_after_min_resps_received", wait_time_after_min_resps_received),
            ("learn_task_timeout", learn_task_timeout),
        ):
            if seconds is not None and seconds <= 0:
                message = f"{name} must be above 0, or None for any time, not {seconds}"
                raise ValueError(message)
        super().__init__(task_name_prefix, learn_task_name, persistor_id, shareable_generator_id)
        self.aggregator_id = aggregator_id
        self.metric_comparator_id = metric_comparator_id
        self.min_responses_required = min_responses_required
        self.wait_time = wait_time_after_min_resps_received
        self.learn_task_timeout = learn_task_timeout
        self._gather: _Gather | None = None
        self._early: list[tuple[str, Shareable]] = []
        self._best: tuple[Any, Any, Any] | None = None
        """Metric, model and round of the best model that this site aggregated."""

    def start_run(self, fl_ctx: FLContext) -> None:
        """Find the components.

        Raises:
            errors.ComponentUnknown: one of them is not there.
        """
        super().start_run(fl_ctx)
        self.aggregator: Aggregator = component(self.engine, self.aggregator_id, Aggregator)  # type: ignore[type-abstract]  # what is found is asked for its kind

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Keep the best model, when a selector says that it is."""
        super().handle_event(event_type, fl_ctx)
        if event_type == AppEventType.GLOBAL_BEST_MODEL_AVAILABLE and not fl_ctx.get_prop(
            Constant.CLIENT
        ):
            self._best = (
                fl_ctx.get_prop(AppConstants.VALIDATION_RESULT),
                copy(fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)),
                fl_ctx.get_prop(AppConstants.CURRENT_ROUND),
            )

    def deeds(self) -> dict[str, Any]:
        """What is done for each task."""
        return {
            **super().deeds(),
            Constant.BASENAME_LEARN: self._asked_to_learn,
            Constant.BASENAME_REPORT_LEARN_RESULT: self._take,
            Constant.BASENAME_SHARE_RESULT: self._share,
        }

    def start_workflow(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        """Send the model to all trainers."""
        model = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)
        start = self.shareable_generator.learnable_to_shareable(model, fl_ctx)
        self._scatter(start, self.get_config_prop(Constant.START_ROUND, 0))
        return None

    def member_lost(self, site: str, fl_ctx: FLContext) -> None:
        """Wait for it no longer."""
        if self._gather is not None and site in self._gather.trainers:
            self._gather.came.setdefault(site, None)
            self.later(self._aggregate)

    def pulse(self) -> None:
        """See whether time is up for those that still learn."""
        gather, now = self._gather, time.monotonic()
        if gather is None:
            return
        late = [site for site in gather.trainers if site not in gather.came]
        if self.learn_task_timeout is not None and now - gather.began > self.learn_task_timeout:
            for site in late:
                why = f"it learned for longer than {self.learn_task_timeout:g} s"
                self.lose(site, Why(kind="timeout", text=why))
        elif not self._waited(now):
            return
        gather.came.update(dict.fromkeys(late))
        self.later(self._aggregate)

    def _waited(self, now: float) -> bool:
        since = self._gather.enough if self._gather is not None else None
        return self.wait_time is not None and since is not None and now - since > self.wait_time

    def _scatter(self, data: Shareable, number: int) -> None:
        """Begin a round: draw who aggregates, and send the model."""
        draw = random.Random(f"{self.get_config_prop(Constant.SEED)} {number}")  # noqa: S311 (a draw, no secret)
        able = [
            site for site in self.get_config_prop(Constant.AGGR_CLIENTS) if site not in self.lost
        ]
        chosen = draw.choice(able)
        trainers = [
            site for site in self.get_config_prop(Constant.TRAIN_CLIENTS) if site not in self.lost
        ]
        data.set_header(AppConstants.CURRENT_ROUND, number)
        data.set_header(Constant.AGGREGATOR, chosen)
        data.set_header(Constant.TRAIN_CLIENTS, trainers)
        data.add_cookie(AppConstants.CONTRIBUTION_ROUND, number)
        for site in dict.fromkeys([chosen, *trainers]):
            own = Shareable(data)
            own["__headers__"] = dict(data["__headers__"])
            self.tell(site, Constant.BASENAME_LEARN, own)

    def _asked_to_learn(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        number = data.get_header(AppConstants.CURRENT_ROUND)
        if data.get_header(Constant.AGGREGATOR) == self.me:
            best = {
                key: data.get_header(key)
                for key in (Constant.CLIENT, Constant.ROUND, Constant.METRIC)
            }
            self._gather = _Gather(number, data.get_header(Constant.TRAIN_CLIENTS), best=best)
            early, self._early = self._early, []
            for site, result in early:
                self._note(site, result)
        self.later(lambda: self._do_learn(data))
        return None

    def _do_learn(self, data: Shareable) -> None:
        fl_ctx = self.engine.new_context()
        number = data.get_header(AppConstants.CURRENT_ROUND)
        self.base(data, fl_ctx)
        self.fire_event(AppEventType.ROUND_STARTED, fl_ctx)
        if self.me not in data.get_header(Constant.TRAIN_CLIENTS):
            return
        try:
            result = self.learn(data, fl_ctx)
        except Exception as error:  # noqa: BLE001 (whatever users' code raises is told)
            self.failed(error)
            result = Shareable()
            result.set_return_code("EXECUTION_EXCEPTION")
            result.set_header(AppConstants.CURRENT_ROUND, number)
        self.tell(
            data.get_header(Constant.AGGREGATOR), Constant.BASENAME_REPORT_LEARN_RESULT, result
        )

    def _take(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        peer = fl_ctx.get_peer_context()
        assert peer is not None
        self._note(str(peer.get_identity_name()), data)
        return None

    def _note(self, site: str, result: Shareable) -> None:
        """Keep a result until all are there."""
        number = result.get_header(AppConstants.CURRENT_ROUND)
        if self._gather is None or number > self._gather.number:
            self._early.append((site, result))
            return
        if number == self._gather.number and site in self._gather.trainers:
            good = result.get_return_code() == "OK"
            self._gather.came[site] = result if good else None
            taken = sum(each is not None for each in self._gather.came.values())
            if self._gather.enough is None and taken >= self.min_responses_required:
                self._gather.enough = time.monotonic()
            self.later(self._aggregate)

    def _aggregate(self) -> None:
        """End the round, if all results are there.

        Raises:
            errors.TooFewResults: too few of them can be used.
        """
        gather = self._gather
        if gather is None or any(site not in gather.came for site in gather.trainers):
            return
        self._gather = None
        fl_ctx = self.engine.new_context()
        lost = {}
        taken = 0
        for site in gather.trainers:
            result = gather.came[site]
            why = "it returned no result" if result is None else self._accept(site, result)
            if why:
                lost[site] = why
            taken += not why
        if taken < min(self.min_responses_required, len(gather.trainers)):
            raise errors.TooFewResults(
                task=self.learn_task_name,
                at=gather.number,
                needed=self.min_responses_required,
                given=taken,
                lost=lost,
            )
        self.fire_event(AppEventType.BEFORE_AGGREGATION, fl_ctx)
        result = self.aggregator.aggregate(fl_ctx)
        self.fire_event_with_data(
            AppEventType.AFTER_AGGREGATION, fl_ctx, AppConstants.AGGREGATION_RESULT, result
        )
        model = self.shareable_generator.shareable_to_learnable(result, fl_ctx)
        fl_ctx.put(AppConstants.GLOBAL_MODEL, model, private=True, sticky=True)
        self.persistor.save(model, fl_ctx)
        self.aggregator.reset(fl_ctx)
        best = self._best_of(gather)
        found = best.get(Constant.CLIENT) == self.me and best[Constant.ROUND] == gather.number
        self.report(Action.ROUND_DONE, **{Constant.ROUND: gather.number, Constant.BEST: found})
        self._go_on(gather.number, best, model, fl_ctx)

    def _accept(self, site: str, result: Shareable) -> str:
        """Why the aggregator does not take a result, or nothing."""
        result.set_peer_props({ReservedKey.IDENTITY_NAME: site})
        fl_ctx = self.engine.context_with(site, {FLContextKey.SHAREABLE: result})
        fl_ctx.put(AppConstants.TRAINING_RESULT, result, private=True, sticky=False)
        self.fire_event(AppEventType.BEFORE_CONTRIBUTION_ACCEPT, fl_ctx)
        try:
            taken = self.aggregator.accept(result, fl_ctx)
            why = "" if taken else f"{self.aggregator_id} does not take its result"
        except errors.UpdateRefused as error:
            why = str(error)
        fl_ctx.put(AppConstants.AGGREGATION_ACCEPTED, not why, private=True, sticky=False)
        self.fire_event(AppEventType.AFTER_CONTRIBUTION_ACCEPT, fl_ctx)
        return why

    def _best_of(self, gather: _Gather) -> dict[str, Any]:
        """Whose model is the best so far: this site's, or the one before."""
        if self._best is None or not self._better(self._best[0], gather.best.get(Constant.METRIC)):
            return gather.best
        metric, _, number = self._best
        return {Constant.CLIENT: self.me, Constant.ROUND: number, Constant.METRIC: metric}

    def _go_on(self, number: int, best: dict[str, Any], model: Any, fl_ctx: FLContext) -> None:
        """Begin the next round, or hand the results out."""
        done = number - self.get_config_prop(Constant.START_ROUND, 0) + 1
        if done < self.get_config_prop(AppConstants.NUM_ROUNDS):
            data = self.shareable_generator.learnable_to_shareable(model, fl_ctx)
            for key, value in best.items():
                data.set_header(key, value)
            self._scatter(data, number + 1)
            return
        owner = best.get(Constant.CLIENT)
        if owner in self.lost:
            owner = None
        kinds = [ResultType.LAST] + ([ResultType.BEST] if owner else [])
        self.report(Action.ALL_DONE, **{Constant.EXPECTED: kinds})
        self.hand_out(ResultType.LAST, model, number=number)
        if owner:
            self.tell(owner, Constant.BASENAME_SHARE_RESULT, Shareable())

    def _better(self, metric: Any, than: Any) -> bool:
        if than is None:
            return True
        if self.metric_comparator_id:
            comparator = self.engine.get_component(self.metric_comparator_id)
            return bool(comparator.compare(metric, than) > 0)
        return bool(metric > than)

    def _share(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        """Hand out the best model, which this site has."""
        if self._best is not None:
            metric, model, number = self._best
            self.hand_out(ResultType.BEST, model, metric, number)
        return None
