import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import aggregation, errors
from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.components.generators import FullModelShareableGenerator
from ame.federation.components.robust import (
    KrumAggregator,
    MedianAggregator,
    TrimmedMeanAggregator,
)
from ame.federation.components.selector import (
    IntimeModelSelector,
    SimpleIntimeModelSelector,
)
from ame.federation.components.validation import ValidationJsonGenerator
from ame.federation.model import FLModel, ParamsType
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.learnable import ModelLocator
from ame.federation.workflows.arguments import parse_compare_criteria
from ame.federation.workflows.averaging.fedavg import FedAvg
from ame.federation.workflows.averaging.fedavg_torch import PTFedAvgEarlyStopping
from ame.federation.workflows.averaging.fedopt import FedOptimizer
from ame.federation.workflows.averaging.scaffold import Scaffold
from ame.federation.workflows.command import CmdTaskController
from ame.federation.workflows.cross_site import CrossSiteModelEval, GlobalModelEval
from ame.federation.workflows.cross_site_models import CrossSiteEval
from ame.federation.workflows.cyclic import Cyclic, CyclicController, RelayOrder
from ame.federation.workflows.model_controller import ModelController
from ame.federation.workflows.scatter_and_gather import ScatterAndGather
from parts.federated import Keeps, Train, moved, run

NAMES = ("site-1", "site-2", "site-3")
ZERO = {"w": np.zeros(2, np.float32), "b": np.zeros(1, np.float32)}


def broken(site: str, model: FLModel) -> FLModel:
    raise ValueError("no data")


def of(*steps: float) -> dict[str, Train]:
    return {f"site-{number}": moved(by) for number, by in enumerate(steps, 1)}


def trained(
    controller: ModelController | ScatterAndGather | CyclicController,
    tmp_path: Path,
    train: Any,
    start: dict[str, Any] = ZERO,
    **kwargs: Any,
) -> Keeps:
    keeps = Keeps(start)
    components = {"persistor": keeps, **kwargs.pop("components", {})}
    names = tuple(train) if isinstance(train, dict) else NAMES
    run(controller, tmp_path, train, names=names, components=components, **kwargs)
    return keeps


# Federated averaging.


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


# An algorithm of a user's own.


def test_a_workflow_of_ones_own_sends_and_waits(tmp_path: Path) -> None:
    class Own(ModelController):
        def run(self) -> None:
            model = self.load_model()
            self.got = self.send_model_and_wait(data=model, targets=["site-3", "site-1"])
            self.called: list[str] = []
            self.send_model(
                data=model, callback=lambda each: self.called.append(each.meta["client_name"])
            )
            assert self.wait_for_tasks()
            self.save_model(self.got[0])

    own = Own()

    keeps = trained(own, tmp_path, of(1, 2, 3))

    assert [each.meta["client_name"] for each in own.got] == ["site-3", "site-1"]
    assert own.called == list(NAMES)
    np.testing.assert_array_equal(keeps.saved[-1]["w"], [3, 3])


# Scatter and gather.


def gathering(**more: Any) -> dict[str, Any]:
    return {
        "aggregator": InTimeAccumulateWeightedAggregator(expected_data_kind=DataKind.WEIGHTS),
        "shareable_generator": FullModelShareableGenerator(),
        **more,
    }


def test_scatter_and_gather_is_federated_averaging_with_a_mean(tmp_path: Path) -> None:
    controller = ScatterAndGather(num_rounds=3, persistor_id="persistor")

    keeps = trained(controller, tmp_path, of(1, 2, 6), components=gathering())

    assert len(keeps.saved) == 3
    np.testing.assert_allclose(keeps.saved[-1]["w"], 3 * 3)


def test_scatter_and_gather_goes_on_with_enough_and_ends_with_too_few(tmp_path: Path) -> None:
    train = {"site-1": moved(1), "site-2": moved(3), "site-3": broken}

    keeps = trained(
        ScatterAndGather(min_clients=2, num_rounds=1, persistor_id="persistor"),
        tmp_path / "a",
        train,
        components=gathering(),
    )
    np.testing.assert_array_equal(keeps.saved[-1]["w"], [2, 2])

    with pytest.raises(errors.TooFewResults, match="site-3: ValueError"):
        trained(
            ScatterAndGather(min_clients=3, num_rounds=1, persistor_id="persistor"),
            tmp_path / "b",
            train,
            components=gathering(),
        )


