"""A service: one child that is to outlive whoever starts it, and where what it says is kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Self

from ame import process
from ame.daemon.child import GRACE

MARKER = "AME_SERVICE"
"""The variable by which what a dead supervisor left running is found; its value is the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is to be started."""

    argv: tuple[str, ...]
    folder: Path
    """Where its journal is kept, for this service alone; made if it is not there."""
    works_in: Path
    """The folder that the child works in."""
    variables: Mapping[str, str]
    """The child's environment. It is not kept on disk: there may be secrets in it."""
    limits: process.Limits = field(default_factory=process.Limits)
    grace: float = GRACE
    """Seconds from being asked to end to being killed."""

    def write(self) -> bytes:
        """For `read`."""
        limits = self.limits
        fields = {
            "argv": self.argv,
            "folder": str(self.folder.absolute()),
            "works_in": str(self.works_in.absolute()),
            "variables": dict(self.variables),
            "grace": self.grace,
            "memory": limits.memory,
            "cpu": None if limits.cpu is None else str(limits.cpu),
            "storage": limits.storage,
            "measured": None if limits.folder is None else str(limits.folder.absolute()),
        }
        return json.dumps(fields).encode()

    @classmethod
    def read(cls, text: bytes) -> Self:
        """The service that was written."""
        fields = json.loads(text)
        cpu, measured = fields["cpu"], fields["measured"]
        return cls(
            argv=tuple(fields["argv"]),
            folder=Path(fields["folder"]),
            works_in=Path(fields["works_in"]),
            variables=fields["variables"],
            grace=fields["grace"],
            limits=process.Limits(
                memory=fields["memory"],
                cpu=None if cpu is None else Decimal(cpu),
                storage=fields["storage"],
                folder=None if measured is None else Path(measured),
            ),
        )


def marker(folder: Path) -> str:
    """By which the processes of the service that is kept there are found again."""
    return f"{MARKER}={folder.absolute()}"
