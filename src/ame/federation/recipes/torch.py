"""Recipes whose scripts use torch, where those of that name begin with NumPy."""

from ame.federation.job.script_runner import FrameworkType
from ame.federation.recipes import workflows


class CyclicRecipe(workflows.CyclicRecipe):
    """The model goes from client to client; each trains what the one before it sent."""

    default_framework = FrameworkType.PYTORCH
