"""The environments of a state folder: each made once, kept under the digest of what it is made of.

    <folder>/<id>/build         locked by who makes an environment of this content
    <folder>/<id>/use           locked, shared, by all who use one; its time is that of the last use
    <folder>/<id>/*/venv        an environment: they cannot be moved, so it is made in its place
    <folder>/<id>/*/ready       written last: without it the environment is half-made
    <folder>/interpreters.json  what is known of the interpreters of this machine

The locks are the kernel's: they end with their process, however it ends. Who waits for a lock does
so in a child, which ends when the run is stopped. A step can change an
environment that it was given (`uv pip install`): `ready` keeps the time of the packages' folder,
one that was changed is not given out again, and a new one is made.
"""

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from ame import errors, process
from ame.engine.environments import tracking
from ame.engine.environments.installer import Installer, Run, plain, uv
from ame.engine.environments.interpreters import Interpreter, Interpreters

FORMAT = "1"
"""Of the environments that this code makes; another one is another environment."""
_WAIT = "import fcntl,sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_SH)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an environment is made of, and how."""

    kind: str
    """The executor's name."""
    interpreter: Interpreter
    content: Sequence[str | bytes]
    """All that the result depends on beside the interpreter."""
    make: Callable[[Installer], None]
    """Fills the environment once it is created."""

    def __str__(self) -> str:
        return f"{self.kind}, Python {self.interpreter.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A finished environment, kept as long as the `Environments` that gave it is open."""

    id: str
    venv: Path
    cached: bool
    """Whether it was there already."""

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.venv / "bin" / "python")

    def has(self, package: str) -> bool:
        """Whether it has a package of that name to import."""
        return any(self.venv.glob(f"lib/*/site-packages/{package}/__init__.py"))


