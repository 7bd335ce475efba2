"""Runs of any kind of task: values, states, the moves between them, and where they are kept.

A name's module is imported when it is first asked for: to list runs, a few suffice.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ame.runs.blobs import Blobs, Entry
    from ame.runs.run import Run, name
    from ame.runs.schedule import Moves, Schedule
    from ame.runs.secrets import MemorySecrets, Secret, Secrets
    from ame.runs.state import State
    from ame.runs.step import Artifact, Attempt, Metric, Record, Step, latest
    from ame.runs.store import Cursor, Filter, Page, Store

__all__ = [
    "Artifact",
    "Attempt",
    "Blobs",
    "Cursor",
    "Entry",
    "Filter",
    "MemorySecrets",
    "Metric",
    "Moves",
    "Page",
    "Record",
    "Run",
    "Schedule",
    "Secret",
    "Secrets",
    "State",
    "Step",
    "Store",
    "latest",
    "name",
]

_HOMES: Final = {
    "blobs": "Blobs Entry",
    "run": "Run name",
    "schedule": "Moves Schedule",
    "secrets": "MemorySecrets Secret Secrets",
    "state": "State",
    "step": "Artifact Attempt Metric Record Step latest",
    "store": "Cursor Filter Page Store",
}

if not TYPE_CHECKING:  # whom it is there for would take any name for one of these

    def __getattr__(name: str) -> object:
        for module, names in _HOMES.items():
            if name in names.split():
                found = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
