import math
from typing import Any

import numpy as np
import pytest

from ame import aggregation, errors
from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.conversion import FLModelUtils
from ame.federation.filters.noise import GaussianNoise, NormClipping
from ame.federation.filters.privacy import PercentilePrivacy, SVTPrivacy
from ame.federation.filters.quantize import ModelDequantizer, ModelQuantizer
from ame.federation.filters.variables import ConvertWeights, DXOBlocker, ExcludeVars
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind, from_shareable
from ame.federation.spec.filter import ContentBlockedException, Filter

RNG = np.random.default_rng(3)


def passed(
    through: Filter, data: dict[str, Any], kind: str = DataKind.WEIGHT_DIFF, **meta: Any
) -> DXO:
    kept = {key: np.array(each, copy=True) for key, each in data.items()}
    sent = DXO(kind, dict(data), meta).to_shareable()
    found = from_shareable(through.process(sent, FLContext()))
    for key, each in kept.items():
        np.testing.assert_array_equal(data[key], each)
    return found


@pytest.mark.parametrize("steps", [1, 4])
def test_percentile_privacy_is_its_formula(steps: int) -> None:
    data = {"a": RNG.normal(size=(5, 4)), "b": RNG.normal(size=7), "s": np.array(3.0)}

    found = passed(PercentilePrivacy(30, 0.5), data, NUM_STEPS_CURRENT_ROUND=steps).data

    scaled = {key: each / steps for key, each in data.items()}
    cutoff = np.percentile(np.concatenate([np.abs(each).ravel() for each in scaled.values()]), 30)
    for key in ("a", "b"):
        plain = np.clip(scaled[key], -0.5, 0.5) * (np.abs(scaled[key]) >= cutoff) * steps
        np.testing.assert_allclose(found[key], plain)
    assert found["s"] == 3.0


@pytest.mark.parametrize(("percentile", "gamma"), [(10, 0), (-1, 0.1), (101, 0.1)])
def test_percentile_privacy_that_would_hide_nothing_is_refused(
    percentile: float, gamma: float
) -> None:
    with pytest.raises(errors.JobInvalid, match="gamma" if gamma == 0 else "percentile"):
        PercentilePrivacy(percentile, gamma)


def test_the_sparse_vector_technique_tells_a_fraction_and_what_it_costs() -> None:
    np.random.seed(1)
    data = {"a": RNG.normal(size=(10, 10)).astype(np.float32), "s": np.array(2.0)}
    through = SVTPrivacy(fraction=0.2, epsilon=0.5, noise_var=0.3, gamma=0.1, replace=False)

    first, second = passed(through, data), passed(through, data)

    assert np.count_nonzero(first.data["a"]) == 20
    assert np.abs(first.data["a"]).max() <= 0.1 + 1e-6
    assert first.data["a"].dtype == np.float32
    assert first.data["s"] == 2.0
    cost = 0.5 + 20 * 0.3
    assert first.meta["privacy"]["epsilon"] == pytest.approx(cost)
    assert second.meta["privacy"]["epsilon_so_far"] == pytest.approx(2 * cost)


@pytest.mark.parametrize(
    "wrong",
    [{"epsilon": 0}, {"gamma": -1}, {"epsilon": 1.0, "epsilon_threshold": 0.5, "epsilon_query": 1}],
)
def test_a_budget_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        SVTPrivacy(**wrong)  # type: ignore[arg-type]  # numbers alone


def test_parameters_are_left_out_by_name_or_expression() -> None:
    data = {"conv.w": np.ones(1), "conv.b": np.ones(1), "head": np.ones(1)}

    assert set(passed(ExcludeVars(["head"]), data).data) == {"conv.w", "conv.b"}
    assert set(passed(ExcludeVars("^conv"), data).data) == {"head"}
    assert set(passed(ExcludeVars(), data).data) == set(data)


@pytest.mark.parametrize("wrong", [3, [1], "("])
def test_what_is_no_name_and_no_expression_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="exclude_vars"):
        ExcludeVars(wrong)


def test_data_of_a_kind_is_blocked_or_alone_let_through() -> None:
    data = {"a": np.ones(1)}

    passed(DXOBlocker([DataKind.METRICS]), data)
    passed(DXOBlocker([DataKind.WEIGHT_DIFF], allow_data_kinds=True), data)
    for blocker in (DXOBlocker([DataKind.WEIGHT_DIFF]), DXOBlocker([DataKind.METRICS], True)):
        with pytest.raises(ContentBlockedException, match="WEIGHT_DIFF is blocked"):
            passed(blocker, data)
    with pytest.raises(ValueError, match="list of kinds"):
        DXOBlocker([])


