"""How well the model of the sites does on the 10,000 images that no site has."""

import torch
from data import held_out
from net import Net
from safetensors.torch import load_file

net = Net()
net.load_state_dict(load_file("workspace/models/last.safetensors"))
images, labels = map(torch.from_numpy, held_out("images"))
with torch.no_grad():
    right = (net(images).argmax(1) == labels).float().mean().item()
print(f"{right:.4f} of the held-out images are right")
