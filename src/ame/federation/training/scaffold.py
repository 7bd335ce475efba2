"""SCAFFOLD on a site: each step is corrected by the controls of all sites and its own.

Karimireddy et al. 2020, "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning",
Algorithm 1, with the second option for the site's own control (line 12).
"""

from collections.abc import Mapping
from typing import Any

import torch

Controls = dict[str, torch.Tensor]


def get_lr_values(optimizer: torch.optim.Optimizer) -> list[float]:
    """The rates of an optimizer."""
    return [float(group["lr"]) for group in optimizer.param_groups]


class PTScaffoldHelper:
    """Keeps the controls of a site between rounds.

    In each round: `load_global_controls` with the server's, `get_params`, `model_update` after each
    step of the optimizer, `terms_update` at the end, `get_delta_controls` to be sent.
    """

    def __init__(self) -> None:
        self.cnt = 0
        self.c_global: Controls = {}
        self.c_local: Controls = {}
        self.c_delta_para: dict[str, Any] | None = None

    def init(self, model: torch.nn.Module) -> None:
        """All controls are zero at first."""
        zero = {key: torch.zeros_like(each) for key, each in model.state_dict().items()}
        self.c_global = dict(zero)
        self.c_local = dict(zero)

    def get_params(self) -> tuple[Controls, Controls]:
        """The controls of all and of the site, at the beginning of a round."""
        self.cnt = 0
        self.c_delta_para = None
        return self.c_global, self.c_local

    def model_update(
        self,
        model: torch.nn.Module,
        curr_lr: float,
        c_global_para: Mapping[str, torch.Tensor],
        c_local_para: Mapping[str, torch.Tensor],
    ) -> None:
        """Correct a step of rate `curr_lr`: y ← y - η (c - cᵢ)."""
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if parameter.requires_grad:
                    correction = c_global_para[key] - c_local_para[key]
                    parameter.sub_(correction.to(parameter), alpha=curr_lr)
        self.cnt += 1

    def terms_update(
        self,
        model: torch.nn.Module,
        curr_lr: float,
        c_global_para: Mapping[str, torch.Tensor],
        c_local_para: Mapping[str, torch.Tensor],
        model_global: torch.nn.Module,
    ) -> None:
        """The site's control after K steps: cᵢ ← cᵢ - c + (x - y) / (K η).

        Raises:
            RuntimeError: no step was corrected in this round.
        """
        if not self.cnt:
            raise RuntimeError("no step was corrected: call model_update after each step")
        sent = dict(model_global.named_parameters())
        changes: dict[str, Any] = {
            key: torch.zeros_like(each).cpu().numpy() for key, each in self.c_local.items()
        }
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if not parameter.requires_grad:
                    continue
                moved = (sent[key].to(parameter) - parameter) / (self.cnt * curr_lr)
                change = moved - c_global_para[key].to(parameter)
                self.c_local[key] = (c_local_para[key].to(parameter) + change).cpu()
                changes[key] = change.float().cpu().numpy()
        self.c_delta_para = changes

    def load_global_controls(self, weights: Mapping[str, Any]) -> None:
        """Take over the server's controls.

        Raises:
            RuntimeError: they are of another model.
        """
        unknown = [key for key in weights if key not in self.c_global]
        if unknown:
            message = f"the server has a control `{unknown[0]}`, which the model has not"
            raise RuntimeError(message)
        for key, each in weights.items():
            self.c_global[key] = torch.as_tensor(each).to(self.c_global[key])

    def get_delta_controls(self) -> dict[str, Any]:
        """How the site's control changed, to be sent as `scaffold_c_diff`.

        Raises:
            ValueError: `terms_update` was not called in this round.
        """
        if self.c_delta_para is None:
            raise ValueError("the controls have not changed yet: call terms_update first")
        return self.c_delta_para
