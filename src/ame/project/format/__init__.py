"""Every key of an `ame.yml`: its spellings, its shape, its meaning. The reader, the JSON Schema and
the test of the reference page follow from here.
"""

from ame.project.format.parts import EXECUTOR
from ame.project.format.project import PROJECT, schema
from ame.project.format.reading import Reading
from ame.project.format.scalars import NAME, PROVIDED
from ame.project.format.shape import Key, Record

__all__ = ["EXECUTOR", "NAME", "PROJECT", "PROVIDED", "Key", "Reading", "Record", "schema"]
