"""Ten sites learn to read digits together, and no image leaves its site: `ame fed run job.py`."""

import torch
from data import SITES
from net import Net

from ame.federation import FedAvgJob, ScriptRunner

if __name__ == "__main__":
    torch.manual_seed(7)
    job = FedAvgJob(
        name="digits", initial_model=Net(), n_clients=SITES, num_rounds=40, min_clients=SITES
    )
    job.to_clients(ScriptRunner(script="client.py", script_args="--epochs 5"))
    job.simulator_run("workspace", n_clients=SITES)