class Environments:
    """All environments below a folder. Safe for several threads, and several processes."""

    def __init__(
        self,
        folder: Path,
        *,
        environ: Mapping[str, str],
        downloads: bool = True,
        pythons: Sequence[Path] = (),
        site: Path | None = None,
        store: Path | None = None,
    ) -> None:
        """Reads nothing yet.

        `environ` is what installers run in; `downloads`, whether Python itself may be fetched;
        `pythons`, folders searched for interpreters before all others; `site`, a folder that
        every environment imports from; `store`, the file where MLflow is to keep its runs, made
        with the first environment that has MLflow.
        """
        self.environ = environ
        self.interpreters = Interpreters(
            folder / "interpreters.json", environ=environ, folders=pythons
        )
        self._folder = folder
        forbidden = environ.get("UV_PYTHON_DOWNLOADS") in ("never", "manual", "false")
        self._downloads = downloads and not forbidden
        self.site = site
        self._store = store
        self._held: dict[str, int] = {}
        self._mutex = threading.Lock()

    @property
    def shell(self) -> str:
        """What runs shell text: bash, for which people write; without it, the plain shell."""
        return _shell()

    def interpreter(self, wanted: str, *, run: Run, note: Callable[[str], None]) -> Interpreter:
        """The interpreter of that version, fetched when it is not there and that is allowed.

        Raises:
            errors.PythonVersionInvalid: it is not a version.
            errors.PythonMissing: it is not there and was not to be had.

        """
        if found := self.interpreters.find(wanted):
            return found
        why = "fetching it is switched off"
        if self._downloads:
            note(f"fetching Python {wanted}")
            fetch = (uv(), "python", "install", "--no-bin", wanted)
            self._folder.mkdir(parents=True, exist_ok=True)
            run(process.Command(argv=fetch, folder=self._folder, variables=plain(self.environ)))
            if found := self.interpreters.find(wanted):
                return found
            why = "could not be fetched"
        there = tuple(dict.fromkeys(each.version for each in self.interpreters.all()))
        raise errors.PythonMissing(wanted, there, why)

    def own(self) -> Interpreter:
        """The interpreter for what asks for no version: the one that runs ame."""
        return self.interpreters.own()

    def get(self, recipe: Recipe, *, run: Run, note: Callable[[str], None]) -> Environment:
        """The environment of that recipe, made if it is not there; by one, if several want it.

        Raises:
            errors.EnvironmentFailed: it could not be made; nothing of it is left.

        """
        id_ = self._id(recipe)
        place = self._folder / id_
        self._hold(place)
        made = False
        while not (venv := _ready(place)):
            with _tried(place / "build") as mine:
                if made := mine and not _ready(place):
                    note(f"creating environment {id_} ({recipe})")
                    self._make(place, recipe, run)
            if not mine:
                note(f"waiting for environment {id_}, which another step is making")
                wait = (sys.executable, "-I", "-S", "-c", _WAIT, str(place / "build"))
                run(process.Command(argv=wait, folder=place, variables=plain(self.environ)))
        environment = Environment(id=id_, venv=venv, cached=not made)
        if self._store and not self._store.exists() and environment.has("mlflow"):
            note("making the file where MLflow keeps its runs")
            tracking.make(self._store, self.installer(venv.parent, run))
        return environment

    def installer(self, home: Path, run: Run) -> Installer:
        """What fills the environment in the folder `home`."""
        return Installer(venv=home / "venv", scratch=home, environ=self.environ, run=run)

    def sweep(self, unused_since: datetime) -> tuple[str, ...]:
        """Removes environments that nobody uses now and nobody has since; returns their ids."""
        removed = []
        for place in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            if not (place / "use").is_file():
                continue
            with _tried(place / "build") as alone, _tried(place / "use") as unused:
                if not (alone and unused):
                    continue
                if (place / "use").stat().st_mtime < unused_since.timestamp():
                    _remove(place)
                    removed.append(place.name)
                else:
                    _clear(place, keep=_ready(place))
        return tuple(removed)

    def close(self) -> None:
        """Lets go of all environments that were given out."""
        with self._mutex:
            for descriptor in self._held.values():
                os.close(descriptor)
            self._held.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _id(self, recipe: Recipe) -> str:
        python = recipe.interpreter
        digest = hashlib.sha256()
        for part in (FORMAT, recipe.kind, python.path, python.version, python.abi, str(self.site)):
            digest.update(f"{len(part)}:{part}".encode())
        for content in recipe.content:
            data = content.encode() if isinstance(content, str) else content
            digest.update(b"%d:" % len(data))
            digest.update(data)
        return digest.hexdigest()[:16]

    def _hold(self, place: Path) -> None:
        """Marks the place as used now, and in use until `close`."""
        with self._mutex:
            if place.name not in self._held:
                self._held[place.name] = _locked(place / "use", fcntl.LOCK_SH)
            os.utime(self._held[place.name])

    def _make(self, place: Path, recipe: Recipe, run: Run) -> None:
        _clear(place)
        home = place / os.urandom(2).hex()
        home.mkdir()
        try:
            installer = self.installer(home, run)
            installer.create(recipe.interpreter)
            recipe.make(installer)
            installer.finish(self.site)
            stamp = {
                "packages": str(installer.site_packages),
                "changed": installer.site_packages.stat().st_mtime_ns,
            }
            (home / "draft").write_text(json.dumps(stamp))
            (home / "draft").replace(home / "ready")
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise


@functools.cache
def _shell() -> str:
    return shutil.which("bash") or "/bin/sh"


def _ready(place: Path) -> Path | None:
    """The environment at a place that is complete and unchanged since."""
    for home in place.iterdir():
        try:
            stamp = json.loads((home / "ready").read_bytes())
            if Path(stamp["packages"]).stat().st_mtime_ns == stamp["changed"]:
                return home / "venv"
        except (FileNotFoundError, NotADirectoryError, ValueError):
            continue  # half-made, being removed, or one of the locks
    return None


def _clear(place: Path, *, keep: Path | None = None) -> None:
    """Removes half-made environments; with `keep`, all others too: only when none is in use."""
    for home in place.iterdir():
        half_made = home.is_dir() and not (home / "ready").exists()
        if half_made or (keep and home.is_dir() and home != keep.parent):
            shutil.rmtree(home, ignore_errors=True)


def _remove(place: Path) -> None:
    """Removes a place while both its locks are held: what it offers first, the locks last."""
    for ready in place.glob("*/ready"):
        ready.unlink()
    _clear(place)
    shutil.rmtree(place, ignore_errors=True)


def _locked(file: Path, how: int) -> int:
    """A descriptor that holds the lock of a file, which is made; OSError when it must not wait."""
    while True:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, how)
            if os.path.samestat(os.fstat(descriptor), file.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


@contextlib.contextmanager
def _tried(file: Path) -> Iterator[bool]:
    """Holds a lock alone, if nobody else holds it; yields whether it does."""
    try:
        descriptor = _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)