def test_a_missing_component_is_named_with_those_that_fit(tmp_path: Path) -> None:
    with pytest.raises(errors.ComponentUnknown, match=r"no Aggregator `mean`.*`aggregator`"):
        trained(ScatterAndGather(aggregator_id="mean"), tmp_path, moved(1), components=gathering())


# The best model.


def test_the_selector_takes_the_model_that_was_measured_best(tmp_path: Path) -> None:
    values = (0.9, 0.3, 0.8, 0.5)

    class Notes(Keeps):
        best: float = -1

        def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
            if event_type == "_global_best_model_available":
                self.best = float(fl_ctx.get_prop("global_model")["weights"]["w"][0])

    def train(site: str, model: FLModel) -> FLModel:
        assert model.current_round is not None
        metrics = {"accuracy": values[model.current_round]}
        return FLModel(params={"w": model.params["w"] + 1}, metrics=metrics)

    notes = Notes({"w": np.zeros(2, np.float32)})
    run(
        FedAvg(num_rounds=4, num_clients=2),
        tmp_path,
        train,
        components={"persistor": notes, "s": IntimeModelSelector(key_metric="accuracy")},
    )

    assert notes.best == 2.0


def test_the_simple_selector_counts_what_is_not_accepted_too(tmp_path: Path) -> None:
    best: dict[type, list[int]] = {}
    for kind in (IntimeModelSelector, SimpleIntimeModelSelector):

        class Notes(Keeps):
            def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
                if event_type == "_global_best_model_available":
                    best.setdefault(kind, []).append(fl_ctx.get_prop("current_round"))  # noqa: B023

        def train(site: str, model: FLModel) -> FLModel:
            value = np.full(2, np.nan if model.current_round == 1 and site == "site-2" else 1.0)
            score = 9.0 if np.isnan(value[0]) else 1.0 + (model.current_round or 0)
            return FLModel(params={"w": value}, metrics={"accuracy": score})

        run(
            FedAvg(num_rounds=3, num_clients=2),
            tmp_path / kind.__name__,
            train,
            components={
                "persistor": Notes({"w": np.zeros(2)}),
                "s": kind(key_metric="accuracy"),
            },
        )

    assert best == {IntimeModelSelector: [1, 2], SimpleIntimeModelSelector: [1]}


# From site to site.


def test_cyclic_transfer_hands_the_model_on(tmp_path: Path) -> None:
    keeps = trained(Cyclic(num_clients=3, num_rounds=2), tmp_path, of(1, 2, 4))

    assert [float(each["w"][0]) for each in keeps.saved] == [7.0, 14.0]


def test_cyclic_transfer_passes_a_site_over_that_fails_where_that_is_allowed(
    tmp_path: Path,
) -> None:
    train = {"site-1": moved(1), "site-2": broken, "site-3": moved(4)}

    keeps = trained(Cyclic(num_clients=3, num_rounds=1), tmp_path / "a", train, min_clients=2)
    assert float(keeps.saved[-1]["w"][0]) == 5.0

    with pytest.raises(errors.TooFewResults):
        trained(Cyclic(num_clients=3, num_rounds=1), tmp_path / "b", train, min_clients=3)


def test_the_cyclic_controller_relays_in_an_order(tmp_path: Path) -> None:
    seen: list[str] = []

    def train(site: str, model: FLModel) -> FLModel:
        seen.append(site)
        return moved(1)(site, model)

    controller = CyclicController(num_rounds=2, order=["site-3", "site-1", "site-2"])

    keeps = trained(controller, tmp_path, train, components=gathering())

    assert seen == ["site-3", "site-1", "site-2"] * 2
    assert float(keeps.saved[-1]["w"][0]) == 6.0
    with pytest.raises(ValueError, match="order must be one of"):
        CyclicController(order="backwards")


def test_no_site_comes_twice_in_a_row(tmp_path: Path) -> None:
    seen: list[str] = []

    def train(site: str, model: FLModel) -> FLModel:
        seen.append(site)
        return model

    order = RelayOrder.RANDOM_WITHOUT_SAME_IN_A_ROW
    trained(CyclicController(num_rounds=8, order=order), tmp_path, train, components=gathering())

    assert all(first != second for first, second in pairwise(seen))


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


