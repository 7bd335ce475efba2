import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from ame import errors
from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.components.generators import SimpleModelShareableGenerator
from ame.federation.components.selector import IntimeModelSelector
from ame.federation.model import FLModel
from ame.federation.peers.cross_site import (
    CrossSiteEvalClientController,
    CrossSiteEvalServerController,
)
from ame.federation.peers.cyclic import CyclicClientController, CyclicServerController
from ame.federation.peers.swarm import SwarmClientController
from ame.federation.peers.swarm_server import SwarmServerController
from ame.federation.run.server import Server, ServerParts
from ame.federation.spec.controller import Controller
from ame.federation.spec.executor import Executor
from ame.federation.spec.learnable import ModelLearnable, make_model_learnable
from parts.federated import Keeps, Train, Trains, join, moved

NAMES = ("site-1", "site-2", "site-3")
ZERO = {"w": np.zeros(3, np.float32)}


def swarm(
    folder: Path,
    controllers: Sequence[tuple[str, Controller]],
    client: type[Executor],
    pattern: str,
    train: Train | dict[str, Train],
    *,
    names: Sequence[str] = NAMES,
    select: bool = False,
    keep: type[Keeps] = Keeps,
    more: Sequence[tuple[tuple[str, ...], type[Executor]]] = (),
) -> dict[str, Keeps]:
    """Runs a job without a server in the middle; what each site keeps."""
    keeps = {name: keep(ZERO) for name in names}
    trains = train if isinstance(train, dict) else dict.fromkeys(names, train)
    components: dict[str, dict[str, Any]] = {
        name: {
            "persistor": keeps[name],
            "shareable_generator": SimpleModelShareableGenerator(),
            "aggregator": InTimeAccumulateWeightedAggregator(expected_data_kind="WEIGHTS"),
            **({"selector": IntimeModelSelector(key_metric="accuracy")} if select else {}),
        }
        for name in names
    }
    live, _ = join(
        folder,
        {
            name: [
                ((pattern,), client()),
                *((tasks, kind()) for tasks, kind in more),
                (("train", "validate", "submit_model"), Trains(trains[name])),
            ]
            for name in names
        },
        components=components,
    )
    parts = ServerParts(workflows=controllers)
    Server(parts, live, job="job", root=folder / "server", seed=7).run()
    return keeps


def test_in_swarm_learning_every_site_keeps_the_mean_of_the_last_round(tmp_path: Path) -> None:
    keeps = swarm(
        tmp_path,
        [("swarm", SwarmServerController(num_rounds=3))],
        SwarmClientController,
        "swarm_*",
        {name: moved(number) for number, name in enumerate(NAMES)},
    )

    for keep in keeps.values():
        np.testing.assert_allclose(keep.saved[-1]["w"], 3 * (0 + 1 + 2) / 3)


def test_a_round_of_swarm_learning_goes_on_without_a_site_that_fails(tmp_path: Path) -> None:
    def broken(site: str, model: FLModel) -> FLModel:
        raise ValueError("no data")

    keeps = swarm(
        tmp_path,
        [("swarm", SwarmServerController(num_rounds=2, min_clients=2))],
        SwarmClientController,
        "swarm_*",
        {"site-1": moved(1), "site-2": broken, "site-3": moved(3)},
    )

    np.testing.assert_allclose(keeps["site-1"].saved[-1]["w"], 2 * (1 + 3) / 2)


def test_without_enough_sites_the_job_ends_with_the_error_of_the_site(tmp_path: Path) -> None:
    def broken(site: str, model: FLModel) -> FLModel:
        raise ValueError("no data")

    with pytest.raises(errors.TooFewResults, match="site-2: ValueError: no data"):
        swarm(
            tmp_path,
            [("swarm", SwarmServerController(num_rounds=2))],
            SwarmClientController,
            "swarm_*",
            {"site-1": moved(1), "site-2": broken, "site-3": moved(3)},
        )


