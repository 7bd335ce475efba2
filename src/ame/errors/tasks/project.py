"""What a person wrote is wrong: a project file, the settings, a path, the words of a command."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ame.errors.fault import Fault
from ame.errors.tree import Conflict, Damaged, Invalid, NotFound, Unsupported

if TYPE_CHECKING:
    from pathlib import Path


class ProjectInvalid(Invalid):
    """A project file says something that cannot be meant."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


class CycleFound(Invalid):
    """Things refer to each other in a circle."""

    def __init__(self, what: str, path: Sequence[str]) -> None:
        self.what = what
        self.path = tuple(path)
        super().__init__(f"a {what} needs itself: {' -> '.join(path)}; take one of these out")


class SettingsInvalid(Invalid):
    """A key or a value in the settings is wrong."""

    def __init__(self, file: "Path", key: str, why: str) -> None:
        self.file = file
        self.key = key
        self.why = why
        super().__init__(f"{file}: {f'`{key}`: ' if key else ''}{why}")


class PathLeaves(Invalid):
    """A path leads out of the folder that it must stay in."""

    def __init__(self, path: str, what: str) -> None:
        self.path = path
        self.what = what
        super().__init__(
            f"{what} must stay inside the project, `{path}` does not: write it relative to the "
            "project's folder, without `..`, and see that no link on the way leads out"
        )


class NotATask(Unsupported):
    """What is to be run is a model or a data set."""

    def __init__(self, name: str, what: str, instead: str) -> None:
        self.name = name
        self.what = what
        super().__init__(f"`{name}` is a {what}, and what runs is a task: {instead}")


class ArgumentsRefused(Invalid):
    """Arguments were given to a task that has no one command."""

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(
            f"`{task}` is a pipeline and has no one command that arguments could go to: "
            "run one of its tasks, or set variables in `environment`"
        )


class NoProject(NotFound):
    """There is no project file where one was looked for."""

    def __init__(self, place: "Path") -> None:
        self.place = place
        super().__init__(
            f"{place}: no project file `ame.yml` or `ame.yaml` is there; go to the project's "
            "folder, or write a first file with `ame init NAME`"
        )


class TwoProjectFiles(Conflict):
    """A folder has both spellings of the file's name, and either could be meant."""

    def __init__(self, folder: "Path") -> None:
        self.folder = folder
        super().__init__(f"{folder}: has both `ame.yml` and `ame.yaml`; keep one of them")


class UnknownTask(NotFound):
    """A project has no task of that name."""

    def __init__(self, name: str, file: "Path", known: Sequence[str]) -> None:
        self.name = name
        self.file = file
        self.known = tuple(known)
        tasks = ", ".join(f"`{task}`" for task in known) or "none"
        super().__init__(f"{file}: has no task `{name}`; its tasks: {tasks}")


class ProjectTaken(Conflict):
    """Another folder has registered a project of the same name."""

    def __init__(self, name: str, folder: "Path", other: "Path") -> None:
        self.name = name
        self.folder = folder
        self.other = other
        super().__init__(
            f"{folder}: the project `{name}` is registered at {other} already; "
            "give one of them another `name` in its ame.yml"
        )


class ProjectsDamaged(Damaged):
    """The list of registered projects cannot be read."""

    def __init__(self, file: "Path") -> None:
        self.file = file
        super().__init__(
            f"{file}: is no list of projects any more; remove it and run `ame project add` again"
        )


class ProjectThere(Conflict):
    """There is a project file already."""

    def __init__(self, file: "Path") -> None:
        self.file = file
        super().__init__(f"{file}: this folder has a project already; the file is left as it is")
