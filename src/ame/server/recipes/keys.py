"""The JSON by which a task declares its aggregation: its keys, and how they are read."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any, Final

from ame import aggregation, errors
from ame.aggregation import Checks, Clip, Krum, Mean, Median, Optimizer, TrimmedMean
from ame.server.recipes.declared import Declared
from ame.server.recipes.private import Privacy

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "weight": (),
    "difference": (),
    "update": (),
    "server": (),
    "tensors": (),
    "metrics": (),
    "aggregate": ("kind", "share", "bad", "chosen"),
    "norm": (),
    "clip": ("norm", "by_layer"),
    "optimizer": ("kind", "rate", "momentum", "first", "second", "floor", "only"),
    "privacy": ("multiplier", "clients", "rate", "delta", "epsilon", "seed"),
}
"""Every key, with those below it."""
AGGREGATES: Final[Mapping[str, tuple[str, ...]]] = {
    "mean": (),
    "sum": (),
    "median": (),
    "trimmed_mean": ("share",),
    "krum": ("bad", "chosen"),
}
"""Kinds of aggregates, with the keys that each of them takes."""
OPTIMIZERS: Final[Mapping[str, tuple[type[Any], tuple[str, ...]]]] = {
    "sgd": (aggregation.SGD, ("rate", "momentum", "only")),
    "adagrad": (aggregation.Adagrad, ("rate", "first", "floor", "only")),
    "adam": (aggregation.Adam, ("rate", "first", "second", "floor", "only")),
    "yogi": (aggregation.Yogi, ("rate", "first", "second", "floor", "only")),
}
"""Kinds of optimizers, with the keys that each of them takes."""
UNCHECKED: Final = Checks(finite=False)
"""What is folded was checked when it was taken."""


def read(declared: Mapping[str, Any]) -> Declared:
    """What a task declares.

    Raises:
        errors.RecipeInvalid: a key is unknown, or a value cannot be; it names the key.
    """
    said = _Said(declared, "", tuple(KEYS))
    update, server = said.text("update", "update/"), said.text("server", "server/")
    weight, difference = said.text("weight", ""), said.truth("difference", default=True)
    kind, aggregate = _aggregate(said.below("aggregate"))
    clip = _clip(said)
    private = said.below("privacy") if "privacy" in declared else None
    if weight and kind != "mean":
        raise errors.RecipeInvalid("weight", f"weights count in a mean, not in a {kind}")
    if clip is not None and not difference:
        raise errors.RecipeInvalid("clip", "it is for differences, and `difference` is false")
    privacy = None
    if private is not None:
        privacy = _privacy(private, kind=kind, clip=clip, weight=weight)
    if kind in {"mean", "sum"}:
        divisor = 1.0 if kind == "sum" else privacy.divisor if privacy else None
        aggregate = Mean(checks=UNCHECKED, clip=clip, denominator=divisor)
    metrics = _metrics(said)
    if privacy is not None and {"epsilon", "delta"} & metrics.keys():
        raise errors.RecipeInvalid("metrics", "`epsilon` and `delta` are those of the privacy")
    return Declared(
        aggregate=aggregate,
        weight=weight,
        difference=difference,
        update=update,
        server=server,
        tensors=said.names("tensors"),
        metrics=metrics,
        optimizer=_optimizer(said.below("optimizer"), update),
        norm=said.number("norm", above=0),
        clip=clip,
        privacy=privacy,
    )


class _Said:
    """An object of the JSON. What it is asked for is of its kind, or refused by its place."""

    def __init__(self, given: object, place: str, known: tuple[str, ...]) -> None:
        if not isinstance(given, dict):
            raise errors.RecipeInvalid(place or "it", "is not an object")
        self.given: dict[str, Any] = given
        self._place = place
        for key in given:
            self.allow(key, known)

    def allow(self, key: str, known: tuple[str, ...], *, of: str = "") -> None:
        """Refuses a key that is none of those."""
        if key in known:
            return
        near = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
        raise errors.RecipeInvalid(self.at(key), f"there is no such key{of}: {hint}")

    def only(self, kind: str, known: tuple[str, ...]) -> None:
        """Refuses the keys that this kind of thing does not take."""
        for key in self.given:
            self.allow(key, ("kind", *known), of=f" with {kind}")

    def at(self, key: str) -> str:
        """The key's place."""
        return f"{self._place}.{key}" if self._place else key

    def below(self, key: str) -> _Said:
        """The object at a key; an empty one where there is none."""
        return _Said(self.given.get(key, {}), self.at(key), KEYS[key])

    def text(self, key: str, default: str) -> str:
        """The text at a key."""
        return str(self._of(key, str, default, "must be text"))

    def truth(self, key: str, *, default: bool) -> bool:
        """What is true or false."""
        return bool(self._of(key, bool, default, "must be true or false"))

    def names(self, key: str) -> frozenset[str] | None:
        """A list of names; none where there is none."""
        given = self._of(key, list, None, "must be a list of names")
        if given is None:
            return None
        if not given or not all(isinstance(each, str) for each in given):
            raise errors.RecipeInvalid(self.at(key), "must be a list of names")
        return frozenset(given)

    def choice(self, key: str, default: str, known: Mapping[str, Any]) -> str:
        """One of several words."""
        given = self.text(key, default)
        if given not in known:
            why = f"must be one of {', '.join(known)}, not {given}"
            raise errors.RecipeInvalid(self.at(key), why)
        return given

    def number(self, key: str, *, above: float = -math.inf) -> float | None:
        """A number; none where there is none."""
        if key not in self.given:
            return None
        given = self.given[key]
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise errors.RecipeInvalid(self.at(key), "must be a number")
        if not (math.isfinite(given) and given > above):
            raise errors.RecipeInvalid(self.at(key), f"must be greater than {above:g}, not {given}")
        return float(given)

    def needed(self, key: str, *, above: float = -math.inf) -> float:
        """A number that must be there."""
        given = self.number(key, above=above)
        if given is None:
            raise errors.RecipeInvalid(self.at(key), "is missing")
        return given

    def whole(self, key: str, *, least: int) -> int | None:
        """A whole number; none where there is none."""
        if key not in self.given:
            return None
        given = self.given[key]
        if isinstance(given, bool) or not isinstance(given, int) or given < least:
            raise errors.RecipeInvalid(self.at(key), f"must be a whole number from {least}")
        return given

    def _of(self, key: str, kind: type, default: object, why: str) -> Any:  # noqa: ANN401 - JSON
        given = self.given.get(key, default)
        if given is not default and not isinstance(given, kind):
            raise errors.RecipeInvalid(self.at(key), why)
        return given


