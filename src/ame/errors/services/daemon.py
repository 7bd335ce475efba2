"""Children that report, and the services that keep them."""

from typing import TYPE_CHECKING

from ame.errors.tree import Conflict, Invalid, Unavailable

if TYPE_CHECKING:
    from pathlib import Path


class ReportTooLarge(Invalid, ValueError):
    """A report does not fit into what a parent takes."""

    def __init__(self, size: int, most: int) -> None:
        self.size = size
        self.most = most
        super().__init__(
            f"a report of {size:,} bytes is longer than {most:,}: "
            "write it to a file, and report where that is"
        )


class JournalFull(Unavailable):
    """What a child says can no longer be kept."""

    def __init__(self, file: "Path", why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(f"{file} cannot be written, so the child is ended: {why}; make room there")


class ServiceRunning(Conflict):
    """A service is kept in that folder already, and runs."""

    def __init__(self, folder: "Path") -> None:
        self.folder = folder
        super().__init__(f"the service in {folder} runs already; stop it first")


class ServiceKept(Conflict):
    """A folder has what an earlier service said."""

    def __init__(self, folder: "Path") -> None:
        self.folder = folder
        super().__init__(f"{folder} keeps what an earlier service said; start in a new folder")


class ServiceUnstarted(Unavailable):
    """The process that was to keep a service did not come up."""

    def __init__(self, folder: "Path", why: str) -> None:
        self.folder = folder
        self.why = why
        super().__init__(f"the service in {folder} was not started: {why}")
