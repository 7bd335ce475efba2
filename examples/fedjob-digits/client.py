"""What each site does: takes the model, measures it, trains it on its own images, sends it back."""

import argparse

import torch
from data import all_digits, of_site
from net import Net
from torch.nn.functional import cross_entropy

import ame.federation.client as flare

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=5)
epochs = parser.parse_args().epochs

flare.init()
images, labels = map(torch.from_numpy, of_site(flare.get_site_name()))
_, others, _, truth = map(torch.from_numpy, all_digits())
net = Net()

while flare.is_running():
    received = flare.receive()
    net.load_state_dict(received.params)
    with torch.no_grad():
        accuracy = (net(others).argmax(1) == truth).float().mean().item()

    # The sites differ: steps that become smaller bring their models together.
    rate = 0.1 * 0.93**received.current_round
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9)
    for _ in range(epochs):
        for some in torch.randperm(len(images)).split(16):
            optimizer.zero_grad()
            loss = cross_entropy(net(images[some]), labels[some])
            loss.backward()
            optimizer.step()

    flare.send(
        flare.FLModel(
            params=net.state_dict(),
            metrics={"accuracy": accuracy, "loss": loss.item()},
            meta={"NUM_STEPS_CURRENT_ROUND": len(images)},
        )
    )
