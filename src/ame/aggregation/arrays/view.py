"""Arrays of any framework, seen as NumPy arrays without a copy where that is possible.

No framework is imported here: a value can only be a tensor of one that is imported already.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ame import errors

Array: TypeAlias = object
"""A NumPy array, a tensor of PyTorch or TensorFlow, a `View`, a number, or nested lists of them."""

Arrays: TypeAlias = Mapping[str, Array]
"""Arrays by name: a model's parameters, the difference of two models, metrics."""

Numbers: TypeAlias = npt.NDArray[Any]

Kind: TypeAlias = Literal["numpy", "torch", "tensorflow", "view"]
"""Whose array it is. `view`: that of a file, which no framework owns."""

FLOATS = frozenset(("bfloat16", "float16", "float32", "float64"))
_OTHERS = ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
DTYPES = frozenset((*FLOATS, *_OTHERS))
_NAMES = {np.dtype(name): name for name in DTYPES - {"bfloat16"}}
"""NumPy takes longer to tell a type's name than to add a thousand numbers."""


@dataclass(frozen=True, slots=True)
class View:
    """An array as its numbers in a row, in C order, and what they are."""

    flat: Numbers
    """Contiguous and one-dimensional. Of `bfloat16`, which NumPy lacks: its bits, as `uint16`."""
    dtype: str
    """NumPy's name of it, or `bfloat16`."""
    shape: tuple[int, ...]

    @property
    def floating(self) -> bool:
        """Whether it holds fractions; others are counters, indices and masks."""
        return self.dtype in FLOATS


def kind_of(value: Array) -> Kind:
    """Whose array `value` is; a number and a list are NumPy's."""
    if isinstance(value, View):
        return "view"
    if isinstance(value, np.ndarray):
        return "numpy"
    if _is(value, "torch", "Tensor"):
        return "torch"
    if _is(value, "tensorflow", "Tensor", "Variable"):
        return "tensorflow"
    if _is(value, "keras", "Variable"):
        return kind_of(value.value)  # type: ignore[attr-defined]  # a Keras variable has it
    return "numpy"


def view(value: Array) -> View:
    """`value` as a `View`: of the same memory where it is contiguous and on the CPU.

    Raises:
        errors.ArrayUnsupported: it is ragged, or holds no real numbers.
    """
    if isinstance(value, View):
        return value
    if not isinstance(value, np.ndarray):
        if _is(value, "torch", "Tensor"):
            return _torch_view(value)
        if _is(value, "keras", "Variable"):
            return view(value.value)  # type: ignore[attr-defined]  # a Keras variable has it
        value = _tensorflow_array(value) if kind_of(value) == "tensorflow" else _array(value)
    dtype = _NAMES.get(value.dtype) or value.dtype.name
    if dtype not in DTYPES:
        raise errors.ArrayUnsupported(f"holds {dtype}")
    if dtype == "bfloat16":
        value = np.ascontiguousarray(value).view(np.uint16)
    elif not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    shape = value.shape
    return View(np.ascontiguousarray(value).reshape(-1), dtype, shape)


def given_back(made: View, kind: Kind) -> Array:
    """The array in the kind that the model's is, on the CPU, of the same memory.

    `bfloat16` for NumPy has the type of the package `ml_dtypes`; without that it stays a `View`.
    """
    shaped = made.flat.reshape(made.shape)
    wide = made.dtype != "bfloat16"
    match kind:
        case "view":
            return made
        case "torch":
            torch = _module("torch")
            tensor = torch.from_numpy(shaped)
            return tensor if wide else tensor.view(torch.bfloat16)
        case "tensorflow":
            tensorflow = _module("tensorflow")
            if wide:
                return tensorflow.constant(shaped)
            return tensorflow.bitcast(tensorflow.constant(shaped), tensorflow.bfloat16)
        case "numpy":
            if wide:
                return shaped
            types = _module("ml_dtypes")
            return made if types is None else shaped.view(types.bfloat16)


def _module(name: str) -> Any:  # noqa: ANN401  # what another package offers, if it is there
    return sys.modules.get(name)


def _is(value: Array, module: str, *names: str) -> bool:
    """Whether it is an instance of one of the classes of a module, if that is imported."""
    owner = sys.modules.get(module)
    if owner is None:
        return False
    return isinstance(value, tuple(t for name in names if (t := getattr(owner, name, None))))


def _array(value: Array) -> Numbers:
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise errors.ArrayUnsupported(f"is no array ({error})") from None


def _torch_view(value: Any) -> View:  # noqa: ANN401  # a tensor, whose package may be absent
    torch = _module("torch")
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype not in DTYPES or value.layout != torch.strided:
        raise errors.ArrayUnsupported(f"holds {dtype}, {value.layout}")
    shape = tuple(value.shape)
    tensor = value.detach().cpu().contiguous()
    if dtype == "bfloat16":
        tensor = tensor.view(torch.uint16)
    return View(tensor.resolve_neg().numpy().reshape(-1), dtype, shape)


def _tensorflow_array(value: Any) -> Numbers:  # noqa: ANN401  # a tensor, as above
    try:
        if hasattr(value, "read_value"):  # a variable
            value = value.read_value()
        if value.dtype.name != "bfloat16":
            return np.asarray(memoryview(value))
        return np.asarray(value.numpy())
    except (AttributeError, NotImplementedError, TypeError) as error:
        raise errors.ArrayUnsupported(f"has no values yet ({error})") from None
