"""Federated jobs of this process: a server over sites in memory."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ame.federation.conversion import FLModelUtils
from ame.federation.exchange.watcher import Watcher
from ame.federation.model import FLModel
from ame.federation.run.chains import Chain
from ame.federation.run.memory import LiveSites
from ame.federation.run.server import Server, ServerParts
from ame.federation.run.site import Site, SiteParts
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.executor import Executor
from ame.federation.spec.learnable import ModelLearnable, ModelPersistor, make_model_learnable
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Signal

Train = Callable[[str, FLModel], FLModel]


class Trains(Executor):
    """Calls a function with its site's name and the model."""

    def __init__(self, train: Train) -> None:
        super().__init__()
        self.train = train

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        model = FLModelUtils.from_shareable(shareable)
        return FLModelUtils.to_shareable(self.train(fl_ctx.get_identity_name(), model))


class Keeps(ModelPersistor):
    """Begins with weights, and keeps what it is given."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        super().__init__()
        self.weights = weights
        self.saved: list[dict[str, Any]] = []

    def load_model(self, fl_ctx: FLContext) -> ModelLearnable:
        return make_model_learnable(dict(self.weights), {})

    def save_model(self, model: ModelLearnable, fl_ctx: FLContext) -> None:
        self.saved.append(dict(model["weights"]))


def join(
    folder: Path,
    executors: Mapping[str, Sequence[tuple[Sequence[str], Executor]]],
    *,
    components: Mapping[str, Mapping[str, Any]] | None = None,
    data: Chain | None = None,
    results: Chain | None = None,
) -> tuple[LiveSites, dict[str, Site]]:
    """Sites of this process, by name."""
    live = LiveSites()
    made = {}
    for name, routes in executors.items():
        parts = SiteParts(
            executors=routes,
            components=(components or {}).get(name, {}),
            task_data_filters=data or Chain(),
            task_result_filters=results or Chain(),
        )
        made[name] = Site(parts, name=name, job="job", root=folder / name, sites=tuple(executors))
        live.add(made[name])
    live.begin()
    return live, made


def run(
    controller: Controller | Sequence[tuple[str, Controller]],
    folder: Path,
    train: Train | Mapping[str, Train],
    *,
    names: Sequence[str] = ("site-1", "site-2"),
    components: Mapping[str, Any] | None = None,
    min_clients: int = 1,
    seed: int = 0,
    data: Chain | None = None,
    results: Chain | None = None,
    site_data: Chain | None = None,
    site_results: Chain | None = None,
    watcher: Watcher | None = None,
    task: str = "train",
) -> Server:
    """Run a job whose sites train by a function each, and return its server."""
    trains = train if isinstance(train, Mapping) else dict.fromkeys(names, train)
    live, _ = join(
        folder,
        {name: [((task,), Trains(each))] for name, each in trains.items()},
        data=site_data,
        results=site_results,
    )
    workflows = [("controller", controller)] if isinstance(controller, Controller) else controller
    server = Server(
        ServerParts(
            workflows=workflows,
            components=components or {},
            task_data_filters=data or Chain(),
            task_result_filters=results or Chain(),
        ),
        live,
        job="job",
        root=folder / "server",
        min_clients=min_clients,
        seed=seed,
        watcher=watcher,
    )
    server.run()
    return server


def moved(by: float, **meta: Any) -> Train:
    """Trains by adding a number to every parameter."""

    def train(site: str, model: FLModel) -> FLModel:
        params = {key: np.asarray(each) + np.float32(by) for key, each in model.params.items()}
        return FLModel(params=params, meta=dict(meta))

    return train
