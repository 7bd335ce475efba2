"""The server: leads the workflows of a job, one after another, over its sites."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread, current_thread
from typing import Any

from ame import errors
from ame.federation.client.record import Record
from ame.federation.exchange.sites import Message, Sites
from ame.federation.exchange.watcher import Nobody, Watcher
from ame.federation.run.chains import Blamed, Chain
from ame.federation.run.engine import SERVER, Build, Engine
from ame.federation.run.ledger import Ledger
from ame.federation.run.tasks import Tasks
from ame.federation.spec.analytics import AnalyticsData
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.names.events import EventType
from ame.federation.spec.names.keys import FLContextKey, ProcessType
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import TaskCompletionStatus

_LOOK = 0.1
"""How often a deadline is looked for while nothing comes, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """The live objects of a job's server."""

    workflows: Sequence[tuple[str, Controller]]
    """By id, in their order."""
    components: Mapping[str, Any] = field(default_factory=dict)
    task_data_filters: Chain = field(default_factory=Chain)
    """What leaves the server."""
    task_result_filters: Chain = field(default_factory=Chain)
    """What comes back."""
    params: Mapping[str, Any] = field(default_factory=dict)
    build: Build | None = None


class ServerEngine(Engine):
    """What contexts of a server give of their run."""

    min_clients: int = 1
    mandatory_clients: tuple[str, ...] = ()
    seed: int = 0
    watcher: Watcher = Nobody()
    ledger: Ledger | None = None

    def fire_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Let all parts hear it, and the watcher after them."""
        super().fire_event(event_type, fl_ctx)
        self.watcher.fired(event_type, fl_ctx)

    def recorded(self, data: AnalyticsData) -> None:
        """Keep what a part of the server tells."""
        self.watcher.recorded(SERVER, Record.told(data))

    def heard(self, event_type: str) -> bool:
        """Whether anybody would hear an event of this name."""
        return not isinstance(self.watcher, Nobody) or Engine.heard(self, event_type)


class Server:
    """Leads one run. `run` may be called once."""

    def __init__(
        self,
        parts: ServerParts,
        sites: Sites,
        *,
        job: str,
        root: Path,
        min_clients: int = 1,
        mandatory_clients: Sequence[str] = (),
        seed: int = 0,
        watcher: Watcher | None = None,
    ) -> None:
        """`root`: the folder of the server, in which the run's is made.

        The watcher is told of events and notes here; of what goes over `sites` by `Watched`.
        """
        self._parts = parts
        self._sites = sites
        self.engine = ServerEngine(
            name=SERVER,
            job=job,
            root=root,
            process=ProcessType.SERVER_JOB,
            components=parts.components,
            parts=[
                *(controller for _, controller in parts.workflows),
                *parts.task_data_filters.filters(),
                *parts.task_result_filters.filters(),
            ],
            sites=sites.names,
            params=parts.params,
            build=parts.build,
        )
        self.engine.min_clients = min_clients
        self.engine.mandatory_clients = tuple(mandatory_clients)
        self.engine.seed = seed
        self.engine.watcher = watcher or Nobody()
        self.engine.post = self
        self.engine.signal.listen(self._wake)
        self._tasks = Tasks(
            sites=sites,
            engine=self.engine,
            lost=self.engine.watcher.lost,
            data=parts.task_data_filters,
            results=parts.task_result_filters,
        )
        self._pump = Thread(target=self._follow, name=f"{job}: replies", daemon=True)
        self._over = False
        self._answers: dict[int, tuple[str, Shareable]] = {}
        self._answered = Condition()

    def run(self) -> None:
        """Lead all workflows, and return when they are over. The sites are closed afterwards.

        Raises:
            errors.ComponentFailed: a part of the job raised an error.
            errors.JobPanicked: a part of the job said that it cannot go on.
            errors.TooFewResults: so many sites failed that the job cannot go on.
        """
        Path(self.engine.workspace.get_app_dir(self.engine.job)).mkdir(parents=True, exist_ok=True)
        ctx = self.engine.new_context()
        try:
            self.engine.fire(EventType.ABOUT_TO_START_RUN, ctx)
            self.engine.fire(EventType.START_RUN, ctx)
            self._pump.start()
            for name, controller in self._parts.workflows:
                self._lead(name, controller)
                self._check()
        except errors.RunOver:
            self._check()
            raise
        except errors.Error as error:
            self.engine.fail(error)
            raise self._cause() from error.__cause__
        finally:
            self._end()
        self._check()

    def stop(self, why: str) -> None:
        """End the run from another thread: `run` raises `errors.RunOver` soon after."""
        self.engine.fail(errors.RunOver(why))

    def _lead(self, name: str, controller: Controller) -> None:
        ctx = self.engine.new_context()
        ctx.put(FLContextKey.WORKFLOW, name, private=True, sticky=True)
        self._tasks.controller = controller
        controller.set_communicator(self._tasks)
        with Blamed(controller, f"leading workflow `{name}`"):
            controller.initialize(ctx)
            self._check()
            self.engine.fire(EventType.START_WORKFLOW, ctx)
            try:
                controller.control_flow(self.engine.signal, ctx)
            finally:
                self._tasks.cancel_all_tasks(TaskCompletionStatus.CANCELLED)
            if not self.engine.signal.triggered:  # else it has been broken off
                self.engine.fire(EventType.END_WORKFLOW, ctx)
            controller.stop_controller(ctx)

    def _check(self) -> None:
        """Raise what ended the run, if anything did."""
        if self.engine.signal.triggered:
            raise self._cause()

    def _cause(self) -> errors.Error:
        cause = self.engine.signal.value
        return cause if isinstance(cause, errors.Error) else errors.RunOver(str(cause))

    def _wake(self) -> None:
        """Let all that wait look again: the run is over."""
        self._tasks.wake()
        with self._answered:
            self._answered.notify_all()

    def _end(self) -> None:
        ctx = self.engine.new_context()
        try:
            self.engine.fire(EventType.ABOUT_TO_END_RUN, ctx)
            self.engine.fire(EventType.END_RUN, ctx)
        finally:
            self._over = True
            self._sites.close()
            if self._pump.is_alive():
                self._pump.join()

    def _follow(self) -> None:
        """What the thread does that takes what sites send."""
        while not self._over:
            try:
                self._take()
            except errors.Error as error:
                self.engine.fail(error)
                return

    def _take(self) -> None:
        due = self._tasks.due()
        wait = _LOOK if due is None else min(_LOOK, max(0.0, due - time.monotonic()))
        came = self._sites.take(wait)
        if isinstance(came, Message):
            self._hear(came)
        elif came is not None:
            self._tasks.follow(came)
        self._tasks.check()

    def _hear(self, message: Message) -> None:
        if message.answer:
            with self._answered:
                self._answers[message.number] = (message.sender, message.data)
                self._answered.notify_all()
            return
        answer = self.engine.hear(message)
        if answer is not None:
            self._sites.tell(answer)

    # What its engine tells and asks by (`engine.Post`).

    def tell(self, message: Message) -> None:
        """Take a message to a site."""
        self._sites.tell(message)

    def ask(self, messages: Sequence[Message], timeout: float) -> Mapping[str, Shareable]:
        """The sites' answers."""
        wanted = {message.number for message in messages}
        for message in messages:
            self._sites.tell(message)
        ends = time.monotonic() + timeout
        while not wanted <= self._answers.keys() and not self.engine.signal.triggered:
            left = ends - time.monotonic()
            if left <= 0:
                break
            if current_thread() is self._pump:
                self._take()
                continue
            with self._answered:
                if not wanted <= self._answers.keys():
                    self._answered.wait(min(left, _LOOK))
        found = (self._answers.pop(number, None) for number in wanted)
        return dict(each for each in found if each is not None)
