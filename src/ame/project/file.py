"""Reading an `ame.yml`: found, composed, checked, built."""

import re
from pathlib import Path

from ame import errors
from ame.project import build, document, references
from ame.project.format import NAME, PROJECT, Reading
from ame.project.project import Project

NAMES = ("ame.yml", "ame.yaml")

_FIRST = """\
name: {name}
tasks:
  - name: hello
    executor:
      !custom
      command: echo hello
"""


def find(place: Path) -> Path:
    """The project file of a folder, or the file itself.

    Raises:
        errors.NoProject: there is none.
        errors.TwoProjectFiles: the folder has `ame.yml` and `ame.yaml`.

    """
    if place.is_file():
        return place
    files = [place / name for name in NAMES if (place / name).is_file()]
    if not files:
        raise errors.NoProject(place)
    if len(files) > 1:
        raise errors.TwoProjectFiles(place)
    return files[0]


def around(place: Path) -> Path:
    """The nearest folder, from `place` upwards, with a project file; `place` where none has."""
    folders = (place, *place.absolute().parents)
    return next((each for each in folders if any((each / n).is_file() for n in NAMES)), place)


def read(place: Path) -> Project:
    """The project of a folder, or of a project file.

    A file that names no project gives it the name of its folder.

    Raises:
        errors.NoProject: there is no project file.
        errors.TwoProjectFiles: there are two.
        errors.ProjectInvalid: the file is wrong; with all its faults, each with its place.
        errors.Unavailable: the file cannot be read.

    """
    file = find(place).absolute()
    reading = Reading(file)
    data = PROJECT.read(document.compose(file), "", reading)
    name = name_of(file.parent)
    if reading.faults:
        faults = {*reading.faults, *references.lacking(data, file, name)}
        raise errors.ProjectInvalid(tuple(sorted(faults, key=lambda each: each[1:])))
    return build.project(data, file, name)


def name_of(folder: Path) -> str:
    """A project's name from its folder's: what a name cannot hold becomes a dash."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-") or "project"


def first(name: str) -> str:
    """The text of a project file to begin with.

    Raises:
        errors.Invalid: a project cannot be called that.

    """
    if not re.fullmatch(NAME.pattern, name):
        raise errors.Invalid(f"`{name}`: no project can be called that; choose {NAME.wanted}")
    return _FIRST.format(name=name)