# Cross-site evaluation.


OWN = {"site-1": 1.0, "site-2": 2.0, "site-3": 3.0}


def evaluates(site: str, model: FLModel) -> FLModel:
    if not model.params:
        if site == "site-3":
            raise ValueError("no model yet")
        return FLModel(params={"w": np.full(2, OWN[site])})
    return FLModel(metrics={"seen": float(model.params["w"][0]) * OWN[site]})


class Finds(ModelLocator):
    def get_model_names(self, fl_ctx: FLContext) -> list[str]:
        return ["best.pt"]

    def locate_model(self, model_name: str, fl_ctx: FLContext) -> DXO:
        return DXO(DataKind.WEIGHTS, {"w": np.full(2, 10.0)})


@pytest.mark.parametrize("alone", [True, False])
def test_every_site_measures_every_model_and_the_table_is_json(tmp_path: Path, alone: bool) -> None:
    controller = (
        GlobalModelEval(model_locator_id="locator")
        if alone
        else CrossSiteModelEval(model_locator_id="locator")
    )
    run(
        controller,
        tmp_path,
        evaluates,
        names=NAMES,
        components={"locator": Finds(), "json": ValidationJsonGenerator()},
        task="*",
    )

    file = tmp_path / "server/job/cross_site_val/cross_val_results.json"
    table = json.loads(file.read_text())
    models = {"SRV_best.pt"} if alone else {"SRV_best.pt", "site-1", "site-2"}
    assert {site: set(found) for site, found in table.items()} == dict.fromkeys(NAMES, models)
    assert table["site-2"]["SRV_best.pt"] == {"seen": 20.0}


def test_evaluation_of_the_servers_models_needs_what_finds_them() -> None:
    with pytest.raises(ValueError, match="model_locator_id"):
        GlobalModelEval()


def test_evaluation_over_models_writes_the_same_table(tmp_path: Path) -> None:
    run(CrossSiteEval(server_models=[]), tmp_path, evaluates, names=NAMES, task="*")

    file = tmp_path / "server/job/cross_site_val/cross_val_results.json"
    table = json.loads(file.read_text())
    assert table["site-3"] == {"site-1": {"seen": 3.0}, "site-2": {"seen": 6.0}}


# To be continued.


def test_a_job_goes_on_with_the_round_after_the_last(tmp_path: Path) -> None:
    first = FedAvg(num_rounds=2, num_clients=3)
    keeps = trained(first, tmp_path / "a", of(1, 2, 3))
    state = first.get_persist_state(FLContext())

    second = FedAvg(num_rounds=5, num_clients=3)
    second.restore(state, FLContext())
    more = trained(second, tmp_path / "b", of(1, 2, 3), keeps.saved[-1])

    whole = trained(FedAvg(num_rounds=5, num_clients=3), tmp_path / "c", of(1, 2, 3))
    assert len(more.saved) == 3
    np.testing.assert_array_equal(more.saved[-1]["w"], whole.saved[-1]["w"])


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


# One task, and no model.


def test_a_command_reaches_so_many_sites(tmp_path: Path) -> None:
    seen: list[Any] = []

    def does(site: str, model: FLModel) -> FLModel:
        seen.append((model.params, model.meta["why"]))
        return FLModel(metrics={"done": 1.0})

    controller = CmdTaskController(
        "train", {"folder": "x"}, {"why": "it is asked"}, num_clients=2, persistor_id=""
    )
    run(controller, tmp_path, does, names=("a", "b", "c"))

    assert seen == [({"folder": "x"}, "it is asked")] * 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"num_clients": 0}, "`num_clients` must be 1 or more"),
        ({"num_clients": 2, "min_responses": 3}, "no more can answer than are asked"),
        ({"timeout": "5"}, "`timeout` must be an int"),
    ],
)
def test_a_command_that_cannot_be_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(errors.Invalid, match=why):
        CmdTaskController("train", **given)


def test_without_an_initial_model_it_is_said_how_one_is_given(tmp_path: Path) -> None:
    def train(site: str, model: FLModel) -> FLModel:
        return FLModel(params=dict(model.params or {}), metrics={"accuracy": 0.5})

    with pytest.raises(errors.TooFewResults, match=r"the job has no initial model; give .*PTModel"):
        run(FedAvg(num_clients=2, num_rounds=1), tmp_path, train)
