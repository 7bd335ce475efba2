"""Models as people bring them, loaded."""

from ame.builder.model.load import load
from ame.builder.model.model import Model, Spec

__all__ = ["Model", "Spec", "load"]
