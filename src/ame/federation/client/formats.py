"""Parameters in the form of a framework, and in the form in which they travel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.model import ExchangeFormat

if TYPE_CHECKING:
    from ame.federation.client.channel import Exchange

SEPARATOR = "_nvf_"
"""Between a Keras layer's name and the number of one of its arrays, as FLARE writes it."""

_log = logging.getLogger("ame.federation.client")


class Formats:
    """Brings parameters into a script's form and back, without copies where memory can be shared.

    What the script's form has and the travelling one has not (values of a state dict that are no
    tensors) stays here, and is put back into the next model.
    """

    def __init__(self, exchange: Exchange) -> None:
        """Chooses the two ways.

        Raises:
            errors.ParamsUnfit: there is no way between the two forms.

        """
        self._left: dict[str, object] = {}
        travelling, own = exchange.server_format, exchange.format
        ways: dict[tuple[ExchangeFormat, ExchangeFormat], tuple[_Way, _Way]] = {
            (ExchangeFormat.NUMPY, ExchangeFormat.PYTORCH): (self._to_torch, self._from_torch),
            (ExchangeFormat.NUMPY, ExchangeFormat.KERAS_LAYER_WEIGHTS): (
                layers_of,
                arrays_of_layers,
            ),
        }
        if travelling == own or ExchangeFormat.RAW in {travelling, own}:
            self._ways: tuple[_Way, _Way] = (_pass, _pass)
        elif (travelling, own) in ways:
            self._ways = ways[travelling, own]
        else:
            raise errors.ParamsUnfit(
                None,
                f"there is no way between `{travelling.value}` and `{own.value}`; "
                "use `numpy` for one",
            )

    def to_script(self, params: Any) -> Any:
        """What arrived, in the script's form. `None` stays None."""
        return None if params is None else self._ways[0](params)

    def from_script(self, params: Any) -> Any:
        """What the script gave, in the form in which it travels. `None` stays None.

        Raises:
            errors.ParamsUnfit: it is not what the form says.

        """
        return None if params is None else self._ways[1](params)

    def _to_torch(self, params: Any) -> dict[str, Any]:
        import numpy as np
        import torch

        made: dict[str, Any] = {}
        for key, value in _named(params, "PyTorch").items():
            try:
                writable = isinstance(value, np.ndarray) and value.flags.writeable
                made[key] = torch.as_tensor(value) if writable else torch.tensor(value)
            except (TypeError, ValueError, RuntimeError) as error:
                raise errors.ParamsUnfit(key, f"it makes no tensor: {error}") from error
        return made | self._left

    def _from_torch(self, params: Any) -> dict[str, Any]:
        import numpy as np
        import torch

        made: dict[str, Any] = {}
        self._left = {}
        for key, value in _named(params, "PyTorch").items():
            if isinstance(value, torch.Tensor):
                made[key] = _array(key, value)
            elif isinstance(value, np.ndarray | np.generic | int | float):
                made[key] = value
            else:
                self._left[key] = value
        if self._left:
            names = ", ".join(f"`{name}`" for name in self._left)
            _log.warning("not sent, being no tensors: %s", names)
        return made


_Way = Callable[[Any], Any]


def layers_of(params: Any) -> dict[str, list[Any]]:
    """Arrays by the names of Keras layers, in the order of each layer's weights."""
    numbered: dict[str, dict[int, Any]] = {}
    for key, value in _named(params, "Keras").items():
        layer, mark, number = key.rpartition(SEPARATOR)
        if not mark or not number.isdecimal():
            raise errors.ParamsUnfit(
                key, f"a Keras layer's weight is named LAYER{SEPARATOR}NUMBER when it travels"
            )
        numbered.setdefault(layer, {})[int(number)] = value
    return {layer: [arrays[i] for i in sorted(arrays)] for layer, arrays in numbered.items()}


def arrays_of_layers(params: Any) -> dict[str, Any]:
    """The arrays of Keras layers, each under a name of its own. Layers without any are left out."""
    made: dict[str, Any] = {}
    for layer, arrays in _named(params, "Keras").items():
        if not isinstance(arrays, list | tuple):
            raise errors.ParamsUnfit(layer, "a Keras layer's weights are a list of arrays")
        made |= {f"{layer}{SEPARATOR}{i}": array for i, array in enumerate(arrays)}
    return made


def difference(origin: Any, model: Any) -> dict[str, Any]:
    """`model` less `origin`, name by name; names that `model` lacks are left out.

    Raises:
        errors.NoDifference: a name was not received, a shape is another, or it cannot be
            subtracted.

    """
    if not isinstance(origin, Mapping) or not isinstance(model, Mapping):
        raise errors.NoDifference(None, "parameters are not named")
    if not model:
        raise errors.NoDifference(None, "it has no parameters")
    return {key: _less(key, value, origin.get(key)) for key, value in model.items()}


def _less(key: str, new: Any, old: Any) -> Any:
    if old is None:
        raise errors.NoDifference(key, "it was not received")
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return [_less(key, one, other) for one, other in zip(new, old, strict=True)]
    shapes = getattr(new, "shape", ()), getattr(old, "shape", ())
    if shapes[0] != shapes[1]:
        raise errors.NoDifference(key, f"its shape is {shapes[0]}, and was {shapes[1]}")
    try:
        return new - old
    except (TypeError, RuntimeError) as error:
        raise errors.NoDifference(key, str(error)) from error


def _pass(params: Any) -> Any:
    return params


def _named(params: Any, form: str) -> Mapping[str, Any]:
    if not isinstance(params, Mapping):
        raise errors.ParamsUnfit(
            None, f"{form} parameters are named (a dict), not {type(params).__name__}"
        )
    return params


def _array(key: str, tensor: Any) -> Any:
    try:
        return tensor.detach().cpu().resolve_conj().resolve_neg().numpy()
    except (TypeError, RuntimeError) as error:
        raise errors.ParamsUnfit(
            key,
            f"NumPy has no form for it ({tensor.dtype}, {tensor.layout}): convert it, "
            "or let tensors travel with `server_expected_format=ExchangeFormat.PYTORCH`",
        ) from error
