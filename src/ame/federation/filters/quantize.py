"""Fewer bits on the way: numbers are made smaller by the sender, and larger again by the receiver.

`float16` halves float32; `blockwise8` keeps a byte for each number and a scale for each block of
4,096: Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization", with linear steps.
"""

from typing import Any

import numpy as np

from ame import aggregation, errors
from ame.federation.filters.variables import WEIGHTS
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, MetaKey
from ame.federation.spec.filter import DXOFilter
from ame.federation.spec.names.keys import QUANTIZED
from ame.federation.spec.shareable import Shareable

BLOCK = 4096
_STATE = "quant_state"
_SOURCE = "source_datatype"
_KINDS = ("float16", "blockwise8")
_WIDE = ("float32", "float64", "bfloat16")


class ModelQuantizer(DXOFilter):
    """Makes floating numbers smaller, and says in the metadata how they were."""

    def __init__(self, quantization_type: str = "float16") -> None:
        """`quantization_type`: `float16` or `blockwise8`.

        Raises:
            errors.JobInvalid (ValueError): it is neither.
        """
        super().__init__(list(WEIGHTS), list(WEIGHTS))
        kind = quantization_type.lower()
        if kind not in _KINDS:
            raise errors.JobInvalid(
                f"`quantization_type` is {quantization_type!r}; give one of {', '.join(_KINDS)}"
            )
        self.quantization_type = quantization_type
        self._kind = kind

    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO | None:
        """The DXO with smaller numbers; as it is if they are small already."""
        if dxo.get_meta_prop(QUANTIZED):
            return None
        made, state, source = dict(dxo.data), {}, {}
        for key, each in dxo.data.items():
            dtype = aggregation.Slot.of(each).dtype
            if dtype not in _WIDE:
                continue
            source[key] = dtype
            numbers = _numbers(each)
            if self._kind == "float16":
                most = float(np.finfo(np.float16).max)
                made[key] = np.clip(numbers, -most, most).astype(np.float16)
            else:
                made[key], state[key] = _to_bytes(numbers)
        meta = {
            **dxo.meta,
            MetaKey.PROCESSED_ALGORITHM: self._kind,
            _STATE: state,
            _SOURCE: source,
            QUANTIZED: True,
        }
        return DXO(dxo.data_kind, data=made, meta=meta)


class ModelDequantizer(DXOFilter):
    """Makes what a `ModelQuantizer` made smaller what it was, but for what was rounded away."""

    def __init__(self) -> None:
        super().__init__(list(WEIGHTS), list(WEIGHTS))

    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO | None:
        """The DXO with its numbers; as it is if they are not smaller."""
        if not dxo.get_meta_prop(QUANTIZED):
            return None
        state = dxo.get_meta_prop(_STATE)
        made = dict(dxo.data)
        for key, dtype in dxo.get_meta_prop(_SOURCE).items():
            numbers = made[key]
            if key in state:
                numbers = _from_bytes(numbers, np.asarray(state[key]))
            made[key] = np.asarray(numbers).astype("float32" if dtype == "bfloat16" else dtype)
        own = (MetaKey.PROCESSED_ALGORITHM, _STATE, _SOURCE, QUANTIZED)
        meta = {key: each for key, each in dxo.meta.items() if key not in own}
        return DXO(dxo.data_kind, data=made, meta=meta)


def _numbers(value: Any) -> Any:
    """An array of any framework, of NumPy's types."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().float().numpy()
    return np.asarray(value)


def _to_bytes(numbers: Any) -> tuple[Any, Any]:
    """Each number in 127 steps to either side of 0, and the largest of each block."""
    flat = numbers.astype(np.float32).ravel()
    blocks = np.zeros((-(-flat.size // BLOCK), BLOCK), np.float32)
    blocks.ravel()[: flat.size] = flat
    scales = np.abs(blocks).max(axis=1, keepdims=True)
    steps = np.divide(blocks, scales, out=np.zeros_like(blocks), where=scales > 0)
    small = np.rint(steps * 127).astype(np.int8).ravel()[: flat.size]
    return small.reshape(numbers.shape), scales.ravel()


def _from_bytes(small: Any, scales: Any) -> Any:
    flat = np.asarray(small).ravel().astype(np.float32)
    return (flat / 127 * np.repeat(scales, BLOCK)[: flat.size]).reshape(np.shape(small))
