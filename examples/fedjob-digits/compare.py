"""The model of the sites beside the same model trained on all of their images in one place.

Both are the best of their rounds by the images to choose by, and judged once, by those of the test.
"""

import copy

import torch
from data import all_digits, test_digits
from net import Net
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

images, others, labels, truth = map(torch.from_numpy, all_digits())
test = tuple(map(torch.from_numpy, test_digits()))


def accuracy(net, images, labels):
    with torch.no_grad():
        return (net(images).argmax(1) == labels).float().mean().item()


federated = Net()
federated.load_state_dict(load_file("workspace/models/best.safetensors"))

torch.manual_seed(7)
central = Net()
optimizer = torch.optim.SGD(central.parameters(), lr=0.05, momentum=0.9)
best, chosen = 0.0, central.state_dict()
for _ in range(20):
    for some in torch.randperm(len(images)).split(16):
        optimizer.zero_grad()
        cross_entropy(central(images[some]), labels[some]).backward()
        optimizer.step()
    if (reached := accuracy(central, others, truth)) > best:
        best, chosen = reached, copy.deepcopy(central.state_dict())
central.load_state_dict(chosen)

print(f"federated {accuracy(federated, *test):.4f}")
print(f"central   {accuracy(central, *test):.4f}")
