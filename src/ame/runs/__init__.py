"""Runs of any kind of task: values, states, the moves between them, and where they are kept."""

from ame.runs.blobs import Blobs, Entry
from ame.runs.run import Artifact, Attempt, Metric, Run, Step, latest, name
from ame.runs.schedule import Moves, Schedule
from ame.runs.secrets import MemorySecrets, Secret, Secrets
from ame.runs.state import State
from ame.runs.store import Cursor, Filter, Page, Record, Store

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
