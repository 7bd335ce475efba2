"""Commands that cannot be started, and processes that cannot be named."""

from typing import TYPE_CHECKING

from ame.errors.tree import Damaged, Invalid, NotFound

if TYPE_CHECKING:
    from pathlib import Path


class NotAnIdentity(Damaged):
    """A text was to name a process and does not."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f"`{text}` names no process; expected BOOT:PID:START")


class ProgramNotFound(NotFound):
    """A command's program is nowhere on its PATH."""

    def __init__(self, program: str, path: str | None) -> None:
        self.program = program
        self.path = path
        where = "is not a file" if path is None else f"is in no folder of PATH ({path})"
        super().__init__(f"the program `{program}` {where}; install it, or correct its name")


class FolderNotFound(NotFound):
    """The folder that a command is to work in is not there."""

    def __init__(self, folder: "Path") -> None:
        self.folder = folder
        super().__init__(f"the folder `{folder}`, in which the command is to run, is not there")


class NotExecutable(Invalid):
    """The kernel does not run a file as a program."""

    def __init__(self, program: str, why: str) -> None:
        self.program = program
        self.why = why
        super().__init__(f"`{program}` cannot be run: {why}")