def test_the_best_model_of_a_swarm_is_handed_to_all(tmp_path: Path) -> None:
    def train(site: str, model: FLModel) -> FLModel:
        seen = float(model.params["w"][0])
        accuracy = -math.pow(seen - 2, 2)
        return FLModel(params={"w": model.params["w"] + 1}, metrics={"accuracy": accuracy})

    class Notes(SwarmClientController):
        best: ClassVar[list[float]] = []

        def handle_event(self, event_type: str, fl_ctx: Any) -> None:
            super().handle_event(event_type, fl_ctx)
            if event_type == "_global_best_model_available" and fl_ctx.get_prop("cwf.client"):
                self.best.append(float(fl_ctx.get_prop("global_model")["weights"]["w"][0]))

    swarm(
        tmp_path,
        [("swarm", SwarmServerController(num_rounds=5))],
        Notes,
        "swarm_*",
        train,
        select=True,
    )

    assert Notes.best == [2.0, 2.0, 2.0]


def test_in_cyclic_transfer_each_site_trains_the_model_of_the_one_before(tmp_path: Path) -> None:
    order: list[str] = []

    def train(site: str, model: FLModel) -> FLModel:
        order.append(site)
        return moved(len(order))(site, model)

    keeps = swarm(
        tmp_path,
        [("cyclic", CyclicServerController(num_rounds=2, starting_client="site-2"))],
        CyclicClientController,
        "cyclic_*",
        train,
    )

    assert order == ["site-2", "site-3", "site-1"] * 2
    for keep in keeps.values():
        np.testing.assert_allclose(keep.saved[-1]["w"], sum(range(1, 7)))


def test_a_random_cycle_is_repeated_by_its_seed_and_never_goes_to_the_same_site_twice(
    tmp_path: Path,
) -> None:
    def run(folder: Path) -> list[str]:
        order: list[str] = []

        def train(site: str, model: FLModel) -> FLModel:
            order.append(site)
            return model

        controller = CyclicServerController(num_rounds=6, cyclic_order="random")
        swarm(folder, [("cyclic", controller)], CyclicClientController, "cyclic_*", train)
        return order

    first = run(tmp_path / "a")

    assert first == run(tmp_path / "b")
    assert all(one != next_ for one, next_ in itertools.pairwise(first))


def measured(folder: Path, work: Train, *, keep: type[Keeps] = Keeps) -> Any:
    """What sites find of one another's models, by who measured and whose it is."""
    controllers = [("cse", CrossSiteEvalServerController())]
    swarm(folder, controllers, CrossSiteEvalClientController, "cse_*", work, keep=keep)
    file = folder / "server/job/cross_site_val/cross_val_results.json"
    return json.loads(file.read_text())


def test_sites_measure_each_others_models_without_the_server(tmp_path: Path) -> None:
    own = {name: number * 10.0 for number, name in enumerate(NAMES)}

    def work(site: str, model: FLModel) -> FLModel:
        if model.params is None:
            return FLModel(params={"w": np.full(3, own[site], np.float32)})
        return FLModel(metrics={"seen": float(model.params["w"][0]) + own[site] / 100})

    found = measured(tmp_path, work)

    assert found["site-2"]["site-3"] == {"seen": pytest.approx(20.1)}
    assert {site: set(models) for site, models in found.items()} == {
        site: set(NAMES) for site in NAMES
    }


def test_models_of_all_are_measured_under_nvflares_name(tmp_path: Path) -> None:
    class Lists(Keeps):
        def get_model_inventory(self, fl_ctx: Any) -> dict[str, Any]:
            return {"best.pt": None}

        def get(self, model_file: str, fl_ctx: Any) -> ModelLearnable:
            return make_model_learnable({"w": np.full(3, 5, np.float32)}, {})

    def work(site: str, model: FLModel) -> FLModel:
        if model.params is None:
            return FLModel(params=dict(ZERO))
        return FLModel(metrics={"seen": float(model.params["w"][0])})

    found = measured(tmp_path, work, keep=Lists)

    assert {site: models["GLOBAL_best.pt"] for site, models in found.items()} == {
        site: {"seen": 5.0} for site in NAMES
    }


def test_one_site_alone_is_no_swarm(tmp_path: Path) -> None:
    with pytest.raises(errors.JobPanicked, match="where there is one site"):
        swarm(
            tmp_path,
            [("swarm", SwarmServerController(num_rounds=2))],
            SwarmClientController,
            "swarm_*",
            moved(1),
            names=("site-1",),
        )
