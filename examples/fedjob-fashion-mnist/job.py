"""A CNN on Fashion-MNIST over a hundred sites: `ame fed run job.py -- --rounds 20`."""

import argparse
from pathlib import Path

import torch
from data import SITES, unpack
from net import Net

from ame.federation import FedAvgJob, ScriptRunner

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds

    torch.manual_seed(7)
    images = Path("images").absolute()
    unpack(images)
    job = FedAvgJob(name="fashion", initial_model=Net(), n_clients=SITES, num_rounds=rounds)
    job.to_clients(ScriptRunner(script="client.py", script_args=str(images)))
    job.simulator_run("workspace", n_clients=SITES)
