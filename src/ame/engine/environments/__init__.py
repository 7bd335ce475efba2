"""Virtual environments: made once for a content, kept, shared by all runs, swept when unused."""

from ame.engine.environments.cache import Environment, Environments, Recipe
from ame.engine.environments.installer import Installer, Run, call, plain
from ame.engine.environments.interpreters import Interpreter, Interpreters
from ame.engine.environments.versions import allows

__all__ = [
    "Environment",
    "Environments",
    "Installer",
    "Interpreter",
    "Interpreters",
    "Recipe",
    "Run",
    "allows",
    "call",
    "plain",
]
