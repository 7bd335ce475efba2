"""FedProx on a site: the loss that keeps a model near the one that was sent.

Li et al. 2020, "Federated Optimization in Heterogeneous Networks", equation 2: the site minimizes
F(w) + μ/2 ‖w - w_sent‖².
"""

import math
from typing import Any

import torch
from torch.nn.modules.loss import _Loss

from ame.federation.model import FLModel
from ame.federation.spec.names.app import AlgorithmConstants


class PTFedProxLoss(_Loss):
    """μ/2 times the squared distance of two models' parameters, to be added to the loss."""

    def __init__(self, mu: float = 0.01) -> None:
        """`mu`: 0 or more.

        Raises:
            ValueError: it is less.
        """
        super().__init__()
        if mu < 0:
            message = f"mu must be 0 or more, not {mu}"
            raise ValueError(message)
        self.mu = mu

    def forward(self, input: torch.nn.Module, target: torch.nn.Module) -> torch.Tensor:  # noqa: A002 (torch's name)
        """The term, of a model in training and the one that was sent."""
        pairs = zip(input.parameters(), target.parameters(), strict=True)
        total: Any = sum(torch.sum((own - sent.detach()) ** 2) for own, sent in pairs)
        return torch.as_tensor(self.mu / 2 * total)


def get_fedprox_mu(model: FLModel) -> float:
    """The μ that the server told in the model's metadata.

    Raises:
        ValueError: it told none, or one that cannot be.
    """
    mu = (model.meta or {}).get(AlgorithmConstants.FEDPROX_MU)
    if isinstance(mu, bool) or not isinstance(mu, (int, float)) or not 0 < mu < math.inf:
        message = f"the server told no `fedprox_mu` above 0: give FedAvg one (it told {mu!r})"
        raise ValueError(message)
    return float(mu)
