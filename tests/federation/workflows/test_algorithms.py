from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.components.generators import FullModelShareableGenerator
from ame.federation.components.selector import (
    IntimeModelSelector,
    SimpleIntimeModelSelector,
)
from ame.federation.model import FLModel
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DataKind
from ame.federation.workflows.averaging.fedavg import FedAvg
from ame.federation.workflows.command import CmdTaskController
from ame.federation.workflows.cyclic import Cyclic, CyclicController, RelayOrder
from ame.federation.workflows.model_controller import ModelController
from ame.federation.workflows.scatter_and_gather import ScatterAndGather
from federation.workflows.training import NAMES, broken, of, trained
from parts.federated import Keeps, moved, run

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
