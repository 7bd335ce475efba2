"""The projects that `ame project add` has registered, in one small file of the state folder."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ame import errors, project

NAME = "projects.json"


@dataclass(frozen=True, slots=True)
class RegisteredProjects:
    """Registered projects by name. A change is seen whole or not at all, by every process."""

    state: Path
    """The state folder."""

    def find(self, name: str) -> Path | None:
        """The folder registered under that name."""
        return self._read().get(name)

    def names(self) -> tuple[str, ...]:
        """The registered names, sorted."""
        return tuple(sorted(self._read()))

    def add(self, folder: Path) -> project.Project:
        """Registers the project in `folder`; again changes nothing. One whose folder no longer has
        a project file gives its name away.

        Raises:
            errors.ProjectTaken: another folder has a project of that name.
            errors.Error: as `project.read` does.

        """
        found = project.read(folder)
        place = found.folder.resolve()
        with self._locked():
            folders = self._read()
            other = folders.get(found.name, place)
            if other != place and _has_project(other):
                raise errors.ProjectTaken(found.name, place, other)
            kept = {name: at for name, at in folders.items() if at != place}
            self._write({**kept, found.name: place})
        return found

    def _read(self) -> dict[str, Path]:
        file = self.state / NAME
        try:
            folders = json.loads(file.read_text("utf-8"))
            return {str(name): Path(place) for name, place in folders.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError, TypeError):
            raise errors.ProjectsDamaged(file) from None

    def _write(self, folders: dict[str, Path]) -> None:
        text = json.dumps({name: str(folders[name]) for name in sorted(folders)}, indent=2)
        descriptor, temporary = tempfile.mkstemp(dir=self.state, prefix=NAME)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(self.state / NAME)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.state / f"{NAME}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _has_project(folder: Path) -> bool:
    try:
        project.find(folder)
    except errors.NoProject:
        return False
    except errors.TwoProjectFiles:
        return True
    return True
