"""What came of a federated job, round by round and site by site. Values; no I/O."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import Any

from ame.federation.exchange.sites import Lost, Order, Reply, Why
from ame.federation.spec.dxo import DataKind
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.keys import ASIDE, PRIVACY, MetaKey, ReturnCode

SERVER = "server"
ROUND = "round"
"""The key of what the server tells of a round by itself, beside what its sites answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one site answered in a round."""

    seconds: float
    weight: float
    """Its steps in this round, or 1: by which its numbers count in a mean."""
    metrics: Mapping[str, float]


@dataclass(slots=True, kw_only=True)
class Round:
    """One round of one task. It grows until it is closed."""

    task: str
    number: int | None
    """From 0; None of a task that has no rounds."""
    total: int | None
    began: float
    """In seconds of the tally's clock."""
    given: int = 0
    """The task of the controller by which it began."""
    turn: int = 0
    """How many of this name there were before, of tasks that have no rounds."""
    ended: float | None = None
    asked: dict[str, None] = field(default_factory=dict)
    """The sites, in the order in which they were asked."""
    answers: dict[str, Answer] = field(default_factory=dict)
    losses: dict[str, Why] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The task; the second of the name that has no rounds is `hello (2)`."""
        return f"{self.task} ({self.turn + 1})" if self.turn else self.task

    @property
    def at(self) -> int | None:
        """Where its numbers stand beside those of others of its name."""
        return self.number if self.number is not None else self.turn or None

    @property
    def label(self) -> str:
        """As a person reads it: `round 3`, `validate`; with the task where it is not training."""
        if self.number is None:
            return self.name
        return f"round {self.number}" + ("" if self.task == "train" else f" ({self.task})")

    @property
    def open(self) -> int:
        """How many sites have not answered and are not lost."""
        return len(self.asked) - len(self.answers) - len(self.losses)

    def names(self) -> list[str]:
        """The metrics that sites told of, in the order in which they came."""
        return list(dict.fromkeys(name for each in self.answers.values() for name in each.metrics))

    def means(self) -> dict[str, float]:
        """Of each metric the mean over the sites that told it, weighted by their steps."""
        return {name: mean(self._told(name)) for name in self.names()}

    def _told(self, name: str) -> list[tuple[float, float]]:
        answers = (self.answers[site] for site in self.asked if site in self.answers)
        return [(each.metrics[name], each.weight) for each in answers if name in each.metrics]


class Tally:
    """The rounds of one job, as its orders, replies and losses tell them."""

    def __init__(self) -> None:
        self.rounds: list[Round] = []
        self._where: dict[int, Round] = {}
        """For each order that is under way its round."""
        self._owners: dict[int, str] = {}
        """For each order that is to validate a model of somebody's, whose it is."""
        self._aside: dict[int, Round] = {}
        """For each order under way that is no part of a round, what it would be as one."""
        self._strays: list[Round] = []
        """Of those the ones in which a site was lost."""

    @property
    def now(self) -> Round | None:
        """The round under way, if one is."""
        return self.rounds[-1] if self.rounds and self.rounds[-1].ended is None else None

    def sent(self, orders: Sequence[Order], at: float) -> Round | None:
        """Counts a broadcast; returns the round that it closes, if it begins another."""
        closed = None
        for order in orders:
            if order.data.get_header(ASIDE):
                self._aside[order.number] = _aside(order.task, order.site, at)
                continue
            now = self.now
            if now is None or not _goes_on(now, order):
                closed = self.close(at) or closed
                now = self._begun(order, at)
            now.asked.setdefault(order.site)
            now.losses.pop(order.site, None)
            self._where[order.number] = now
            owner = order.data.get_header(AppConstants.MODEL_OWNER)
            if owner:
                self._owners[order.number] = str(owner)
        return closed

    def _begun(self, order: Order, at: float) -> Round:
        header = order.data.get_header
        number, total = header(AppConstants.CURRENT_ROUND), header(AppConstants.NUM_ROUNDS)
        alike = [each for each in self.rounds if each.task == order.task and each.number is None]
        turn = len(alike) if number is None else 0
        now = Round(
            task=order.task, number=number, total=total, began=at, given=order.given, turn=turn
        )
        self.rounds.append(now)
        return now

    def replied(self, reply: Reply) -> tuple[Round, Answer] | None:
        """Counts an answer; None for one that nobody waits for."""
        of = self._where.pop(reply.number, None)
        owner = self._owners.pop(reply.number, "")
        self._aside.pop(reply.number, None)
        if of is None:
            return None
        code = reply.result.get_return_code()
        if code != ReturnCode.OK:
            of.losses[reply.site] = Why(kind="unfit", text=f"it answered {code}")
            return None
        weight, metrics = told(reply.result)
        if owner:
            metrics = {f"{name} of {owner}": value for name, value in metrics.items()}
        before = of.answers.get(reply.site)
        if before is not None:
            metrics = {**before.metrics, **metrics}
        answer = Answer(seconds=reply.seconds, weight=weight, metrics=metrics)
        of.answers[reply.site] = answer
        return of, answer

    def lost(self, lost: Lost) -> Round | None:
        """Counts a loss; returns its round."""
        aside = self._aside.pop(lost.number, None)
        if aside is not None:
            return self.refused(lost.site, lost.why, aside)
        of = self._where.pop(lost.number, None)
        self._owners.pop(lost.number, None)
        if of is not None:
            of.losses[lost.site] = lost.why
        return of

    def refused(self, site: str, why: Why, aside: Round | None = None) -> Round | None:
        """Counts a site out of the round under way; returns that round.

        It is `aside` where the site has no part in any. None: the site is lost to it already.
        """
        of = self.now
        if of is None or site not in of.asked:
            if any(site in each.losses for each in self._strays):
                return None
            of = aside or _aside("before a round", site, 0.0)
            self._strays.append(of)
        elif site in of.losses:
            return None
        of.answers.pop(site, None)
        of.losses[site] = why
        return of

    def close(self, at: float) -> Round | None:
        """Ends the round under way, and returns it."""
        now = self.now
        if now is not None:
            now.ended = at
        return now

    def sites(self) -> list[str]:
        """Every site that was asked, by name: `site-2` before `site-10`."""
        return sorted({site for each in self.rounds for site in each.asked}, key=_by_number)

    def lost_sites(self) -> tuple[str, ...]:
        """Those that were lost in a round, but for those that were told to stay away."""
        found = (
            site
            for each in (*self._strays, *self.rounds)
            for site, why in each.losses.items()
            if why.kind != "dropped"
        )
        return tuple(dict.fromkeys(found))

    def metrics(self) -> list[str]:
        """Every metric, in the order in which they came."""
        return list(dict.fromkeys(name for each in self.rounds for name in each.names()))


