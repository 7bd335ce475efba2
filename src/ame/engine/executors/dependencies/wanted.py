"""What an environment is to hold, whatever the kind of file that asked for it."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ame import errors
from ame.engine import environments
from ame.engine.executors.dependencies import package, pipconf

_LEFT_OUT = ("__pycache__", ".git", ".venv", "node_modules")


@dataclass(slots=True, kw_only=True)
class Wanted:
    """Lines of a requirements file, and what they lead to.

    A local path becomes a copy, so that nothing of a workspace stays in an environment that other
    runs will share; a project whose metadata are written down plainly enters by path, at each run.
    """

    lines: list[str] = field(default_factory=list)
    """Requirements and options of requirements files; `{n}` is a place in `paths`."""
    constraints: list[str] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    """Local files and folders, installed as copies."""
    packages: list[package.Package] = field(default_factory=list)
    """Projects that enter by path."""
    by_pip: bool = False
    """Whether only pip understands the lines."""
    options: tuple[str, ...] = ()
    """Of `uv pip install`."""
    variables: dict[str, str] = field(default_factory=dict)
    """For uv: where packages are looked for."""

    @property
    def roots(self) -> list[Path]:
        """The folders that commands import from."""
        return [root for each in self.packages for root in each.roots]

    def local(self, path: Path, *, shown: str) -> str:
        """Takes up a local path, and returns what stands for it in a line.

        Raises:
            errors.DependenciesInvalid: it is not there; `shown` is the file that names it.

        """
        if not path.exists():
            raise errors.DependenciesInvalid(
                shown, f"it names `{path}`, which is not there", "correct the path or remove it"
            )
        self.paths.append(path)
        return f"{{{len(self.paths) - 1}}}"

    def content(self) -> Iterator[str]:
        """All that the result depends on."""
        yield from self.lines
        yield "constraints"
        yield from self.constraints
        yield from map(digest, self.paths)
        yield from (each.identity for each in self.packages)

    def install(self, installer: environments.Installer) -> None:
        """Fills an environment.

        Raises:
            errors.EnvironmentFailed: an installer failed.

        """
        names = [_copy(path, installer.scratch / f"path{n}") for n, path in enumerate(self.paths)]
        lines = [_filled(line, names) for line in self.lines]
        if self.by_pip:
            installer.install_by_pip(lines, self.constraints)
        elif lines:
            variables = pipconf.variables(installer.environ) | self.variables
            installer.install(lines, self.constraints, options=self.options, variables=variables)
        for each in self.packages:
            each.install(installer)


def recipe(
    kind: str,
    interpreter: environments.Interpreter,
    content: Iterable[str] | Iterable[bytes],
    want: Callable[[], Wanted],
) -> environments.Recipe:
    """A recipe whose content is known before what it asks for has been worked out."""
    return environments.Recipe(
        kind=kind,
        interpreter=interpreter,
        content=tuple(content),
        make=lambda installer: want().install(installer),
    )


def repository(address: str) -> str:
    """The address of a git repository as requirements have it: `git@host:a/b` is an SSH address."""
    host, colon, path = address.partition(":")
    short = colon and "@" in host and "/" not in host and not path.startswith("//")
    return f"git+ssh://{host}/{path}" if short else f"git+{address.removeprefix('git+')}"


def digest(path: Path) -> str:
    """Of a file, or of the names and contents of all files below a folder."""
    total = hashlib.sha256()
    for file in [path] if path.is_file() else _files(path):
        name = os.fsencode(file.relative_to(path))
        data = bytes(file.readlink()) if file.is_symlink() else file.read_bytes()
        total.update(b"%d:%s%d:%s" % (len(name), name, len(data), data))
    return total.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        yield from (Path(here, name) for name in sorted(names))


def _copy(path: Path, folder: Path) -> str:
    """Copies a file or a tree into a folder; returns the copy's address."""
    target = folder / path.name
    if path.is_dir():
        ignored = shutil.ignore_patterns(*_LEFT_OUT)
        shutil.copytree(path, target, symlinks=True, ignore=ignored)
    else:
        folder.mkdir()
        shutil.copy2(path, target)
    return target.as_uri()


def _filled(line: str, names: list[str]) -> str:
    for number, name in enumerate(names):
        line = line.replace(f"{{{number}}}", name)
    return line
