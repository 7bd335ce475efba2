"""Arithmetic on arrays: what many updates amount to. It needs `ame-tasks[federation]`.

An algorithm is a value with `begin`, `add`, `merge` and `value` (`Aggregator`); an optimizer is a
value with `step` (`Optimizer`). Arrays are those of NumPy, PyTorch or TensorFlow.
"""

from ame.aggregation.arrays import Array, Arrays, View, view
from ame.aggregation.arrays.files import read, save
from ame.aggregation.checks import Checks
from ame.aggregation.disk import fold
from ame.aggregation.krum import Krum
from ame.aggregation.layout import Layout, Slot
from ame.aggregation.mean import Mean, Sum
from ame.aggregation.optimizers import SGD, Adagrad, Adam, Moments, Optimizer, Yogi, applied
from ame.aggregation.private import Accountant, Clip, Gaussian, multiplier_for
from ame.aggregation.robust import Collected, Median, TrimmedMean
from ame.aggregation.spool import Spool
from ame.aggregation.update import Aggregate, Aggregator, Update

__all__ = [
    "SGD",
    "Accountant",
    "Adagrad",
    "Adam",
    "Aggregate",
    "Aggregator",
    "Array",
    "Arrays",
    "Checks",
    "Clip",
    "Collected",
    "Gaussian",
    "Krum",
    "Layout",
    "Mean",
    "Median",
    "Moments",
    "Optimizer",
    "Slot",
    "Spool",
    "Sum",
    "TrimmedMean",
    "Update",
    "View",
    "Yogi",
    "applied",
    "fold",
    "multiplier_for",
    "read",
    "save",
    "view",
]
