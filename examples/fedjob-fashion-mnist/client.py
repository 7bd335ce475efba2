"""What each of the hundred sites does."""

import sys

import torch
from data import of_site
from net import Net
from torch.nn.functional import cross_entropy

import ame.federation.client as flare

flare.init()
images, labels = map(torch.from_numpy, of_site(sys.argv[1], flare.get_site_name()))
net = Net()

while flare.is_running():
    received = flare.receive()
    net.load_state_dict(received.params)
    with torch.no_grad():
        accuracy = (net(images).argmax(1) == labels).float().mean().item()

    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for some in torch.randperm(len(images)).split(32):
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
