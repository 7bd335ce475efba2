"""A strategy, made by a function."""

import numpy as np
from flwr.common import Context, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server import ServerApp, ServerAppComponents, ServerConfig
from flwr.server.strategy import FedAvg


class Keeping(FedAvg):
    def aggregate_fit(self, server_round, results, failures):
        parameters, metrics = super().aggregate_fit(server_round, results, failures)
        np.save("model.npy", parameters_to_ndarrays(parameters)[0])
        return parameters, metrics


def evaluate(server_round, parameters, config):
    mean = parameters[0].mean()
    return mean, {"accuracy": 1 - mean, "said": "well"}


def server_fn(context: Context):
    strategy = Keeping(
        initial_parameters=ndarrays_to_parameters([np.zeros(3, np.float64)]), evaluate_fn=evaluate
    )
    config = ServerConfig(num_rounds=int(context.run_config["num-server-rounds"]))
    return ServerAppComponents(strategy=strategy, config=config)


app = ServerApp(server_fn=server_fn)
