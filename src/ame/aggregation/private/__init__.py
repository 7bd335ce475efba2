"""Differential privacy: a bound on what a client can do, noise, and what is given away."""

from ame.aggregation.private import losses
from ame.aggregation.private.accountant import ORDERS, Accountant, multiplier_for
from ame.aggregation.private.clip import Clip
from ame.aggregation.private.noise import Gaussian

__all__ = ["ORDERS", "Accountant", "Clip", "Gaussian", "losses", "multiplier_for"]
