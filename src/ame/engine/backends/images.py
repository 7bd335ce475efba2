"""Python environments for containers: made in a container of the image that they are used in.

The image brings Python, with the modules `venv` and `pip`; an environment is kept per image.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from ame import errors, process, project
from ame.engine import environments, executors
from ame.engine.backends.containers import Image
from ame.engine.environments.interpreters import TELL

_NAMES = ("python3", "python", *(f"python3.{minor}" for minor in range(20, 7, -1)))
_ASK = """
for name in "$@"; do
  if found=$(command -v "$name"); then "$found" -I -c "$0"; fi
done >interpreters.new && mv interpreters.new interpreters
"""
_FOR_PIP = {
    "UV_DEFAULT_INDEX": "PIP_INDEX_URL",
    "UV_INDEX": "PIP_EXTRA_INDEX_URL",
    "UV_FIND_LINKS": "PIP_FIND_LINKS",
    "UV_NO_INDEX": "PIP_NO_INDEX",
    "UV_INSECURE_HOST": "PIP_TRUSTED_HOST",
}
"""What pip calls the settings of uv."""
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


class Environments(environments.Environments):
    """The environments of one image below a folder."""

    def __init__(
        self,
        folder: Path,
        image: Image,
        *,
        inside: environments.Run,
        environ: Mapping[str, str],
        site: Path | None = None,
        store: Path | None = None,
    ) -> None:
        """`inside` runs a command in a container that sees the command's folder, this `folder`,
        and the one of `store`.

        `environ` is ame's own; of it pip gets the settings of the network. `site` and `store` are
        what they are on this machine.
        """
        self.folder = folder / image.id.removeprefix("sha256:")[:16]
        network = {
            name: value
            for name, written in environ.items()
            if (name.lower() in _PROXIES and (value := written))
            or (name in _FOR_PIP.values() and (value := _beyond(written)))
        }
        own = {"PATH": image.path, "PIP_CACHE_DIR": str(self.folder / "pip")}
        self.folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            self.folder, environ=network | own, downloads=False, site=site, store=store
        )
        self._inside = inside

    @property
    def shell(self) -> str:
        """The plain shell, which every image has that runs commands."""
        return "/bin/sh"

    def interpreter(
        self,
        wanted: str,
        *,
        run: environments.Run,  # noqa: ARG002  # it would run on this machine
        note: Callable[[str], None],  # noqa: ARG002  # nothing is fetched
    ) -> environments.Interpreter:
        """The interpreter of that version in the image.

        Raises:
            errors.PythonMissing: the image has none of that version.

        """
        found = self._found()
        for each in found:
            if each.is_of(wanted):
                return each
        there = dict.fromkeys(f"{each.version} ({each.path})" for each in found)
        raise errors.PythonMissing(wanted, [*there], "the image brings no other")

    def own(self) -> environments.Interpreter:
        """The interpreter for what asks for no version: the first of the image.

        Raises:
            errors.PythonMissing: the image has none.

        """
        for each in self._found():
            return each
        raise errors.PythonMissing("3", (), "the image brings none")

    def _found(self) -> list[environments.Interpreter]:
        """The interpreters of the image, which is asked once."""
        known = self.folder / "interpreters"
        if not known.exists():
            argv = ("/bin/sh", "-c", _ASK, TELL, *_NAMES)
            self._inside(process.Command(argv=argv, folder=self.folder, variables=self.environ))
        told = known.read_text().splitlines() if known.exists() else []
        return [environments.Interpreter(**json.loads(line)) for line in told]

    def installer(
        self,
        home: Path,
        run: environments.Run,  # noqa: ARG002  # it would run on this machine
    ) -> environments.Installer:
        """What fills an environment: pip of the image, in a container."""
        return Installer(venv=home / "venv", scratch=home, environ=self.environ, run=self._inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer(environments.Installer):
    """Installs by pip, since uv may not run in the image."""

    def create(self, interpreter: environments.Interpreter) -> None:
        """Makes the environment, empty but for pip.

        Raises:
            errors.EnvironmentFailed: the image's Python could not make it.

        """
        self.do("python -m venv", (interpreter.path, "-m", "venv", str(self.venv)), {})

    def install(
        self,
        lines: Iterable[str],
        constraints: Iterable[str] = (),
        *,
        options: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Installs what a requirements file of these lines asks for.

        Raises:
            errors.EnvironmentFailed: something could not be found, built or verified.

        """
        pip = (str(self.python), "-m", "pip", "install", "--disable-pip-version-check")
        argv = (*pip, "--no-input", *options, *self.write(lines, constraints))
        self.do("pip install", argv, _for_pip(variables or {}))

    def install_by_pip(self, lines: Iterable[str], constraints: Iterable[str]) -> None:
        """The same."""
        self.install(lines, constraints)


def prepare(
    executor: project.Executor,
    *,
    folder: Path,
    arguments: tuple[str, ...],
    environments: Environments,
    run: environments.Run,
    note: Callable[[str], None],
) -> executors.Ready:
    """As `executors.prepare`, for a command that will run in a container.

    A custom command gets no environment: the image is its environment.

    Raises:
        errors.CommandInvalid: it is an app of Flower's.
    """
    if isinstance(executor, project.Flower):
        fault = "`ame` itself does it, on the machine; leave out `image`"
        raise errors.CommandInvalid("!flower", fault)
    if isinstance(executor, project.Custom):
        executor = replace(executor, python_version="")
    return executors.prepare(
        executor,
        folder=folder,
        arguments=arguments,
        environments=environments,
        run=run,
        note=note,
    )


def _for_pip(variables: Mapping[str, str]) -> dict[str, str]:
    """The settings of uv as pip's, which has no names of indexes, nor credentials beside them."""
    said: dict[str, str] = {}
    for name, value in variables.items():
        places = [_place(each, variables) for each in _beyond(value).split()]
        if name in _FOR_PIP and places:
            said[_FOR_PIP[name]] = " ".join(places)
    return said


def _beyond(value: str) -> str:
    """Of places where packages are, those that are not on this machine."""
    places = value.replace(",", " ").split()
    return " ".join(each for each in places if not each.startswith(("/", "file:")))


def _place(written: str, variables: Mapping[str, str]) -> str:
    """A place without the name that uv gives it, with the credentials that go with the name."""
    named = re.fullmatch(r"([A-Za-z0-9-]+)=(.*)", written)
    if named is None:
        return written
    name, place = re.sub("[^A-Z0-9]", "_", named[1].upper()), named[2]
    who = [variables.get(f"UV_INDEX_{name}_{part}", "") for part in ("USERNAME", "PASSWORD")]
    scheme, sign, rest = place.partition("://")
    if not any(who):
        return place
    return f"{scheme}{sign}{':'.join(quote(each, safe='') for each in who)}@{rest}"
