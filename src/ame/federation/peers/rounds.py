"""The rounds that sites lead, told to a watcher as if the server had led them."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from ame.federation.exchange.sites import Order, Reply, Why
from ame.federation.exchange.watcher import Watcher
from ame.federation.peers.words import Constant
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.keys import PRIVACY, MetaKey
from ame.federation.spec.shareable import Shareable

_TOLD = (MetaKey.INITIAL_METRICS, MetaKey.NUM_STEPS_CURRENT_ROUND, PRIVACY)


def summary(result: Shareable, seconds: float) -> dict[str, Any]:
    """What a site tells the server of a result that goes to a peer: what it measured, no model."""
    dxo = result.get("DXO")
    if not isinstance(dxo, dict):
        return {Constant.SECONDS: seconds}
    measured = dxo.get("kind") == DataKind.METRICS
    meta = dxo.get("meta") or {}
    return {
        Constant.SECONDS: seconds,
        Constant.RESULT: dxo.get("data") if measured else {},
        Constant.META: {key: meta[key] for key in _TOLD if key in meta},
    }


class Rounds:
    """Tells of the rounds of one workflow. Calls come one at a time.

    What sites tell may overtake what others tell: a round ends when it is done and all have told
    of it, or, if somebody never does, when the next one is told of.
    """

    def __init__(self, watcher: Watcher, *, first: int, count: int) -> None:
        """The number of the first round, and how many there are."""
        self._watcher = watcher
        self._after = first + count
        self._numbers = itertools.count(-1, -1)
        self._sites: list[str] = []
        self._round = first
        self._waited: dict[str, int] = {}
        self._done = False
        self._best = False

    def begin(self, sites: Iterable[str]) -> None:
        """The first round is under way, in which these sites train."""
        self._sites = list(sites)
        self._ask()

    def trained(self, site: str, status: Mapping[str, Any]) -> None:
        """A site has trained."""
        number = status[Constant.ROUND]
        if number > self._round:
            self._close()
            self._round = number
            self._ask()
        if number == self._round and site in self._waited:
            order = self._order(site, AppConstants.TASK_TRAIN, {}, self._waited.pop(site))
            self._reply(order, status)
        self._settle()

    def did(self, site: str, task: str, headers: Mapping[str, Any], status: Any) -> None:
        """A site has done something else."""
        order = self._order(site, task, headers, next(self._numbers))
        self._watcher.sent([order])
        self._reply(order, status)

    def missed(self, site: str, task: str, headers: Mapping[str, Any], why: Why) -> None:
        """A site has failed at something, and takes part in what comes."""
        self._watcher.sent([self._order(site, task, headers, next(self._numbers))])
        self._watcher.refused(site, why)

    def done(self, status: Mapping[str, Any]) -> None:
        """A round has its model."""
        if status[Constant.ROUND] == self._round:
            self._done, self._best = True, bool(status.get(Constant.BEST))
            self._settle()

    def lost(self, site: str) -> None:
        """A site takes part no longer."""
        if site in self._sites:
            self._sites.remove(site)
        self._waited.pop(site, None)
        self._settle()

    def end(self) -> None:
        """All is over."""
        if self._done:
            self._close()

    def _ask(self) -> None:
        headers = {
            AppConstants.CURRENT_ROUND: self._round,
            AppConstants.NUM_ROUNDS: self._after,
        }
        self._done = self._best = False
        self._waited = {site: next(self._numbers) for site in self._sites}
        self._watcher.sent(
            [
                self._order(site, AppConstants.TASK_TRAIN, headers, number)
                for site, number in self._waited.items()
            ]
        )

    def _settle(self) -> None:
        if not self._done or self._waited:
            return
        self._close()
        self._round += 1
        if self._round < self._after:
            self._ask()

    def _close(self) -> None:
        self._watcher.closed(best=self._best)
        self._done = self._best = False

    def _order(self, site: str, task: str, headers: Mapping[str, Any], number: int) -> Order:
        data = Shareable()
        for key, value in headers.items():
            data.set_header(key, value)
        return Order(number=number, site=site, task=task, data=data)

    def _reply(self, order: Order, status: Mapping[str, Any]) -> None:
        meta = dict(status.get(Constant.META) or {})
        result = DXO(DataKind.METRICS, data=dict(status.get(Constant.RESULT) or {}), meta=meta)
        self._watcher.replied(
            Reply(
                number=order.number,
                site=order.site,
                task=order.task,
                result=result.to_shareable(),
                seconds=float(status.get(Constant.SECONDS) or 0.0),
            )
        )
