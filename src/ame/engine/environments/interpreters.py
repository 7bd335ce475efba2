"""The Python interpreters of this machine, found by version without starting them twice."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ame import errors
from ame.engine.environments.versions import allows, numbers

_PLAIN = re.compile(r"\d+(\.\d+){0,2}")
_LIMIT = r"(~=|[=!]=|[<>]=?) *\d+(\.\d+){0,2}(\.\*)?"
_LIMITS = re.compile(rf"{_LIMIT}( *, *{_LIMIT})*")
TELL = """
import json, os, sys, sysconfig
base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
version = ".".join(map(str, sys.version_info[:3]))
print(json.dumps({"path": base, "version": version, "implementation": sys.implementation.name,
                  "abi": sysconfig.get_config_var("SOABI") or sysconfig.get_platform()}))
"""
"""The program by which an interpreter tells what it is, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One Python of this machine, outside any virtual environment."""

    path: str
    version: str
    """All three parts: `3.11.7`."""
    implementation: str
    """`cpython`, `pypy`."""
    abi: str
    """What compiled packages must fit: implementation, version and platform."""

    def is_of(self, wanted: str) -> bool:
        """Whether it is CPython of the wanted version; `3.1` is not `3.11`."""
        return self.implementation == "cpython" and allows(wanted, self.version)


class Interpreters:
    """Finds interpreters in the given folders, on the path, in pyenv's, uv's and usual places.

    What an interpreter says of itself is kept in the file `facts`, by its path, size and time of
    change, so that one that was seen before is found without starting it.
    """

    def __init__(
        self, facts: Path, *, environ: Mapping[str, str], folders: Sequence[Path] = ()
    ) -> None:
        self._facts = facts
        self._environ = environ
        self._folders = folders

    def find(self, wanted: str) -> Interpreter | None:
        """The first of that version, which may leave out its last parts; None when there is none.

        Raises:
            errors.PythonVersionInvalid: `wanted` is neither a version such as `3`, `3.11` or
                `3.11.7`, nor limits such as `>=3.11` or `>=3.10,<3.13`.

        """
        plain = _PLAIN.fullmatch(wanted)
        if not plain and not _LIMITS.fullmatch(wanted):
            raise errors.PythonVersionInvalid(wanted)
        known = self._read()
        for path, hint in self._candidates():
            if plain and hint and not _may_be(hint, wanted):
                continue
            found = self._look(path, known)
            if found and found.is_of(wanted):
                return found
        return None

    def own(self) -> Interpreter:
        """The one that runs this code."""
        found = self._look(Path(sys.executable), self._read())
        if found is None:
            raise errors.PythonMissing("3", (), f"{sys.executable} does not answer")
        return found

    def all(self) -> tuple[Interpreter, ...]:
        """Every one that works, newest first. Starts those that were not seen before."""
        known = self._read()
        found = {each for path, _ in self._candidates() if (each := self._look(path, known))}
        return tuple(sorted(found, key=lambda each: (numbers(each.version), each.path))[::-1])

    def _candidates(self) -> Iterator[tuple[Path, str]]:
        """Paths that may be interpreters, each with the version that its name tells, if any."""
        for folder in self._folders:
            yield from _in_folder(folder)
        for name in self._environ.get("PATH", os.defpath).split(os.pathsep):
            folder = Path(name)
            if name and folder.name != "shims":
                yield from _in_folder(folder)
        home = Path(self._environ.get("HOME") or Path.home())
        pyenv = Path(self._environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
        data = Path(self._environ.get("XDG_DATA_HOME") or home / ".local/share")
        uv = Path(self._environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
        for place in (pyenv, uv):
            yield from _in_versions(place)
        for name in ("/usr/local/bin", "/usr/bin"):
            yield from _in_folder(Path(name))

    def _look(self, path: Path, known: dict[str, dict[str, str]]) -> Interpreter | None:
        """What the program at `path` says of itself; None when it is no usable Python 3."""
        try:
            stat = path.stat()
        except OSError:  # a link to nowhere or in a circle, a closed folder: none to be used
            return None
        key = f"{path}:{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}"
        if key not in known:
            known[key] = _ask(path)
            self._write(known)
        return Interpreter(**known[key]) if known[key] else None

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            facts: dict[str, dict[str, str]] = json.loads(self._facts.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return facts

    def _write(self, known: dict[str, dict[str, str]]) -> None:
        self._facts.parent.mkdir(parents=True, exist_ok=True)
        draft = self._facts.with_name(f"{self._facts.name}.{os.getpid()}.{os.urandom(4).hex()}")
        draft.write_text(json.dumps(known))
        draft.replace(self._facts)


def _may_be(hint: str, wanted: str) -> bool:
    """Whether a version of which only `hint` is known may be the wanted one."""
    return f"{hint}.".startswith(f"{wanted}.") or wanted.startswith(f"{hint}.")


def _in_folder(folder: Path) -> Iterator[tuple[Path, str]]:
    """The interpreters of a `bin` folder: those named for their version first, newest first."""
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError:
        return
    versioned = [name for name in names if re.fullmatch(r"python\d\.\d+", name)]
    for name in sorted(versioned, key=lambda name: numbers(name[6:]), reverse=True):
        yield folder / name, name[6:]
    for name in ("python3", "python"):
        if name in names:
            yield folder / name, ""


def _in_versions(place: Path) -> Iterator[tuple[Path, str]]:
    """The interpreters of a folder that has one folder a version, newest first."""
    try:
        names = [path.name for path in place.iterdir()]
    except OSError:
        return
    found = {name: match[0] for name in names if (match := re.search(r"\d+\.\d+(\.\d+)?", name))}
    for name in sorted(found, key=lambda name: (numbers(found[name]), name), reverse=True):
        yield place / name / "bin" / "python3", found[name]


def _ask(path: Path) -> dict[str, str]:
    try:
        answer = subprocess.run(
            [path, "-I", "-c", TELL], capture_output=True, timeout=30, check=True, text=True
        )
        return asdict(Interpreter(**json.loads(answer.stdout)))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return {}
