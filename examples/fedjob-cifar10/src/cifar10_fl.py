"""Trains on images in the form of CIFAR-10: those at `--data_path`, else made-up ones."""

import argparse
from pathlib import Path

import torch
from src.net import Net
from torch.nn.functional import cross_entropy

import ame.federation.client as flare

parser = argparse.ArgumentParser()
parser.add_argument("--batch_size", type=int, default=32)
parser.add_argument("--data_path", type=Path)
arguments, _ = parser.parse_known_args()

flare.init()
if arguments.data_path and arguments.data_path.is_dir():
    images = torch.load(arguments.data_path / "images.pt", weights_only=True)
    labels = torch.load(arguments.data_path / "labels.pt", weights_only=True)
else:
    labels = torch.arange(128) % 10
    images = torch.randn(128, 3, 32, 32) + labels.float().view(-1, 1, 1, 1) / 5
net = Net()

while flare.is_running():
    received = flare.receive()
    net.load_state_dict(received.params)
    with torch.no_grad():
        accuracy = (net(images).argmax(1) == labels).float().mean().item()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    for some in torch.randperm(len(images)).split(arguments.batch_size):
        optimizer.zero_grad()
        cross_entropy(net(images[some]), labels[some]).backward()
        optimizer.step()
    flare.send(flare.FLModel(params=net.state_dict(), metrics={"accuracy": accuracy}))
