"""What a task may say of its aggregation, and what is refused by its place."""

from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.server.recipes import keys

PAGE = Path(__file__).parents[3] / "docs/reference/fleet-aggregation.md"
PRIVATE = {"multiplier": 1.0, "clients": 10, "delta": 1e-6}


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"wieght": "n"}, "wieght: there is no such key: did you mean weight"),
        ({"zzz": 1}, "zzz: there is no such key: there are aggregate, clip"),
        ({"weight": 3}, "weight: must be text"),
        ({"difference": "no"}, "difference: must be true or false"),
        ({"norm": 0}, "norm: must be greater than 0"),
        ({"norm": True}, "norm: must be a number"),
        ({"clip": -1}, "clip: must be greater than 0"),
        ({"clip": {"by_layer": True}}, "clip.norm: is missing"),
        ({"clip": {"norm": 1, "layers": 2}}, "clip.layers: there is no such key"),
        ({"clip": 1, "difference": False}, "clip: it is for differences"),
        ({"tensors": "w"}, "tensors: must be a list of names"),
        ({"tensors": []}, "tensors: must be a list of names"),
        ({"metrics": []}, "metrics: is not an object"),
        ({"metrics": {"loss": "a"}}, "metrics.loss: must be a list of two"),
        ({"metrics": {"loss": ["a", 1]}}, "metrics.loss: must be a list of two"),
        ({"aggregate": "mean"}, "aggregate: is not an object"),
        ({"aggregate": {"kind": "mode"}}, "aggregate.kind: must be one of mean, sum"),
        ({"aggregate": {"kind": "median", "bad": 1}}, "aggregate.bad: .* with median"),
        ({"aggregate": {"kind": "trimmed_mean"}}, "aggregate.share: is missing"),
        ({"aggregate": {"kind": "trimmed_mean", "share": 0.5}}, r"aggregate.share: must be in"),
        ({"aggregate": {"kind": "krum"}}, "aggregate.bad: is missing"),
        ({"aggregate": {"kind": "krum", "bad": -1}}, "aggregate.bad: must be a whole number"),
        ({"aggregate": {"kind": "krum", "bad": 1, "chosen": 0}}, "aggregate.chosen: must be"),
        ({"aggregate": {"kind": "sum"}, "weight": "n"}, "weight: weights count in a mean"),
        ({"optimizer": {"kind": "lamb"}}, "optimizer.kind: must be one of sgd"),
        ({"optimizer": {"momentum": 1}}, r"optimizer.momentum: must be in \[0, 1\)"),
        ({"optimizer": {"kind": "adam"}}, "optimizer.rate: is missing"),
        ({"optimizer": {"kind": "adam", "rate": 1, "momentum": 0}}, "optimizer.momentum: .* adam"),
        ({"optimizer": {"kind": "yogi", "rate": 0}}, "optimizer.rate: must be greater"),
        ({"privacy": PRIVATE}, "privacy: needs `clip`"),
        ({"clip": 1, "privacy": {**PRIVATE, "delta": 1}}, "privacy.delta: is a probability"),
        ({"clip": 1, "privacy": {**PRIVATE, "rate": 2}}, "privacy.rate: is a probability"),
        ({"clip": 1, "privacy": {**PRIVATE, "seed": -1}}, "privacy.seed: must be a whole"),
        ({"clip": 1, "privacy": {**PRIVATE, "multiplier": 1e-4}}, "privacy.multiplier: must be"),
        ({"clip": 1, "privacy": {**PRIVATE, "epsilon": 0.1}}, "privacy.epsilon: the first round"),
        ({"clip": 1, "privacy": {"multiplier": 1, "delta": 1e-6}}, "privacy.clients: is missing"),
        ({"clip": 1, "privacy": PRIVATE, "weight": "n"}, "privacy: needs updates that count"),
        (
            {"clip": 1, "privacy": PRIVATE, "metrics": {"epsilon": ["a", "b"]}},
            "metrics: `epsilon` and `delta`",
        ),
        (
            {"clip": 1, "privacy": PRIVATE, "aggregate": {"kind": "median"}},
            "privacy: is for a mean or a sum",
        ),
        (
            {"clip": 1, "privacy": PRIVATE, "aggregate": {"kind": "sum"}},
            "privacy.clients: a sum is divided by nothing",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(declared: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.RecipeInvalid, match=f"aggregation.{said}"):
        keys.read(declared)


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(errors.RecipeInvalid, match="is not an object"):
        keys.read(["mean"])  # type: ignore[arg-type]  # JSON may hold anything


def test_the_reference_has_every_key_and_no_other() -> None:
    rows = [line.split("|")[1].strip() for line in PAGE.read_text().splitlines() if "| `" in line]
    written = {row.strip("`") for row in rows}
    places = {
        place for key, below in keys.KEYS.items() for place in (key, *(f"{key}.{b}" for b in below))
    }
    assert written == places


def test_the_reference_names_every_kind() -> None:
    text = PAGE.read_text()
    for kind in (*keys.AGGREGATES, *keys.OPTIMIZERS):
        assert f"`{kind}`" in text, kind
