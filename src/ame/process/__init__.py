"""A child process and its tree: started, captured, limited, identified, ended."""

from ame.process.beside.ends import Form
from ame.process.capture import pump
from ame.process.command import (
    Cause,
    Command,
    Exit,
    Limits,
)
from ame.process.identity import Identity, alive, own_identity
from ame.process.supervisor import Child, Supervisor
from ame.process.sweep import sweep

__all__ = [
    "Cause",
    "Child",
    "Command",
    "Exit",
    "Form",
    "Identity",
    "Limits",
    "Supervisor",
    "alive",
    "own_identity",
    "pump",
    "sweep",
]
