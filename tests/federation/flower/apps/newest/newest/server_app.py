"""Averages, and keeps what came of it beside it."""

import json
import time
from pathlib import Path

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

app = ServerApp()
waits = {"for": ""}
"""The file for which an evaluation waits."""


@app.main()
def main(grid: Grid, context: Context) -> None:
    nodes = list(grid.get_node_ids())
    asked = [Message(RecordDict(), node, "query.place") for node in nodes]
    waits["for"] = str(context.run_config["waits"])
    places = [reply.content["told"]["partition"] for reply in grid.send_and_receive(asked)]
    size = int(context.run_config["size"])
    strategy = FedAvg(fraction_train=1.0, min_available_nodes=len(nodes))
    result = strategy.start(
        grid=grid,
        initial_arrays=ArrayRecord([np.zeros(size, np.float32)]),
        num_rounds=int(context.run_config["num-server-rounds"]),
        evaluate_fn=evaluate,
    )
    (model,) = result.arrays.to_numpy_ndarrays()
    np.save("model.npy", model)
    metrics = {str(at): dict(each) for at, each in result.train_metrics_clientapp.items()}
    Path("result.json").write_text(json.dumps({"places": places, "metrics": metrics}))


def evaluate(server_round: int, arrays: ArrayRecord) -> MetricRecord:
    (model,) = arrays.to_numpy_ndarrays()
    while waits["for"] and server_round and not Path(waits["for"]).exists():
        time.sleep(0.05)
    return MetricRecord({"mean": float(model.mean()), "round": server_round})
