"""Jobs of this process that are led as runs: a server over sites in memory, under a recorder."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ame.federation import results
from ame.federation.exchange.watcher import Watched, Watcher
from ame.federation.model import FLModel
from ame.federation.run.server import Server, ServerParts
from ame.federation.workflows.averaging.fedavg import FedAvg
from parts.federated import Keeps, Train, Trains, join

ZERO = {"w": np.zeros((2, 3), np.float32)}


def job(
    trains: Mapping[str, Train], folder: Path, *, rounds: int = 3, min_clients: int = 1
) -> results.Work:
    """Federated averaging over these sites."""

    def work(watcher: Watcher, workspace: Path) -> None:
        memory, _ = join(workspace, {site: [(("train",), Trains(t))] for site, t in trains.items()})
        controller = FedAvg(num_clients=len(trains), num_rounds=rounds)
        server = Server(
            ServerParts(
                workflows=[("controller", controller)],
                components={"persistor": Keeps(ZERO)},
            ),
            Watched(memory, watcher),
            job="simulate_job",
            root=workspace / "server",
            min_clients=min_clients,
            watcher=watcher,
        )
        server.run()

    return work


def learns(start: float) -> Train:
    """A site whose accuracy grows from round to round."""

    def train(site: str, model: FLModel) -> FLModel:
        number = model.current_round or 0
        params = {key: np.asarray(each) + np.float32(1) for key, each in model.params.items()}
        metrics = {"accuracy": start + 0.1 * number, "loss": 1 / (1 + number + start)}
        return FLModel(params=params, metrics=metrics, meta={"NUM_STEPS_CURRENT_ROUND": 10})

    return train