def test_weights_become_differences_and_weights_again() -> None:
    ctx = FLContext()
    sent = DXO(DataKind.WEIGHTS, {"w": np.array([1.0, 2.0])}).to_shareable()
    ctx.set_prop("__task_data__", sent)
    result = DXO(DataKind.WEIGHTS, {"w": np.array([4.0, 4.0])}).to_shareable()

    diff = from_shareable(ConvertWeights("weights_to_diff").process(result, ctx))
    assert diff.data_kind == DataKind.WEIGHT_DIFF
    np.testing.assert_array_equal(diff.data["w"], [3, 2])

    whole = from_shareable(ConvertWeights("diff_to_weights").process(diff.to_shareable(), ctx))
    assert whole.data_kind == DataKind.WEIGHTS
    np.testing.assert_array_equal(whole.data["w"], [4, 4])
    with pytest.raises(ValueError, match="direction"):
        ConvertWeights("sideways")


def test_a_difference_is_scaled_to_a_norm() -> None:
    data = {"a": np.full(4, 3.0), "b": np.full(4, 4.0)}

    found = passed(NormClipping(norm=5.0), data).data

    norm = math.sqrt(sum(float((each**2).sum()) for each in found.values()))
    assert norm == pytest.approx(5.0, rel=1e-5)
    np.testing.assert_allclose(found["b"] / found["a"], 4 / 3)
    with pytest.raises(errors.AggregationInvalid):
        NormClipping(norm=0)


@pytest.mark.parametrize("through", [NormClipping(), GaussianNoise()], ids=["clipping", "noise"])
def test_a_whole_model_does_not_pass_what_is_for_differences(through: Filter) -> None:
    with pytest.raises(errors.UpdateRefused, match=r"whole model.*weights_to_diff"):
        passed(through, {"a": np.ones(4)}, DataKind.WEIGHTS)
    assert passed(through, {"loss": 0.5}, DataKind.METRICS).data == {"loss": 0.5}


def test_noise_is_drawn_from_the_sites_own_state_and_its_cost_adds_up() -> None:
    data = {"a": np.zeros(2000)}

    def noised() -> list[DXO]:
        np.random.seed(5)
        through = GaussianNoise(norm=2.0, multiplier=1.5, delta=1e-5)
        return [passed(through, data) for _ in range(2)]

    first, second = noised()
    again, _ = noised()

    np.testing.assert_array_equal(first.data["a"], again.data["a"])
    assert not np.array_equal(first.data["a"], second.data["a"])
    assert float(first.data["a"].std()) == pytest.approx(3.0, rel=0.1)
    account = aggregation.Accountant().after(multiplier=1.5, rounds=2)
    assert second.meta["privacy"]["epsilon_so_far"] == pytest.approx(account.epsilon(1e-5))


@pytest.mark.parametrize(("kind", "most"), [("float16", 1e-3), ("blockwise8", 1 / 254)])
def test_what_is_quantized_comes_back_but_for_what_was_rounded(kind: str, most: float) -> None:
    data = {"a": RNG.uniform(-1, 1, size=(100, 70)).astype(np.float32), "n": np.arange(3)}

    small = passed(ModelQuantizer(kind), data)
    whole = passed(ModelDequantizer(), small.data, **small.meta)

    assert np.asarray(small.data["a"]).nbytes * 2 <= np.asarray(data["a"]).nbytes
    assert whole.data["a"].dtype == np.float32
    assert np.abs(whole.data["a"] - data["a"]).max() <= most
    np.testing.assert_array_equal(whole.data["n"], data["n"])
    assert "quantized_flag" not in whole.meta


def test_a_quantization_that_is_not_there_is_refused() -> None:
    with pytest.raises(errors.JobInvalid, match="one of float16, blockwise8"):
        ModelQuantizer("float4")


def test_a_quantized_model_is_not_taken_for_the_model() -> None:
    small = passed(ModelQuantizer("blockwise8"), {"a": np.ones(4, np.float32)})
    sent = small.to_shareable()

    with pytest.raises(errors.JobInvalid, match="give the receiving side a `ModelDequantizer`"):
        FLModelUtils.from_shareable(sent)
    assert not InTimeAccumulateWeightedAggregator().accept(sent, FLContext())
