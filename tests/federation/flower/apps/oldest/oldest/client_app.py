"""A NumPyClient, made by a function."""

import numpy as np
from flwr.client import ClientApp, NumPyClient
from flwr.common import Context


class Client(NumPyClient):
    def __init__(self, partition: int) -> None:
        self.partition = partition

    def fit(self, parameters, config):
        return [parameters[0] + self.partition], self.partition + 1, {"place": self.partition}

    def evaluate(self, parameters, config):
        return float(np.sum(parameters[0])), 1, {"accuracy": 0.5}


def client_fn(context: Context):
    return Client(int(context.node_config["partition-id"])).to_client()


app = ClientApp(client_fn=client_fn)
