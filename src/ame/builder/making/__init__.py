"""Artifacts, made in a child process. `parent` starts it, `child` is it, `build` is its work."""

from ame.builder.making.packing import PACKED, pack
from ame.builder.making.parent import Artifacts, Bounds, Made, Options, make

__all__ = ["PACKED", "Artifacts", "Bounds", "Made", "Options", "make", "pack"]
