"""Arrays of any framework, and passes over their numbers."""

from ame.aggregation.arrays import blocks
from ame.aggregation.arrays.view import (
    FLOATS,
    Array,
    Arrays,
    Kind,
    Numbers,
    View,
    given_back,
    kind_of,
    view,
)

__all__ = [
    "FLOATS",
    "Array",
    "Arrays",
    "Kind",
    "Numbers",
    "View",
    "blocks",
    "given_back",
    "kind_of",
    "view",
]
