"""What must be known of torch, Keras and NumPy to take their objects into a job.

None of them is imported here: an object of a framework exists only where that was imported.
"""

import json
import random
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from ame.federation import weights
from ame.federation.program import Weights


def is_torch_model(obj: object) -> bool:
    """Whether it is a `torch.nn.Module`."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(obj, torch.nn.Module)


def is_keras_layer(obj: object) -> bool:
    """Whether it is a Keras layer; models are."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(obj, keras.Layer)


def is_keras_model(obj: object) -> bool:
    """Whether it is a `keras.Model`."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(obj, keras.Model)


def is_built_in_model(obj: object) -> bool:
    """Whether it is a model of a framework's own class, put together from parts."""
    if is_torch_model(obj):
        return type(obj).__module__.startswith(("torch.nn.", "transformers."))
    return is_keras_model(obj) and type(obj).__module__.startswith("keras.")


def transformers_config(obj: object) -> dict[str, Any] | None:
    """What a configuration of transformers says beside its defaults; None of anything else."""
    transformers = sys.modules.get("transformers")
    if transformers is None or not isinstance(obj, transformers.PreTrainedConfig):
        return None
    said: dict[str, Any] = json.loads(obj.to_json_string(use_diff=True))
    return {name: value for name, value in said.items() if name not in _LIBRARY}


def is_array(obj: object) -> bool:
    """Whether it is an array of NumPy or a tensor of torch."""
    return any(
        module in sys.modules and isinstance(obj, getattr(sys.modules[module], name))
        for module, name in (("numpy", "ndarray"), ("torch", "Tensor"))
    )


def is_parameter(value: object) -> bool:
    """Whether it is what torch keeps for a weight that a layer has, or has not."""
    return value is None or ("torch" in sys.modules and is_array(value))


def is_scalar(obj: object) -> bool:
    """Whether it is a number of NumPy's."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(obj, numpy.generic)


def equal_arrays(one: Any, other: Any) -> bool:
    """Whether two arrays hold the same; of a tensor on no device only the shape is known."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return getattr(other, "is_meta", False) or bool((one == other).all())


def is_device(obj: object) -> bool:
    """Whether it says where tensors of torch are; of an object made on no device, nowhere."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(obj, torch.device)


def weights_of(obj: object) -> Weights | None:
    """The weights of a model; None of anything else, and of a model without any."""
    if is_torch_model(obj):
        return weights.of_torch(obj)
    return weights.of_keras(obj) if is_keras_model(obj) else None


@contextmanager
def undisturbed() -> Iterator[None]:
    """Whatever random numbers are drawn here, those drawn afterwards are as if they were not."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    state = random.getstate()
    numpy_state = numpy.random.get_state() if numpy else None
    torch_state = torch.get_rng_state() if torch else None
    try:
        yield
    finally:
        random.setstate(state)
        if numpy:
            numpy.random.set_state(numpy_state)
        if torch:
            torch.set_rng_state(torch_state)


def on_no_device(obj: object) -> AbstractContextManager[Any]:
    """Where a torch model can be made without memory for its weights."""
    if not is_torch_model(obj):
        return nullcontext()
    device: AbstractContextManager[Any] = sys.modules["torch"].device("meta")
    return device


def torch_difference(one: Any, other: Any, place: str) -> str:
    """Where two torch models have other layers."""
    for (name, mine), (other_name, its) in zip(
        one.named_modules(), other.named_modules(), strict=False
    ):
        if name != other_name or type(mine) is not type(its):
            return name or place
        if mine.extra_repr() != its.extra_repr():
            return f"{name or place} ({mine.extra_repr()}; then {its.extra_repr()})"
    return _shapes(_torch_shapes(one), _torch_shapes(other))


def _torch_shapes(model: Any) -> dict[str, object]:
    return {name: tuple(each.shape) for name, each in model.state_dict().items()}


def keras_difference(one: Any, other: Any, place: str) -> str:
    """Where two Keras models have other layers."""
    mine, its = list(keras_layers(one)), list(keras_layers(other))
    if [type(layer) for layer in mine] != [type(layer) for layer in its]:
        return place
    for layer, then in zip(mine, its, strict=True):
        if _keras_config(layer) != _keras_config(then):
            return str(layer.name)
    return ""


def keras_layers(model: Any) -> Iterator[Any]:
    """The layers of a Keras model, those of the models in it too."""
    for layer in getattr(model, "layers", ()):
        yield layer
        yield from keras_layers(layer)


def _keras_config(layer: Any) -> object:
    try:
        config = layer.get_config()
    except NotImplementedError:
        return None
    return {name: value for name, value in config.items() if name != "name"}


def _shapes(one: dict[str, object], other: dict[str, object]) -> str:
    for name in {**one, **other}:
        if one.get(name) != other.get(name):
            return f"`{name}` ({one.get(name)}; then {other.get(name)})"
    return ""


def hidden_attributes(obj: object) -> frozenset[str]:
    """Attributes that a framework keeps for itself."""
    return _TORCH if is_torch_model(obj) else frozenset()


_TORCH = frozenset({"_modules", "_parameters", "_buffers", "_is_hf_initialized"})
_LIBRARY = frozenset({"architectures", "model_type", "transformers_version"})
"""What transformers notes of itself in a configuration."""
