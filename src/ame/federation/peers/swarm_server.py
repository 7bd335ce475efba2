"""Swarm learning, the server's part: who trains, who may aggregate, and when it is over."""

from typing import Any

from ame import errors
from ame.federation.peers.server import ServerSideController
from ame.federation.peers.words import Action, Constant, ResultType
from ame.federation.spec.context import FLContext
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Signal


class SwarmServerController(ServerSideController):
    """Says who trains and who may aggregate."""

    def __init__(
        self,
        num_rounds: int,
        start_round: int = 0,
        task_name_prefix: str = Constant.TN_PREFIX_SWARM,
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
        aggr_clients: list[str] | None = None,
        train_clients: list[str] | None = None,
        min_clients: int = 0,
    ) -> None:
        """`aggr_clients`, `train_clients`: all that take part by default; see the base class."""
        super().__init__(
            num_rounds=num_rounds,
            start_round=start_round,
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
            min_clients=min_clients,
        )
        self.aggr_clients = aggr_clients
        self.train_clients = train_clients
        self._expected: dict[str, set[str]] | None = None
        self._kept: dict[str, set[str]] = {ResultType.BEST: set(), ResultType.LAST: set()}

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Settle who takes part.

        Raises:
            errors.JobPanicked: a site neither trains nor aggregates.
        """
        super().start_controller(fl_ctx)
        self.trainers = self.chosen(self.train_clients, self.sites)
        self.aggregators = self.chosen(self.aggr_clients, self.sites)
        idle = [
            site
            for site in self.sites
            if site not in self.trainers and site not in self.aggregators
        ]
        if idle:
            reason = f"{', '.join(idle)} neither trains nor aggregates: leave it out"
            raise errors.JobPanicked(component=self.name, reason=reason, side="server")
        key = Constant.PROP_KEY_TRAIN_CLIENTS
        fl_ctx.put(key, self.trainers, private=True, sticky=True)

    def begin(self, fl_ctx: FLContext, abort_signal: Signal) -> None:
        """Have the first site send its model to all that train."""
        with self.told:
            self.rounds.begin(site for site in self.trainers if site not in self.lost)
        super().begin(fl_ctx, abort_signal)

    def prepare_config(self) -> dict[str, Any]:
        """Who trains, and who may aggregate."""
        return {Constant.AGGR_CLIENTS: self.aggregators, Constant.TRAIN_CLIENTS: self.trainers}

    def follow(self, site: str, status: Shareable) -> None:
        """Note who keeps the results that are handed out."""
        if status[Constant.ACTION] == Action.ALL_DONE:
            kinds = status[Constant.EXPECTED]
            self._expected = {kind: set(self.keepers) for kind in kinds}
        elif status[Constant.ACTION] == Action.SAVED:
            self._kept[status[Constant.RESULT_TYPE]].add(site)

    def finished(self) -> bool:
        """Whether all that are to keep a result have."""
        return self._expected is not None and all(
            wanted - self.lost.keys() <= self._kept[kind] for kind, wanted in self._expected.items()
        )
