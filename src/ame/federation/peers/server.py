"""The server's side of a workflow of peers: it configures, starts, follows and ends it."""

import time
from collections.abc import Mapping
from threading import Condition
from typing import Any

from ame import errors
from ame.federation.exchange.sites import Message, Why
from ame.federation.peers.rounds import Rounds
from ame.federation.peers.words import Action, Constant, task_name
from ame.federation.run.losses import GONE, WHY, why_none
from ame.federation.run.site import DO_TASK
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.keys import ASIDE, FLContextKey, ReservedHeaderKey
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import ClientTask, Signal, Task

_PULSE = 1.0
"""How often sites are looked after while nothing is told, in seconds."""


class ServerSideController(Controller):
    """Leads sites that lead themselves.

    It ends when the sites say that all is done, or as soon as one of them fails, unless
    `min_clients` are left.
    """

    prefix = "wf"

    def __init__(
        self,
        num_rounds: int = 1,
        start_round: int = 0,
        task_name_prefix: str = "wf",
        configure_task_timeout: float = Constant.CONFIG_TASK_TIMEOUT,
        end_workflow_timeout: float = Constant.END_WORKFLOW_TIMEOUT,
        start_task_timeout: float = Constant.START_TASK_TIMEOUT,
        task_check_period: float = Constant.TASK_CHECK_INTERVAL,
        job_status_check_interval: float = Constant.JOB_STATUS_CHECK_INTERVAL,
        starting_client: str = "",
        participating_clients: list[str] | None = None,
        result_clients: list[str] | None = None,
        max_status_report_interval: float = Constant.PER_CLIENT_STATUS_REPORT_TIMEOUT,
        progress_timeout: float = Constant.WORKFLOW_PROGRESS_TIMEOUT,
        private_p2p: bool = True,
        min_clients: int = 0,
    ) -> None:
        """Who takes part in what.

        Args:
            num_rounds: how many rounds.
            start_round: the number of the first.
            task_name_prefix: what the workflow's tasks begin with.
            configure_task_timeout: how long sites may take to get ready, in seconds.
            end_workflow_timeout: kept for jobs that set it.
            start_task_timeout: kept for jobs that set it.
            task_check_period: kept for jobs that set it.
            job_status_check_interval: kept for jobs that set it: sites tell, they are not asked.
            starting_client: who begins; the first that takes part if empty.
            participating_clients: the sites that take part; all by default.
            result_clients: who keeps the result; all that take part by default.
            max_status_report_interval: kept for jobs that set it.
            progress_timeout: after how long without a sign of progress the job ends, in seconds.
            private_p2p: kept for jobs that set it.
            min_clients: how many sites are enough; 0: all that take part.

        Raises:
            ValueError: an argument cannot be.
        """
        super().__init__(task_check_period=task_check_period)
        if num_rounds < 1 or min_clients < 0 or progress_timeout <= 0:
            message = (
                f"num_rounds must be 1 or more, min_clients 0 or more, progress_timeout above 0, "
                f"not {num_rounds}, {min_clients}, {progress_timeout}"
            )
            raise ValueError(message)
        if participating_clients is not None and len(participating_clients) < 2:
            message = f"participating_clients must be two or more, not {participating_clients}"
            raise ValueError(message)
        self.num_rounds = num_rounds
        self.start_round = start_round
        self.task_name_prefix = task_name_prefix
        self.configure_task_timeout = configure_task_timeout
        self.starting_client = starting_client
        self.participating_clients = participating_clients
        self.result_clients = result_clients
        self.progress_timeout = progress_timeout
        self.private_p2p = private_p2p
        self.min_clients = min_clients
        self.told: Condition = Condition()
        self.progress = 0.0
        self.lost: dict[str, str] = {}
        """Sites that failed, and why."""
        self._pulses: dict[str, Task] = {}
        self._all_done = False

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Settle who takes part.

        Raises:
            errors.SiteUnknown: a site is named that the job has not.
            errors.JobPanicked: there are not two of them.
        """
        every = [client.name for client in self._engine.get_clients()]
        self.sites = self.chosen(self.participating_clients, every)
        if len(self.sites) < 2:
            reason = "sites cannot learn from each other where there is one site"
            raise errors.JobPanicked(component=self.name, reason=reason, side="server")
        self.first = self.chosen([self.starting_client or self.sites[0]], self.sites)[0]
        self.keepers = self.chosen(self.result_clients, self.sites)
        self.rounds = Rounds(self._engine.watcher, first=self.start_round, count=self.num_rounds)
        self._engine.register_aux_message_handler(self._topic(fl_ctx), self._hear)

    def prepare_config(self) -> dict[str, Any]:
        """What sites are told beside what all workflows tell."""
        return {}

    def process_config_reply(self, client_name: str, reply: Shareable, fl_ctx: FLContext) -> bool:
        """Whether a site is ready."""
        return True

    def follow(self, site: str, status: Shareable) -> None:
        """A site told something. Called while `told` is held."""
        if status[Constant.ACTION] == Action.ALL_DONE:
            self._all_done = True

    def finished(self) -> bool:
        """Whether all is done: here, as soon as a site says so. Called while `told` is held."""
        return self._all_done

    def begin(self, fl_ctx: FLContext, abort_signal: Signal) -> None:
        """Have the workflow begin, once all sites are ready: the first site does."""
        name = task_name(self.task_name_prefix, Constant.BASENAME_START)
        task = Task(name=name, data=aside(), result_received_cb=self._ready)
        self.send_and_wait(task, fl_ctx, targets=[self.first], abort_signal=abort_signal)

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Configure, begin, follow, end."""
        config = {
            Constant.CLIENTS: self.sites,
            Constant.START_CLIENT: self.first,
            Constant.RESULT_CLIENTS: self.keepers,
            Constant.START_ROUND: self.start_round,
            Constant.SEED: self._engine.seed,
            AppConstants.NUM_ROUNDS: self.num_rounds,
            FLContextKey.WORKFLOW: self._topic(fl_ctx),
            **self.prepare_config(),
        }
        data = aside({Constant.CONFIG: config})
        name = task_name(self.task_name_prefix, Constant.BASENAME_CONFIG)
        task = Task(
            name=name,
            data=data,
            timeout=self.configure_task_timeout,
            result_received_cb=self._ready,
        )
        self.broadcast_and_wait(task, fl_ctx, self.sites, 0, 0, abort_signal)
        self.progress = time.monotonic()
        self.begin(fl_ctx, abort_signal)
        self.await_end(abort_signal, fl_ctx)
        if abort_signal.triggered:
            return
        with self.told:
            self.rounds.end()
        end = Task(name=task_name(self.task_name_prefix, Constant.BASENAME_END), data=aside())
        alive = [site for site in self.sites if site not in self.lost]
        self.broadcast_and_wait(end, fl_ctx, alive, 0, 0, abort_signal)

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Nothing is left to be done."""

    def await_end(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Wait until all is done; look after the sites meanwhile.

        Raises:
            errors.JobPanicked: nothing moves.
        """
        while not abort_signal.triggered:
            with self.told:
                if self.finished():
                    return
                self.told.wait(_PULSE)
                if self.finished():
                    return
            if time.monotonic() - self.progress > self.progress_timeout:
                reason = f"no site has told of any progress for {self.progress_timeout:g} s"
                raise errors.JobPanicked(component=self.name, reason=reason, side="server")
            self._look_after(fl_ctx)

    def chosen(self, wanted: list[str] | None, among: list[str]) -> list[str]:
        """The sites that are wanted, all if none are named.

        Raises:
            errors.SiteUnknown: one of them is not there.
        """
        for site in wanted or ():
            if site not in among:
                raise errors.SiteUnknown(site, among)
        return list(wanted or among)

    def fail(self, site: str, why: Why) -> None:
        """A site can go on no longer. Called while `told` is held.

        Raises:
            errors.TooFewResults: too few are left.
        """
        if site in self.lost:
            return
        self.lost[site] = why.line
        self._engine.watcher.refused(site, why)
        self.rounds.lost(site)
        left = len(self.sites) - len(self.lost)
        needed = self.min_clients or len(self.sites)
        if left < needed:
            raise errors.TooFewResults(
                task=self.task_name_prefix, at=None, needed=needed, given=left, lost=self.lost
            )
        data = Shareable({Constant.CLIENT: site})
        name = task_name(self.task_name_prefix, Constant.BASENAME_LOST)
        data.set_header(ReservedHeaderKey.TASK_NAME, name)
        for other in self.sites:
            if other not in self.lost:
                self._engine.post.tell(
                    Message(sender="server", target=other, topic=DO_TASK, data=data)
                )

    def _topic(self, fl_ctx: FLContext) -> str:
        return f"{Constant.TOPIC_STATUS}.{fl_ctx.get_prop(FLContextKey.WORKFLOW)}"

    def _ready(self, client_task: ClientTask, fl_ctx: FLContext) -> None:
        site = client_task.client.name
        text = why_none(client_task)
        assert client_task.result is not None
        if not text and not self.process_config_reply(site, client_task.result, fl_ctx):
            text = str(client_task.result.get(Constant.ERROR, "it is not ready"))
        if text:
            lost = client_task.props.get(WHY)
            with self.told:
                self.fail(site, lost if isinstance(lost, Why) else Why(kind="unfit", text=text))

    def _hear(self, topic: str, request: Shareable, fl_ctx: FLContext) -> None:
        peer = fl_ctx.get_peer_context()
        assert peer is not None
        site = str(peer.get_identity_name())
        with self.told:
            self.progress = time.monotonic()
            match request[Constant.ACTION]:
                case Action.FAILED:
                    self.fail(request[Constant.CLIENT], Why(**request[Constant.ERROR]))
                case Action.LEARNED:
                    self.rounds.trained(site, request)
                case Action.DONE:
                    who, task = request[Constant.CLIENT], request[Constant.TASK]
                    self.rounds.did(who, task, request[Constant.HEADERS], request)
                case Action.MISSED:
                    who, task = request[Constant.CLIENT], request[Constant.TASK]
                    self.rounds.missed(
                        who, task, request[Constant.HEADERS], Why(**request[Constant.ERROR])
                    )
                case Action.ROUND_DONE:
                    self.rounds.done(request)
            self.follow(site, request)
            self.told.notify_all()

    def _look_after(self, fl_ctx: FLContext) -> None:
        """See that the sites are there: one that is gone loses the task that it is given."""
        name = task_name(self.task_name_prefix, Constant.BASENAME_PULSE)
        for site in self.sites:
            before = self._pulses.get(site)
            if site not in self.lost and (before is None or not before.is_standing):
                pulse = Task(name=name, data=aside(), result_received_cb=self._pulsed)
                self._pulses[site] = pulse
                self.broadcast(pulse, fl_ctx, [site], 0)

    def _pulsed(self, client_task: ClientTask, fl_ctx: FLContext) -> None:
        why = client_task.props.get(WHY)
        if why is None and client_task.result is not None:
            said = client_task.result.get(Constant.ERROR)
            why = Why(kind="killed", text=str(said)) if said else None
        elif isinstance(why, Why) and why.kind not in GONE:
            why = None
        if why is not None:
            with self.told:
                self.fail(client_task.client.name, why)
                self.told.notify_all()


def aside(data: Mapping[str, Any] | None = None) -> Shareable:
    """The data of a task of the workflow's own, which is told of as no part of a round."""
    made = Shareable(data or {})
    made.set_header(ASIDE, True)
    return made
