"""Federated optimization with an optimizer of Keras.

Reddi et al. 2021, "Adaptive Federated Optimization", Algorithm 2.
"""

from collections.abc import Mapping
from typing import Any

from ame.federation.components.persistors.keras_files import MARK
from ame.federation.model import FLModel
from ame.federation.run.found import component
from ame.federation.workflows.averaging.fedopt import Optimized

_SGD: dict[str, Any] = {
    "path": "tensorflow.keras.optimizers.SGD",
    "args": {"learning_rate": 1.0, "momentum": 0.6},
}
_COSINE: dict[str, Any] = {
    "path": "tensorflow.keras.optimizers.schedules.CosineDecay",
    "args": {"initial_learning_rate": 1.0, "decay_steps": None, "alpha": 0.9},
}


class FedOpt(Optimized):
    """Rounds as of `FedAvg`; then the mean difference, negated, is the gradient of a step.

    The model is that of the `TFModelPersistor`; what it does not train moves by the mean.
    """

    def __init__(
        self,
        *args: Any,
        optimizer_args: dict[str, Any] | None = None,
        lr_scheduler_args: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """The optimizer and what changes its rate.

        Args:
            args: those of `FedAvg`.
            optimizer_args: `{"path": "tensorflow.keras.optimizers.…", "args": {…}}`; SGD with rate
                1 and momentum 0.6 by default.
            lr_scheduler_args: the same of `tensorflow.keras.optimizers.schedules`; a cosine over
                all rounds by default.
            kwargs: those of `FedAvg`.
        """
        super().__init__(*args, **kwargs)
        self.optimizer_args = optimizer_args or _SGD
        self.lr_scheduler_args = lr_scheduler_args or _COSINE
        self._optimizer: Any = None

    def optimized(self, model: FLModel, difference: dict[str, Any]) -> dict[str, Any]:
        """One step of the optimizer."""
        import keras  # type: ignore[import-untyped]  # it has no types

        trained = self._trained()
        if self._optimizer is None:
            schedule: dict[str, Any] = dict(self.lr_scheduler_args.get("args", {}))
            if "decay_steps" in schedule and schedule["decay_steps"] is None:
                schedule["decay_steps"] = self.num_rounds
            rate = self._made(
                {**self.lr_scheduler_args, "args": schedule}, keras.optimizers.schedules
            )
            self._optimizer = self._made(self.optimizer_args, keras.optimizers)
            self._optimizer.learning_rate = rate
            self._optimizer.build(list(trained.values()))
        for key, variable in trained.items():
            variable.assign(model.params[key])
        steps = [
            (-difference[key], variable) for key, variable in trained.items() if key in difference
        ]
        self._optimizer.apply_gradients(steps)
        moved = {key: model.params[key] + move for key, move in difference.items()}
        moved |= {key: variable.numpy() for key, variable in trained.items() if key in difference}
        return {**model.params, **moved}

    def _trained(self) -> dict[str, Any]:
        """The variables that are trained, by the names that sites know them by."""
        from ame.federation.components.persistors.keras_files import TFModelPersistor

        model = component(self.engine, self._persistor_id, TFModelPersistor).model
        trained = {id(variable) for variable in model.trainable_variables}
        return {
            f"{layer.name}{MARK}{place}": variable
            for layer in model.layers
            for place, variable in enumerate(layer.weights)
            if id(variable) in trained
        }

    def _made(self, config: Mapping[str, Any], home: Any) -> Any:
        path = str(config.get("path") or config.get("class_path") or "")
        found = getattr(home, path.rpartition(".")[2], None)
        if "keras.optimizers" in path and isinstance(found, type):
            return found(**(config.get("args") or {}))
        return self.build_component(dict(config))