def _goes_on(now: Round, order: Order) -> bool:
    """Whether an order is of the round under way.

    Tasks of one name that have no rounds are one if they overlap, or if all are to measure models.
    """
    header = order.data.get_header
    if (now.task, now.number) != (order.task, header(AppConstants.CURRENT_ROUND)):
        return False
    measures = header(AppConstants.MODEL_OWNER) is not None
    return now.number is not None or now.given == order.given or now.open > 0 or measures


def _aside(task: str, site: str, at: float) -> Round:
    return Round(task=task, number=None, total=None, began=at, asked={site: None})


def mean(told: Iterable[tuple[float, float]]) -> float:
    """Of values with their weights; not a number where nothing weighs."""
    pairs = list(told)
    total = fsum(weight for _, weight in pairs)
    if not total:
        return float("nan")
    try:
        return fsum(value * weight for value, weight in pairs) / total
    except (OverflowError, ValueError):  # of infinities of both signs, or too large
        return float("nan")


def told(result: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
    """The weight of a result, and the metrics in it."""
    dxo = result.get("DXO")
    if not isinstance(dxo, dict):
        return 1.0, {}
    meta, data = dxo.get("meta") or {}, dxo.get("data")
    metrics: dict[str, float] = {}
    if dxo.get("kind") == DataKind.METRICS and isinstance(data, dict):
        metrics.update(_numbers(data))
    match meta.get(MetaKey.INITIAL_METRICS):
        case dict() as measured:
            metrics.update(_numbers(measured))
        case measured:
            metrics.update(_numbers({"metric": measured}))
    match meta.get(PRIVACY):
        case {"epsilon_so_far": spent}:
            metrics.update(_numbers({"epsilon": spent}))
    weight = dict(_numbers({"steps": meta.get(MetaKey.NUM_STEPS_CURRENT_ROUND)})).get("steps", 1.0)
    return weight, metrics


def _numbers(values: Mapping[Any, Any]) -> Iterator[tuple[str, float]]:
    """Those that are numbers, or arrays of one number."""
    for name, value in values.items():
        if isinstance(value, bool | int | float):
            yield str(name), float(value)
        elif getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
            yield str(name), float(value.item())


def _by_number(name: str) -> list[tuple[int, str]]:
    """What names are ordered by: digits in them by their number."""
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"([0-9]+)", name)]
