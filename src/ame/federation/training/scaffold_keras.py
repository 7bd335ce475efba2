"""SCAFFOLD on a site that trains with Keras.

Karimireddy et al. 2020, "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning",
Algorithm 1, with the second option for the site's own control (line 12).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras  # type: ignore[import-untyped]  # it has no types
import numpy as np

from ame.federation.components.persistors.keras_files import MARK


def get_lr_values(optimizer: Any) -> Any:
    """The rate of an optimizer."""
    return optimizer.learning_rate


class TFScaffoldHelper:
    """Keeps the controls of a site between rounds: one array for each trained variable."""

    def __init__(self) -> None:
        self.cnt = 0
        self.c_global: list[Any] = []
        self.c_local: list[Any] = []
        self.c_delta_para: dict[str, Any] | None = None
        self._names: list[str] = []
        self._others: dict[str, Any] = {}

    def init(self, model: Any) -> None:
        """All controls are zero at first."""
        trained = {id(variable) for variable in model.trainable_variables}
        names = {
            id(variable): f"{layer.name}{MARK}{place}"
            for layer in model.layers
            for place, variable in enumerate(layer.weights)
        }
        self._names = [names[id(variable)] for variable in model.trainable_variables]
        self._others = {
            f"{layer.name}{MARK}{place}": np.zeros(variable.shape, np.float32)
            for layer in model.layers
            for place, variable in enumerate(layer.weights)
            if id(variable) not in trained
        }
        self.c_global = [np.zeros(each.shape, np.float32) for each in model.trainable_variables]
        self.c_local = [each.copy() for each in self.c_global]

    def get_params(self) -> tuple[list[Any], list[Any]]:
        """The controls of all and of the site, at the beginning of a round."""
        self.cnt = 0
        self.c_delta_para = None
        return self.c_global, self.c_local

    def model_update(
        self,
        model: Any,
        curr_lr: Any,
        c_global_para: Sequence[Any],
        c_local_para: Sequence[Any],
    ) -> None:
        """Correct a step of rate `curr_lr`: y ← y - η (c - cᵢ)."""
        rate = float(curr_lr)
        for variable, of_all, own in zip(
            model.trainable_variables, c_global_para, c_local_para, strict=True
        ):
            variable.assign_sub(rate * (of_all - own))
        self.cnt += 1

    def terms_update(
        self,
        model: Any,
        curr_lr: Any,
        c_global_para: Sequence[Any],
        c_local_para: Sequence[Any],
        model_global: Any,
    ) -> None:
        """The site's control after K steps: cᵢ ← cᵢ - c + (x - y) / (K η).

        Raises:
            RuntimeError: no step was corrected in this round.
        """
        if not self.cnt:
            raise RuntimeError("no step was corrected: call model_update after each step")
        scale = 1 / (self.cnt * float(curr_lr))
        changes = [
            scale * (np.asarray(sent) - np.asarray(variable)) - of_all
            for sent, variable, of_all in zip(
                model_global.trainable_variables,
                model.trainable_variables,
                c_global_para,
                strict=True,
            )
        ]
        self.c_local = [own + change for own, change in zip(c_local_para, changes, strict=True)]
        self.c_delta_para = {**self._others, **dict(zip(self._names, changes, strict=True))}

    def load_global_controls(self, weights: Mapping[str, Any]) -> None:
        """Take over the server's controls."""
        self.c_global = [np.asarray(weights[name]) for name in self._names]

    def get_delta_controls(self) -> dict[str, Any]:
        """How the site's control changed, to be sent as `scaffold_c_diff`.

        Raises:
            ValueError: `terms_update` was not called in this round.
        """
        if self.c_delta_para is None:
            raise ValueError("the controls have not changed yet: call terms_update first")
        return self.c_delta_para


class ScaffoldCallback(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Corrects at the end of each epoch."""

    def __init__(self, scaffold_helper: TFScaffoldHelper) -> None:
        super().__init__()
        self.scaffold_helper = scaffold_helper
        self.c_global_para, self.c_local_para = scaffold_helper.get_params()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Correct the epoch as one step."""
        rate = self.model.optimizer.learning_rate
        self.scaffold_helper.model_update(self.model, rate, self.c_global_para, self.c_local_para)
