"""Workflows of one question, and executors that only seem to train."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ame import errors
from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.components.generators import FullModelShareableGenerator
from ame.federation.components.persistors.numpy_files import NPModelLocator, NPModelPersistor
from ame.federation.components.validation import NPFormatter, ValidationJsonGenerator
from ame.federation.components.weighted import WeightedAggregationHelper
from ame.federation.model import FLModel
from ame.federation.run.server import Server, ServerParts
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.executor import Executor
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Signal
from ame.federation.training.numpy_examples import NPTrainer, NPValidator
from ame.federation.workflows.averaging.fedavg_torch import PTFedAvg
from ame.federation.workflows.cross_site import CrossSiteModelEval
from ame.federation.workflows.responses import InitializeGlobalWeights
from ame.federation.workflows.scatter_and_gather import ScatterAndGather
from parts.federated import join, moved, run


class Begins(Executor):
    """Says what its site begins with."""

    def __init__(self, value: float | None) -> None:
        super().__init__()
        self.value = value

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        if self.value is None:
            return Shareable()
        own = {"numpy_key": np.full(2, self.value, np.float32)}
        return DXO(DataKind.WEIGHTS, data=own).to_shareable()


def led(
    workflows: Sequence[Controller],
    folder: Path,
    *,
    begins: Sequence[float | None] = (1, 2),
    components: dict[str, Any] | None = None,
) -> Server:
    executors = {
        f"site-{number}": [
            (("get_weights",), Begins(value)),
            (("train", "submit_model"), NPTrainer(delta=number)),
            (("validate",), NPValidator(epsilon=0)),
        ]
        for number, value in enumerate(begins, 1)
    }
    live, _ = join(folder, executors)
    parts = ServerParts(
        workflows=[(type(each).__name__, each) for each in workflows],
        components={
            "aggregator": InTimeAccumulateWeightedAggregator(expected_data_kind="WEIGHTS"),
            "shareable_generator": FullModelShareableGenerator(),
            **(components or {}),
        },
    )
    server = Server(parts, live, job="job", root=folder / "server", min_clients=1)
    server.run()
    return server


def averaging(**more: Any) -> ScatterAndGather:
    return ScatterAndGather(min_clients=2, num_rounds=1, wait_time_after_min_received=0, **more)


def test_a_job_begins_with_the_weights_of_the_site_that_is_named(tmp_path: Path) -> None:
    first = InitializeGlobalWeights(weight_method="client", weights_client_name="site-2")
    rounds = averaging()

    led([first, rounds], tmp_path)

    np.testing.assert_allclose(
        rounds._model["weights"]["numpy_key"], [3.5, 3.5]
    )  # 2 + the mean of 1 and 2


def test_a_job_whose_sites_have_no_weights_ends(tmp_path: Path) -> None:
    with pytest.raises(errors.JobPanicked, match=r"does not take the answer of site-2"):
        led([InitializeGlobalWeights()], tmp_path, begins=(1, None))


def test_weights_of_a_certain_site_need_its_name() -> None:
    with pytest.raises(ValueError, match="client_name"):
        InitializeGlobalWeights(weight_method="client", weights_client_name=["site-1", "site-2"])


def test_models_of_numpy_are_trained_submitted_and_measured(tmp_path: Path) -> None:
    kept = {
        "persistor": NPModelPersistor(model=[1, 1]),
        "locator": NPModelLocator(),
        "table": ValidationJsonGenerator(),
    }

    led(
        [averaging(persistor_id="persistor"), CrossSiteModelEval(model_locator_id="locator")],
        tmp_path,
        components=kept,
    )

    (file,) = tmp_path.glob("server/**/cross_val_results.json")
    table = json.loads(file.read_text())
    assert table["site-1"] == {
        "SRV_server": {"accuracy": 2.0},
        "site-1": {"accuracy": 2.0},
        "site-2": {"accuracy": 2.0},
    }


def test_results_are_shown_by_site_and_model() -> None:
    context = FLContext()
    metrics = DXO(DataKind.METRICS, data={"accuracy": 0.5})
    context.put(
        AppConstants.VALIDATION_RESULT,
        {"site-1": {"server": metrics}},
        private=True,
        sticky=False,
    )

    assert NPFormatter().format(context) == "{'site-1': {'server': {'accuracy': 0.5}}}"


def test_contributions_are_weighed_in_the_form_they_came() -> None:
    mean = WeightedAggregationHelper(exclude_vars="^b")
    mean.add({"w": torch.tensor([1.0]), "b": torch.ones(1)}, 3, "site-1", 0)
    mean.add({"w": torch.tensor([5.0])}, 1, "site-2", 0)

    assert mean.get_len() == 2
    assert mean.get_history()[1]["contributor_name"] == "site-2"
    result = mean.get_result()
    torch.testing.assert_close(result, {"w": torch.tensor([2.0])})
    assert mean.get_len() == 0
    assert mean.get_result() == {}


def test_contributions_that_were_weighed_before_are_divided_by_their_weights() -> None:
    mean = WeightedAggregationHelper(weigh_by_local_iter=False)
    mean.add({"w": np.array([3.0]), "only": np.array([3.0])}, 3, "site-1", 0)
    mean.add({"w": np.array([5.0])}, 1, "site-2", 0)

    result = mean.get_result()
    np.testing.assert_allclose(result["w"], [2.0])
    np.testing.assert_allclose(result["only"], [1.0])


def test_a_model_of_torch_is_kept_as_torch_keeps_it(tmp_path: Path) -> None:
    controller = PTFedAvg(num_rounds=1, num_clients=2, model=FLModel(params={"w": torch.zeros(2)}))

    run(controller, tmp_path, moved(1))

    (file,) = tmp_path.glob("server/**/FL_global_model.pt")
    kept = torch.load(file, weights_only=True)
    np.testing.assert_allclose(np.asarray(kept["w"]), [1, 1])
    file.write_bytes(b"no model")
    with pytest.raises(errors.SourceUnusable, match="FL_global_model"):
        controller.load_model_file(str(file))
