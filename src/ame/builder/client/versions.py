"""Which operations devices have, and since which version of their software."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST: Final = "341812000"
SECOND: Final = "341912000"
NONE: Final = "0"
"""Any version."""
SINCE: Final = dict.fromkeys(
    (
        "AnonymousIteratorV3",
        "AsString",
        "BatchDatasetV2",
        "BroadcastGradientArgs",
        "ConcatOffset",
        "ExternalDataset",
        "IteratorGetNextAsOptional",
        "MakeIterator",
        "MapDataset",
        "OptionalGetValue",
        "OptionalHasValue",
        "ParseExampleV2",
        "ReduceDataset",
        "Relu6",
        "ReluGrad",
        "RestoreV2",
        "SaveSlices",
        "ShapeN",
        "Split",
        "StridedSliceGrad",
        "StringToHashBucketFast",
        "TakeDataset",
        "_TensorToHashBucketFast",
    ),
    FIRST,
) | {"L2Loss": SECOND}
"""The operations of TensorFlow proper that devices have; of TFLite's own they have all."""


def minimum(ops: Iterable[str]) -> str:
    """The first version that has all of these operations. Versions are compared as texts.

    Raises:
        errors.OpsUnsupported: no version has them; names them all.
    """
    asked = sorted(ops)
    if missing := tuple(name for name in asked if name not in SINCE):
        raise errors.OpsUnsupported(missing)
    return max((SINCE[name] for name in asked), default=NONE)
