"""Declared aggregations against the plain formulas."""

from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.protocol.tensors import checkpoint, fcv1
from ame.server.recipes import keys
from server.recipes.folding import MODEL, STATE, folded, updates

UPDATES = updates(7)
ROWS = np.stack([each["update/w"].astype(np.float64) for each in UPDATES])


def model(declared: dict[str, Any], uploads: Any = UPDATES) -> Any:
    made = folded(keys.read(declared).bind(STATE), STATE, uploads)
    return checkpoint.read(made.state)["server/w"]


@pytest.mark.parametrize(
    ("aggregate", "plain"),
    [
        ({}, ROWS.mean(axis=0)),
        ({"kind": "mean"}, ROWS.mean(axis=0)),
        ({"kind": "sum"}, ROWS.sum(axis=0)),
        ({"kind": "median"}, np.median(ROWS, axis=0)),
        ({"kind": "trimmed_mean", "share": 0.25}, np.sort(ROWS, axis=0)[2:5].mean(axis=0)),
    ],
)
def test_an_aggregate_is_that_of_its_formula(aggregate: dict[str, Any], plain: Any) -> None:
    assert np.allclose(model({"aggregate": aggregate}), MODEL["server/w"] + plain, atol=1e-6)


def test_krum_takes_the_update_that_is_nearest_to_its_neighbours() -> None:
    flat = np.stack([np.concatenate([e["update/w"].ravel(), e["update/b"]]) for e in UPDATES])
    apart = ((flat[:, None] - flat[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    best = np.sort(apart, axis=1)[:, : 7 - 1 - 2].sum(axis=1).argmin()
    made = model({"aggregate": {"kind": "krum", "bad": 1}})
    assert np.allclose(made, MODEL["server/w"] + UPDATES[best]["update/w"])


def test_weights_count_in_a_mean() -> None:
    weights = np.arange(1, 8, dtype=np.float32)
    uploads = [{**u, "n": w} for u, w in zip(UPDATES, weights, strict=True)]
    plain = np.average(ROWS, axis=0, weights=weights)
    assert np.allclose(model({"weight": "n"}, uploads), MODEL["server/w"] + plain, atol=1e-6)


@pytest.mark.parametrize("kind", ["mean", "median"])
def test_updates_are_clipped_before_they_are_aggregated(kind: str) -> None:
    rows = []
    for each in UPDATES:
        norm = np.sqrt(sum((array.astype(float) ** 2).sum() for array in each.values()))
        rows.append(each["update/w"] * min(1, 0.5 / norm))
    plain = getattr(np, kind)(rows, axis=0)
    made = model({"clip": 0.5, "aggregate": {"kind": kind}})
    assert np.allclose(made, MODEL["server/w"] + plain, atol=1e-5)


def test_new_models_replace_the_old_one() -> None:
    assert np.allclose(model({"difference": False}), ROWS.mean(axis=0), atol=1e-6)


def test_an_optimizer_goes_on_from_round_to_round_and_devices_do_not_get_what_it_remembers() -> (
    None
):
    recipe = keys.read({"optimizer": {"kind": "sgd", "rate": 0.5, "momentum": 0.9}}).bind(STATE)
    first = folded(recipe, STATE, UPDATES)
    second = folded(recipe, first.state, UPDATES)
    mean = ROWS.mean(axis=0)
    plain = MODEL["server/w"] + 0.5 * mean + 0.5 * (mean + 0.9 * mean)
    assert np.allclose(checkpoint.read(second.state)["server/w"], plain, atol=1e-6)
    assert "moments/first/update/w" in checkpoint.read(first.state)
    assert checkpoint.read(recipe.start(first.state)).keys() == MODEL.keys()


def test_tensors_that_are_not_named_stay_as_they_are() -> None:
    recipe = keys.read({"tensors": ["w"]}).bind(STATE)
    made = folded(recipe, STATE, [{"update/w": each["update/w"]} for each in UPDATES])
    assert checkpoint.read(made.state)["server/b"].tolist() == [0, 0, 0, 0]
    with pytest.raises(errors.ContributionRefused, match="update/b"):
        recipe.take(checkpoint.to_bytes(UPDATES[0]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"update/w": np.zeros((3, 4))}, "update/w is of float64, not of float32"),
        ({"update/w": np.zeros((4, 3), np.float32)}, r"has shape \(4, 3\)"),
        ({"update/w": np.full((3, 4), np.inf, np.float32)}, "inf"),
        ({"update/w": np.full((3, 4), 9, np.float32)}, "norm"),
        ({"update/w": np.array([b"text"], object)}, "is of text"),
        ({"more": np.zeros(2, np.float32)}, "more is not asked for"),
        ({"n": np.array(np.nan)}, "n is not one finite number"),
        ({"n": np.array([1.0, 2.0])}, "n is not one finite number"),
        ({"n": np.array(b"1", object)}, "n is not one finite number"),
        ({"n": np.array(-1.0)}, "n is negative"),
    ],
)
@pytest.mark.parametrize("layout", [checkpoint, fcv1])
def test_an_upload_that_is_not_what_it_must_be_is_refused(
    layout: Any, change: dict[str, Any], said: str
) -> None:
    recipe = keys.read({"norm": 10, "weight": "n"}).bind(STATE)
    good = {**UPDATES[0], "n": np.array(1.0)}
    recipe.take(layout.to_bytes(good))
    with pytest.raises(errors.ContributionRefused, match=said):
        recipe.take(layout.to_bytes({**good, **change}))
    with pytest.raises(errors.ContributionRefused, match="missing"):
        recipe.take(layout.to_bytes({name: good[name] for name in good if name != "update/b"}))


def test_numbers_whose_weighted_sum_could_leave_their_type_are_refused() -> None:
    recipe = keys.read({"weight": "n"}).bind(STATE)
    large = {**UPDATES[0], "update/b": np.full(4, 1e18, np.float32), "n": np.array(1e20)}
    with pytest.raises(errors.ContributionRefused, match="weight times its norm"):
        recipe.take(checkpoint.to_bytes(large))


@pytest.mark.parametrize(
    "declared",
    [
        {"weight": "n", "optimizer": {"kind": "adam", "rate": 0.1}},
        {"aggregate": {"kind": "median"}},
        {"aggregate": {"kind": "krum", "bad": 1}},
        {"clip": 1.0, "privacy": {"multiplier": 1, "clients": 7, "delta": 1e-6, "seed": 3}},
    ],
)
def test_a_folding_that_is_rebuilt_from_the_uploads_gives_the_same_bits(
    declared: dict[str, Any],
) -> None:
    recipe = keys.read(declared).bind(STATE)
    numbers = {"n": np.array(3.0)} if "weight" in declared else {}
    uploads = [{**each, **numbers} for each in UPDATES]
    lost = recipe.fold(STATE)
    for each in uploads[:3]:
        lost.add(recipe.take(checkpoint.to_bytes(each)))
    again = keys.read(declared).bind(STATE)
    assert folded(again, STATE, uploads).state == folded(recipe, STATE, uploads).state


def test_a_folding_of_nothing_makes_nothing() -> None:
    with pytest.raises(errors.RoundEmpty):
        folded(keys.read({}).bind(STATE), STATE, [])


def test_an_evaluation_makes_metrics_and_leaves_the_state_as_it_is() -> None:
    recipe = keys.read({"metrics": {"loss": ["loss", "n"]}}).bind(STATE, evaluates=True)
    uploads = [
        {"loss": np.array(2.0), "n": np.array(1)},
        {"loss": np.array(4.0), "n": np.array(3)},
    ]
    made = folded(recipe, STATE, uploads)
    assert (made.state, made.metrics) == (STATE, {"loss": 1.5})
    with pytest.raises(errors.ContributionRefused, match="update/w is not asked for"):
        recipe.take(checkpoint.to_bytes({**uploads[0], "update/w": np.zeros(3)}))
    with pytest.raises(errors.RecipeInvalid, match=r"metrics: .*evaluation"):
        keys.read({}).bind(STATE, evaluates=True)


@pytest.mark.parametrize(
    ("declared", "state", "said"),
    [
        ({"tensors": ["v"]}, MODEL, "no server/v"),
        ({}, {"server/name": np.array(b"x", object)}, "real numbers"),
        (
            {"clip": 1, "privacy": {"multiplier": 1, "clients": 2, "delta": 1e-6}},
            {"server/round": np.array(0)},
            "no noise can hide update/round",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    declared: dict[str, Any], state: dict[str, Any], said: str
) -> None:
    with pytest.raises(errors.RecipeInvalid, match=said):
        keys.read(declared).bind(checkpoint.to_bytes(state))


def test_a_metric_that_is_no_finite_number_is_left_out() -> None:
    said = {"metrics": {"none": ["a", "zero"], "much": ["a", "least"], "one": ["a", "a"]}}
    recipe = keys.read(said).bind(STATE, evaluates=True)
    upload = {"a": np.array(1e300), "zero": np.array(0.0), "least": np.array(1e-300)}
    assert folded(recipe, STATE, [upload]).metrics == {"one": 1.0}