def _aggregate(said: _Said) -> tuple[str, aggregation.Aggregator[Any]]:
    kind = said.choice("kind", "mean", AGGREGATES)
    said.only(kind, AGGREGATES[kind])
    if kind == "trimmed_mean":
        share = said.needed("share")
        if not 0 <= share < 0.5:
            raise errors.RecipeInvalid("aggregate.share", f"must be in [0, 0.5), not {share:g}")
        return kind, TrimmedMean(share=share, checks=UNCHECKED)
    if kind == "krum":
        bad, chosen = said.whole("bad", least=0), said.whole("chosen", least=1)
        if bad is None:
            raise errors.RecipeInvalid("aggregate.bad", "is missing")
        return kind, Krum(bad=bad, chosen=chosen or 1, checks=UNCHECKED)
    return kind, Median(checks=UNCHECKED) if kind == "median" else Mean(checks=UNCHECKED)


def _clip(said: _Said) -> Clip | None:
    """A norm, or an object with one."""
    given = said.given.get("clip")
    if given is None:
        return None
    if isinstance(given, dict):
        below = said.below("clip")
        norm, by_layer = below.needed("norm", above=0), below.truth("by_layer", default=False)
        return Clip(norm=norm, by_layer=by_layer)
    return Clip(norm=said.needed("clip", above=0))


def _optimizer(said: _Said, update: str) -> Optimizer:
    kind = said.choice("kind", "sgd", OPTIMIZERS)
    form, known = OPTIMIZERS[kind]
    said.only(kind, known)
    given: dict[str, Any] = {}
    for key in known:
        if key == "only":
            names = said.names(key)
            given[key] = None if names is None else frozenset(update + name for name in names)
        elif (number := said.number(key)) is not None:
            given[key] = number
    if kind != "sgd" and "rate" not in given:
        raise errors.RecipeInvalid("optimizer.rate", "is missing")
    try:
        made: Optimizer = form(**given)
    except errors.AggregationInvalid as invalid:
        raise errors.RecipeInvalid(f"optimizer.{invalid.argument}", invalid.why) from None
    return made


def _privacy(said: _Said, *, kind: str, clip: Clip | None, weight: str) -> Privacy:
    if clip is None:
        raise errors.RecipeInvalid("privacy", "needs `clip`: noise is measured by that norm")
    if kind not in {"mean", "sum"}:
        raise errors.RecipeInvalid("privacy", f"is for a mean or a sum, not for a {kind}")
    if weight:
        raise errors.RecipeInvalid("privacy", "needs updates that count alike: leave `weight` out")
    if kind == "sum" and "clients" in said.given:
        raise errors.RecipeInvalid("privacy.clients", "a sum is divided by nothing: leave it out")
    privacy = Privacy(
        multiplier=said.needed("multiplier", above=0),
        divisor=1.0 if kind == "sum" else said.needed("clients", above=0),
        rate=1.0 if (rate := said.number("rate", above=0)) is None else rate,
        delta=said.needed("delta", above=0),
        epsilon=said.number("epsilon", above=0),
        seed=said.whole("seed", least=0),
    )
    for key, number in (("rate", privacy.rate), ("delta", privacy.delta)):
        if number > 1 or (key == "delta" and number == 1):
            raise errors.RecipeInvalid(f"privacy.{key}", f"is a probability, not {number:g}")
    try:
        privacy.check({})
    except errors.AggregationInvalid as invalid:
        raise errors.RecipeInvalid(f"privacy.{invalid.argument}", invalid.why) from None
    except errors.BudgetSpent as spent:
        why = f"the first round comes to {spent.epsilon:.4g}: add noise, or budget"
        raise errors.RecipeInvalid("privacy.epsilon", why) from None
    return privacy


def _metrics(said: _Said) -> dict[str, tuple[str, str]]:
    given = said.given.get("metrics", {})
    if not isinstance(given, dict):
        raise errors.RecipeInvalid("metrics", "is not an object")
    for name, pair in given.items():
        two = isinstance(pair, list) and len(pair) == 2
        if not two or not all(isinstance(each, str) and each for each in pair):
            raise errors.RecipeInvalid(f"metrics.{name}", "must be a list of two tensors' names")
    return {name: (above, below) for name, (above, below) in given.items()}
