"""FedProx on a site that trains with Keras.

Li et al. 2020, "Federated Optimization in Heterogeneous Networks", equation 2.
"""

from collections.abc import Sequence
from typing import Any

import keras  # type: ignore[import-untyped]  # it has no types


class TFFedProxLoss(keras.losses.Loss):  # type: ignore[misc]  # the same
    """A loss, plus μ/2 times the squared distance of the weights to those that were sent."""

    def __init__(
        self,
        local_model_weights: Sequence[Any],
        global_model_weights: Sequence[Any],
        mu: float,
        loss_fun: Any,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.local_model_weights = local_model_weights
        self.global_model_weights = global_model_weights
        self.mu = mu
        self.loss_fun = loss_fun

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Both terms."""
        pairs = zip(self.local_model_weights, self.global_model_weights, strict=True)
        squares = [keras.ops.sum(keras.ops.square(own - sent)) for own, sent in pairs]
        return self.loss_fun(y_true, y_pred) + self.mu / 2 * sum(squares)
