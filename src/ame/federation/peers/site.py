"""A site's side of a workflow of peers."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ame import errors
from ame.federation.exchange.sites import Message, Why
from ame.federation.peers.rounds import summary
from ame.federation.peers.words import Action, Constant, ResultType, task_name
from ame.federation.run.engine import SERVER
from ame.federation.run.found import component
from ame.federation.run.losses import why_failed
from ame.federation.run.site import DO_TASK
from ame.federation.spec.context import FLContext
from ame.federation.spec.executor import Executor
from ame.federation.spec.learnable import Learnable, LearnablePersistor, ShareableGenerator
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import AppEventType, EventType
from ame.federation.spec.names.keys import FLContextKey, ReservedHeaderKey
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply
from ame.federation.spec.task import Signal


class ClientSideController(Executor, ABC):
    """Does the server's tasks and its peers', and leads its own part.

    What takes long, training and evaluating, is put off until the message that asks for it is dealt
    with; so a site always hears.
    """

    def __init__(
        self,
        task_name_prefix: str,
        learn_task_name: str = AppConstants.TASK_TRAIN,
        persistor_id: str = AppConstants.DEFAULT_PERSISTOR_ID,
        shareable_generator_id: str = AppConstants.DEFAULT_SHAREABLE_GENERATOR_ID,
    ) -> None:
        super().__init__()
        self.task_name_prefix = task_name_prefix
        self.learn_task_name = learn_task_name
        self.persistor_id = persistor_id
        self.shareable_generator_id = shareable_generator_id
        self.config: dict[str, Any] = {}
        self.lost: set[str] = set()
        self.over = False

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Find the components when the run begins."""
        if event_type == EventType.START_RUN:
            self.start_run(fl_ctx)

    def start_run(self, fl_ctx: FLContext) -> None:
        """Find the components.

        Raises:
            errors.ComponentUnknown: one of them is not there.
        """
        self.engine = fl_ctx.get_engine()
        self.me = self.engine.name
        self.persistor = component(self.engine, self.persistor_id, LearnablePersistor)  # type: ignore[type-abstract]  # what is found is asked for its kind
        if self.shareable_generator_id:
            self.shareable_generator = component(
                self.engine,
                self.shareable_generator_id,
                ShareableGenerator,  # type: ignore[type-abstract]  # the same
            )

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Do a task of the server or of a peer."""
        deed = self.deeds().get(task_name.removeprefix(f"{self.task_name_prefix}_"))
        if deed is None:
            return make_reply(ReturnCode.TASK_UNKNOWN)
        return deed(shareable, fl_ctx) or make_reply(ReturnCode.OK)

    def deeds(self) -> dict[str, Callable[[Shareable, FLContext], Shareable | None]]:
        """What is done for each task."""
        return {
            Constant.BASENAME_CONFIG: self._configure,
            Constant.BASENAME_START: self.start_workflow,
            Constant.BASENAME_REPORT_FINAL_RESULT: self._keep_final,
            Constant.BASENAME_PULSE: self._say_alive,
            Constant.BASENAME_LOST: self._without,
            Constant.BASENAME_END: self._end,
        }

    def process_config(self, fl_ctx: FLContext) -> Shareable | None:
        """Get ready; what is returned goes to the server."""
        return None

    @abstractmethod
    def start_workflow(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        """Begin: this site was chosen to."""

    def member_lost(self, site: str, fl_ctx: FLContext) -> None:
        """A peer is gone."""

    def pulse(self) -> None:
        """About every second, if this site is not at work: time may be up for something."""

    def get_config_prop(self, name: str, default: Any = None) -> Any:
        """What the server said."""
        return self.config.get(name, default)

    def tell(self, site: str, name: str, data: Shareable) -> None:
        """Give a task to a peer, or to this site itself; no answer is waited for.

        Raises:
            ContentBlockedException: a filter of this site lets nothing pass to the peer.
        """
        task = task_name(self.task_name_prefix, name)
        if site != self.me:
            data = self.engine.site.sent(task, data, self.engine.new_context())
        data.set_header(ReservedHeaderKey.TASK_NAME, task)
        message = Message(sender=self.me, target=site, topic=DO_TASK, data=data)
        if site == self.me:
            self.engine.later(lambda: self.engine.site.hear(message))
        else:
            self.engine.post.tell(message)

    def report(self, action: str, **what: Any) -> None:
        """Tell the server."""
        data = Shareable({Constant.ACTION: action, **what})
        topic = str(self.get_config_prop(FLContextKey.WORKFLOW))
        self.engine.post.tell(Message(sender=self.me, target=SERVER, topic=topic, data=data))

    def later(self, deed: Callable[[], None]) -> None:
        """Do something long afterwards; if it fails, the server is told why."""

        def attempt() -> None:
            if self.over:
                return
            try:
                deed()
            except Exception as error:  # noqa: BLE001 (whatever users' code raises is told)
                self.failed(error)

        self.engine.later(attempt)

    def failed(self, error: Exception) -> None:
        """Tell the server what went wrong here."""
        found = why_failed(error)
        self.log_exception(None, f"{self.me}: {found.text}")
        self.lose(self.me, found)

    def lose(self, site: str, why: Why) -> None:
        """Tell the server that a site can go on no longer."""
        self.report(Action.FAILED, **{Constant.CLIENT: site, Constant.ERROR: asdict(why)})

    def learn(self, data: Shareable, fl_ctx: FLContext) -> Shareable:
        """Have the site's executor train, and tell the server what it measured.

        Raises:
            errors.NoAnswer: it returned no result.
        """
        number = data.get_header(AppConstants.CURRENT_ROUND)
        data.set_header(AppConstants.NUM_ROUNDS, self.get_config_prop(AppConstants.NUM_ROUNDS))
        begun = time.perf_counter()
        result: Shareable = self.engine.site.do(self.learn_task_name, data, fl_ctx)
        code = result.get_return_code()
        if code != ReturnCode.OK:
            said = result.get_header(ReservedHeaderKey.ERROR)
            message = f"`{self.learn_task_name}` returned {code}{f': {said}' if said else ''}"
            raise errors.NoAnswer("unfit", message)
        result.set_header(AppConstants.CURRENT_ROUND, number)
        result.add_cookie(AppConstants.CONTRIBUTION_ROUND, number)
        measured = summary(result, time.perf_counter() - begun)
        self.report(Action.LEARNED, **{Constant.ROUND: number, **measured})
        return result

    def base(self, data: Shareable, fl_ctx: FLContext) -> Any:
        """The model that came with a task: the one of the context from now on."""
        model = self.shareable_generator.shareable_to_learnable(data, fl_ctx)
        fl_ctx.put(AppConstants.GLOBAL_MODEL, model, private=True, sticky=True)
        number = data.get_header(AppConstants.CURRENT_ROUND)
        fl_ctx.put(AppConstants.CURRENT_ROUND, number, private=True, sticky=True)
        return model

    def hand_out(self, kind: str, model: Any, metric: Any = None, number: Any = None) -> None:
        """Give a final model to all that keep it."""
        for site in self.get_config_prop(Constant.RESULT_CLIENTS):
            if site in self.lost:
                continue
            data = Shareable({Constant.RESULT: dict(model)})
            data.set_header(Constant.RESULT_TYPE, kind)
            data.set_header(Constant.METRIC, metric)
            data.set_header(Constant.ROUND, number)
            self.tell(site, Constant.BASENAME_REPORT_FINAL_RESULT, data)

    def _say_alive(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        if not self.config:
            return Shareable({Constant.ERROR: "its process ended, and what it knew with it"})
        self.pulse()
        return None

    def _configure(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        self.config = data[Constant.CONFIG]
        self.over = False
        self.lost.clear()
        model = self.persistor.load(fl_ctx)
        fl_ctx.put(AppConstants.GLOBAL_MODEL, model, private=True, sticky=True)
        return self.process_config(fl_ctx)

    def _keep_final(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        from ame.federation.spec.learnable import ModelLearnable

        model: Learnable = ModelLearnable(data[Constant.RESULT])
        kind = data.get_header(Constant.RESULT_TYPE)
        fl_ctx.put(AppConstants.GLOBAL_MODEL, model, private=True, sticky=True)
        if kind == ResultType.BEST:
            peer = fl_ctx.get_peer_context()
            assert peer is not None
            fl_ctx.put(Constant.CLIENT, peer.get_identity_name(), private=True, sticky=False)
            metric = data.get_header(Constant.METRIC)
            fl_ctx.put(AppConstants.VALIDATION_RESULT, metric, private=True, sticky=False)
            self.fire_event(AppEventType.GLOBAL_BEST_MODEL_AVAILABLE, fl_ctx)
        else:
            self.persistor.save(model, fl_ctx)
        self.report(Action.SAVED, **{Constant.RESULT_TYPE: kind})
        return None

    def _without(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        site = str(data[Constant.CLIENT])
        self.lost.add(site)
        self.member_lost(site, fl_ctx)
        return None

    def _end(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        self.over = True
        return None
