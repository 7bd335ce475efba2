"""Federated averaging, and what the server does with a mean."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import aggregation, errors
from ame.federation.components.robust import (
    KrumAggregator,
    MedianAggregator,
    TrimmedMeanAggregator,
)
from ame.federation.model import FLModel, ParamsType
from ame.federation.workflows.arguments import parse_compare_criteria
from ame.federation.workflows.averaging.fedavg import FedAvg
from ame.federation.workflows.averaging.fedavg_torch import PTFedAvgEarlyStopping
from ame.federation.workflows.averaging.fedopt import FedOptimizer
from ame.federation.workflows.averaging.scaffold import Scaffold
from federation.workflows.training import ZERO, broken, of, trained
from parts.federated import Train, moved, run


def test_a_difference_is_added_to_the_model(tmp_path: Path) -> None:
    def train(site: str, model: FLModel) -> FLModel:
        return FLModel(params_type=ParamsType.DIFF, params={"w": np.ones(2, np.float32)})

    keeps = trained(FedAvg(num_rounds=3, num_clients=3), tmp_path, train)

    np.testing.assert_array_equal(keeps.saved[-1]["w"], [3, 3])
    np.testing.assert_array_equal(keeps.saved[-1]["b"], [0])


def test_a_parameter_is_divided_by_the_weights_of_those_who_sent_it(tmp_path: Path) -> None:
    def only_w(site: str, model: FLModel) -> FLModel:
        return FLModel(params={"w": np.full(2, 6, np.float32)})

    keeps = trained(
        FedAvg(num_rounds=1, num_clients=2), tmp_path, {"site-1": moved(2), "site-2": only_w}
    )

    np.testing.assert_array_equal(keeps.saved[-1]["w"], [4, 4])
    np.testing.assert_array_equal(keeps.saved[-1]["b"], [2])


def test_sites_count_by_their_weights_times_their_steps(tmp_path: Path) -> None:
    train = {
        "site-1": moved(1, NUM_STEPS_CURRENT_ROUND=2),
        "site-2": moved(4, NUM_STEPS_CURRENT_ROUND=4),
    }
    controller = FedAvg(num_rounds=1, num_clients=2, aggregation_weights={"site-1": 3.0})

    keeps = trained(controller, tmp_path, train)

    np.testing.assert_allclose(keeps.saved[-1]["w"], (1 * 6 + 4 * 4) / 10)


def test_excluded_parameters_stay_as_they_are(tmp_path: Path) -> None:
    keeps = trained(FedAvg(num_rounds=1, num_clients=3, exclude_vars="^b"), tmp_path, of(1, 2, 3))

    np.testing.assert_array_equal(keeps.saved[-1]["w"], [2, 2])
    np.testing.assert_array_equal(keeps.saved[-1]["b"], [0])


def measures(*values: float) -> Train:
    def train(site: str, model: FLModel) -> FLModel:
        assert model.current_round is not None
        return FLModel(params=model.params, metrics={"accuracy": values[model.current_round]})

    return train


def test_a_condition_ends_the_job_and_keeps_the_best_models_alone(tmp_path: Path) -> None:
    controller = FedAvg(num_rounds=9, num_clients=3, stop_cond="accuracy >= 0.9")

    keeps = trained(controller, tmp_path, measures(0.5, 0.4, 0.6, 0.95, 1.0))

    assert controller.current_round == 3
    assert len(keeps.saved) == 3


def test_patience_ends_the_job_after_rounds_without_a_better_model(tmp_path: Path) -> None:
    controller = FedAvg(num_rounds=9, num_clients=3, stop_cond="accuracy > 2", patience=2)

    trained(controller, tmp_path, measures(0.5, 0.6, 0.6, 0.55, 0.9))

    assert controller.current_round == 3


@pytest.mark.parametrize("wrong", ["accuracy", "accuracy => 3", "accuracy > high"])
def test_a_condition_is_a_metric_a_sign_and_a_number(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse_compare_criteria(wrong)


def test_which_sites_take_part_is_drawn_by_the_seed(tmp_path: Path) -> None:
    def sites(folder: str, seed: int) -> list[str]:
        seen: list[str] = []

        def train(site: str, model: FLModel) -> FLModel:
            seen.append(site)
            return model

        names = [f"site-{number}" for number in range(1, 9)]
        run(
            FedAvg(num_rounds=4, num_clients=2, model=dict(ZERO)),
            tmp_path / folder,
            train,
            names=names,
            seed=seed,
        )
        return seen

    first = sites("a", 1)

    assert first == sites("b", 1)
    assert first != sites("c", 2)
    assert len(first) == 8


def test_without_a_persistor_the_model_is_kept_in_a_file_and_taken_from_it(tmp_path: Path) -> None:
    start = FLModel(params={"w": np.ones(2)})
    run(FedAvg(num_rounds=1, num_clients=2, model=start), tmp_path, moved(1))

    controller = FedAvg(num_rounds=1, num_clients=2)
    run(controller, tmp_path, moved(1))

    found = controller.load_model_file(str(tmp_path / "server/job/FL_global_model.pt"))
    np.testing.assert_array_equal(found.params["w"], [3, 3])


def test_a_job_of_flare_2_7_stops_early_and_begins_with_its_module(tmp_path: Path) -> None:
    import torch

    net = torch.nn.Linear(2, 1, bias=False)
    controller = PTFedAvgEarlyStopping(
        num_clients=2, num_rounds=9, stop_cond="accuracy >= 0.9", initial_model=net,
        task_to_optimize="train", save_filename="mine.pt",
    )  # fmt: skip

    run(controller, tmp_path, measures(0.5, 0.95, 1.0))

    assert controller.current_round == 1
    kept = torch.load(tmp_path / "server/job/mine.pt", weights_only=True)
    np.testing.assert_allclose(kept["weight"], net.weight.detach().numpy())


def test_sites_are_told_the_mu_of_fedprox(tmp_path: Path) -> None:
    seen: list[Any] = []

    def train(site: str, model: FLModel) -> FLModel:
        seen.append(model.meta.get("fedprox_mu"))
        return model

    trained(FedAvg(num_rounds=1, num_clients=3, fedprox_mu=0.1), tmp_path, train)

    assert seen == [0.1] * 3
    with pytest.raises(ValueError, match="0 or more"):
        FedAvg(fedprox_mu=-1.0)


def test_a_job_without_a_model_to_begin_with_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        errors.JobPanicked, match=r"no weights to begin with.*allow_empty_global_weights"
    ):
        trained(FedAvg(num_rounds=1), tmp_path, moved(1), {})


def test_sites_may_begin_where_that_is_allowed(tmp_path: Path) -> None:
    def train(site: str, model: FLModel) -> FLModel:
        return FLModel(params={"w": np.full(2, 3.0)})

    controller = FedAvg(num_rounds=1, num_clients=3, allow_empty_global_weights=True)

    keeps = trained(controller, tmp_path, train, {})

    np.testing.assert_array_equal(keeps.saved[-1]["w"], [3, 3])


def test_one_failure_ends_the_job_where_none_is_ignored_and_none_does_where_all_are(
    tmp_path: Path,
) -> None:
    train = {"site-1": moved(1), "site-2": moved(1), "site-3": broken}
    with pytest.raises(errors.TooFewResults, match="needs 3"):
        trained(FedAvg(num_rounds=1, ignore_result_error=False), tmp_path / "a", train)

    controller = FedAvg(num_rounds=1, ignore_result_error=True)
    keeps = trained(controller, tmp_path / "b", train, min_clients=3)
    np.testing.assert_array_equal(keeps.saved[-1]["w"], [1, 1])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"num_rounds": 0}, ValueError),
        ({"num_rounds": "3"}, TypeError),
        ({"num_clients": -1}, ValueError),
        ({"task_check_period": 0}, ValueError),
        ({"persistor_id": 3}, TypeError),
        ({"aggregator": "aggregator"}, TypeError),
        ({"aggregator": MedianAggregator}, TypeError),
    ],
)
def test_arguments_that_cannot_be_are_refused(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        FedAvg(**arguments)


@pytest.mark.parametrize(
    ("aggregator", "expected"),
    [
        (MedianAggregator(), 3.0),
        (TrimmedMeanAggregator(share=0.25), 3.0),
        (KrumAggregator(bad=1), 3.0),
    ],
)
def test_a_robust_rule_withstands_a_bad_site(
    tmp_path: Path, aggregator: Any, expected: float
) -> None:
    keeps = trained(
        FedAvg(num_rounds=1, num_clients=5, aggregator=aggregator),
        tmp_path,
        of(2, 3, 3, 4, 1e6),
    )

    np.testing.assert_allclose(keeps.saved[-1]["w"], expected)


# The server's optimizer and SCAFFOLD, against the plain formulas.


def test_federated_optimization_is_the_optimizers_step_on_the_mean_difference(
    tmp_path: Path,
) -> None:
    start = {"w": np.array([1.0, -2.0])}

    keeps = trained(
        FedOptimizer(num_rounds=3, num_clients=3, optimizer="yogi", optimizer_args={"rate": 0.1}),
        tmp_path,
        of(1, 2, 6),
        start,
    )

    w, m, v = start["w"].copy(), 0.0, 1e-6
    for _ in range(3):
        m = 0.9 * m + 0.1 * 3.0
        v = v - 0.01 * 9.0 * np.sign(v - 9.0)
        w = w + 0.1 * m / (np.sqrt(v) + 1e-3)
    np.testing.assert_allclose(keeps.saved[-1]["w"], w, rtol=1e-12)
    with pytest.raises(ValueError, match="one of sgd"):
        FedOptimizer(optimizer="lion")
    with pytest.raises(errors.JobInvalid, match="has `lr`; it takes rate, momentum"):
        FedOptimizer(optimizer="sgd", optimizer_args={"lr": 1.0})
    with pytest.raises(errors.AggregationInvalid):
        FedOptimizer(optimizer="sgd", optimizer_args={"rate": -1.0})


def test_scaffold_moves_the_model_and_the_controls_by_the_weighted_mean(tmp_path: Path) -> None:
    seen: list[float] = []

    def train(site: str, model: FLModel) -> FLModel:
        number = int(site[-1])
        seen.append(float(model.meta["scaffold_c_global"]["w"][0]))
        return FLModel(
            params={"w": model.params["w"] + number},
            meta={
                "NUM_STEPS_CURRENT_ROUND": number,
                "scaffold_c_diff": {"w": np.full(2, number * 10, np.float32)},
            },
        )

    start = {"w": np.zeros(2, np.float32)}
    keeps = trained(Scaffold(num_rounds=2, num_clients=3), tmp_path, train, start)

    mean = (1 * 1 + 2 * 2 + 3 * 3) / 6
    np.testing.assert_allclose(keeps.saved[-1]["w"], 2 * mean, rtol=1e-6)
    np.testing.assert_allclose(seen, [0] * 3 + [10 * mean] * 3, rtol=1e-6)


def test_scaffold_says_which_site_sends_no_controls(tmp_path: Path) -> None:
    with pytest.raises(errors.UpdateRefused, match=r"site-1.*Scaffold helper"):
        trained(Scaffold(num_rounds=1, num_clients=3), tmp_path, moved(1))


def test_the_mean_is_that_of_aggregation() -> None:
    results = [
        FLModel(params={"w": np.full(2, number, np.float32)}, meta={"client_name": str(number)})
        for number in (1, 2, 6)
    ]

    made = FedAvg.aggregate_fn(results)

    mean = aggregation.Mean()
    state = mean.begin()
    for each in results:
        update = aggregation.Update(client="x", arrays=each.params)
        state = mean.add(state, update)
    np.testing.assert_array_equal(made.params["w"], mean.value(state).arrays["w"])
