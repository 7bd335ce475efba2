"""Making virtual environments and installing into them, by uv and, where it refuses, by pip."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ame import errors, process
from ame.engine.environments.interpreters import Interpreter

Run = Callable[[process.Command], process.Exit]
"""Runs an installer to its end, its output in the log of the step that waits for it.

Raises errors.Cancelled when the run is stopped.
"""

_TEE = '{ "$@" 2>&1; echo $? >"$0.code"; } | tee "$0"; exit "$(cat "$0.code")"'
"""Keeps a copy of what a command prints. The command is in `$@`: nothing of it is parsed."""
_LINES = 12
_MISLEADING = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "UV_PYTHON", "UV_SYSTEM")
_REFUSAL = """#!/bin/sh
echo 'error: this environment is shared between runs: name the packages in the files of the' >&2
echo 'project that list them, not in the command' >&2
exit 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """Fills one folder with one virtual environment; its own files stay beside it in `scratch`."""

    venv: Path
    scratch: Path
    environ: Mapping[str, str]
    run: Run

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return self.venv / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Where its packages are."""
        return next(self.venv.glob("lib/*/site-packages"))

    def create(self, interpreter: Interpreter) -> None:
        """Makes the environment, empty, and without a pip that could change it later.

        Raises:
            errors.EnvironmentFailed: uv could not make it of this interpreter.

        """
        self._uv("venv", "--quiet", "--no-project", "--python", interpreter.path, str(self.venv))

    def install(
        self,
        lines: Iterable[str],
        constraints: Iterable[str] = (),
        *,
        options: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Installs what a requirements file of these lines asks for, with these options of uv.

        Raises:
            errors.EnvironmentFailed: something could not be found, built or verified.

        """
        into = ("pip", "install", "--python", str(self.python))
        self._uv(*into, *self.write(lines, constraints), *options, variables=variables)

    def install_by_pip(self, lines: Iterable[str], constraints: Iterable[str]) -> None:
        """The same by pip, for what uv does not know. Leaves pip in the environment.

        Raises:
            errors.EnvironmentFailed: as `install`.

        """
        self.install(["pip", "setuptools", "wheel"])
        pip = (str(self.python), "-m", "pip", "--disable-pip-version-check", "--no-input")
        self.do("pip install", (*pip, "install", *self.write(lines, constraints)), {})

    def finish(self, site: Path | None) -> None:
        """Adds what every environment has: a `pip` that explains itself, and `site` on its path."""
        pip = self.venv / "bin" / "pip"
        if not pip.exists():
            pip.write_text(_REFUSAL)
            pip.chmod(0o755)
        if site is not None:
            (self.site_packages / "ame.pth").write_text(f"{site}\n")
        (self.site_packages / "__pycache__").mkdir(exist_ok=True)

    def write(self, lines: Iterable[str], constraints: Iterable[str]) -> Iterator[str]:
        """Writes both down and yields the options that name the files."""
        for option, content in (("-r", [*lines]), ("-c", [*constraints])):
            if content or option == "-r":
                file = self.scratch / f"requirements{option}.txt"
                file.write_text("".join(f"{line}\n" for line in content))
                yield from (option, str(file))

    def _uv(self, *arguments: str, variables: Mapping[str, str] | None = None) -> None:
        name = " ".join(("uv", *arguments[: 1 if arguments[0] == "venv" else 2]))
        self.do(name, (uv(), *arguments), {"UV_NO_PROGRESS": "1"} | dict(variables or {}))

    def do(self, name: str, argv: tuple[str, ...], variables: Mapping[str, str]) -> None:
        """Runs a tool in the scratch folder; raises as `call` does."""
        variables = plain(self.environ) | dict(variables)
        call(name, argv, scratch=self.scratch, variables=variables, run=self.run)


def call(
    name: str,
    argv: tuple[str, ...],
    *,
    scratch: Path,
    variables: Mapping[str, str],
    run: Run,
) -> None:
    """Runs a tool in the folder `scratch`; `name` is what it is called in messages.

    Raises:
        errors.EnvironmentFailed: it did not succeed.

    """
    copy = scratch / "output"
    whole = ("/bin/sh", "-c", _TEE, str(copy), *argv)
    code = run(process.Command(argv=whole, folder=scratch, variables=variables)).code
    if code != 0:
        lines = copy.read_text(errors="replace").splitlines() if copy.exists() else []
        raise errors.EnvironmentFailed(name, code, lines[-_LINES:])


def plain(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would lead an installer to another Python than it is told."""
    return {name: value for name, value in environ.items() if not name.startswith(_MISLEADING)}


def uv() -> str:
    """The program uv, which comes with ame."""
    import uv

    return os.fsdecode(uv.find_uv_bin())
