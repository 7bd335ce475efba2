"""No-op FedAvg in Flower's simulation. Usage: flower_federation.py SITES SIZE ROUNDS FOLDER

Prints when each round was done, in seconds since this program began.
"""

import time

BEGAN = time.perf_counter()

import json  # noqa: E402 (the imports are part of what is timed)
import logging  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterable  # noqa: E402

# On a busy machine Ray would give up its own start, or take its processes for dead.
os.environ |= {
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_worker_register_timeout_seconds": "300",
    "RAY_gcs_server_request_timeout_seconds": "300",
    "RAY_health_check_timeout_ms": "300000",
    "RAY_USAGE_STATS_ENABLED": "0",
}

import numpy as np  # noqa: E402
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict  # noqa: E402
from flwr.clientapp import ClientApp  # noqa: E402
from flwr.serverapp import Grid, ServerApp  # noqa: E402
from flwr.serverapp.strategy import FedAvg  # noqa: E402
from flwr.simulation import run_simulation  # noqa: E402

sites, size, rounds = map(int, sys.argv[1:4])
logging.getLogger("flwr").setLevel(logging.ERROR)
client = ClientApp()
server = ServerApp()
done: list[float] = []


@client.train()
def train(message: Message, _: Context) -> Message:
    content = RecordDict(
        {"arrays": message.content["arrays"], "metrics": MetricRecord({"num-examples": 1})}
    )
    return Message(content=content, reply_to=message)


class Timed(FedAvg):
    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        found = super().aggregate_train(server_round, replies)
        done.append(time.perf_counter() - BEGAN)
        return found


@server.main()
def main(grid: Grid, _: Context) -> None:
    strategy = Timed(
        fraction_train=1.0, fraction_evaluate=0.0, min_train_nodes=sites, min_available_nodes=sites
    )
    model = ArrayRecord([np.linspace(-1, 1, size, dtype=np.float32)])
    strategy.start(grid, model, num_rounds=rounds)


run_simulation(server, client, num_supernodes=sites)
print(json.dumps(done))
