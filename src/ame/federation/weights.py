"""Weights of initial models: taken from a model, kept in a file, given to a model.

Files are safetensors, so nothing is unpickled.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ame.federation.program import Value, Weights

LONE = ""
"""The name of an array that was given without one."""


def of_torch(model: Any) -> Weights:
    """The state dict of a `torch.nn.Module`, copied to the processor."""
    state = model.state_dict()
    return Weights(
        kind="torch", held={name: each.detach().cpu().clone() for name, each in state.items()}
    )


def of_keras(model: Any) -> Weights | None:
    """The weights of a Keras model in their order; None where it has none, as not built yet."""
    arrays = model.get_weights()
    if not arrays:
        return None
    shape: Value = model.get_build_config()
    held = {str(number): array.copy() for number, array in enumerate(arrays)}
    return Weights(kind="keras", held=held, shape=shape)


def of_arrays(arrays: Any) -> Weights:
    """A NumPy array, or a mapping of names to them, copied."""
    named = arrays if isinstance(arrays, Mapping) else {LONE: arrays}
    return Weights(kind="numpy", held={name: array.copy() for name, array in named.items()})


def give(model: Any, weights: Weights) -> None:
    """Sets the weights of a model that was just made.

    Raises:
        ValueError: (RuntimeError from torch) they do not fit the model.
    """
    arrays = read(weights)
    if weights.kind == "torch":
        model.load_state_dict(arrays)
        return
    if weights.shape is not None and not model.built:
        model.build_from_config(weights.shape)
    model.set_weights([arrays[str(number)] for number in range(len(arrays))])


def read(weights: Weights) -> Mapping[str, Any]:
    """The tensors or arrays by name."""
    if weights.held is not None:
        return weights.held
    if weights.kind == "torch":
        from safetensors.torch import load_file as load_tensors

        tensors: dict[str, Any] = load_tensors(str(weights.file))
        return tensors
    from safetensors.numpy import load_file

    arrays: dict[str, Any] = load_file(str(weights.file))
    return arrays


def write(weights: Weights, file: Path) -> Weights:
    """The same weights, in a file from now on."""
    arrays = dict(read(weights))
    if weights.kind == "torch":
        from safetensors.torch import save_file as save_tensors

        save_tensors({name: each.contiguous() for name, each in arrays.items()}, str(file))
    else:
        import numpy as np
        from safetensors.numpy import save_file

        save_file({name: np.ascontiguousarray(each) for name, each in arrays.items()}, str(file))
    return replace(weights, file=file, held=None)
