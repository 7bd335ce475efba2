"""What an executor is given to work with, and what it yields."""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ame import errors
from ame.engine.environments import Environment, Environments, Interpreter, Recipe, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A command that can be started."""

    argv: tuple[str, ...]
    variables: Mapping[str, str]
    """To be set in its environment, over what is there; paths are put before those."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """To be set where the task itself sets nothing."""
    environment: str = ""
    """The id of the environment it runs in; empty when that is the machine's."""
    cached: bool = False
    """Whether that environment was there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a step is prepared with."""

    folder: Path
    """The step's workspace."""
    arguments: tuple[str, ...]
    """What followed `--` on the command line."""
    environments: Environments
    run: Run
    note: Callable[[str], None]

    def read(self, name: str, remedy: str) -> bytes:
        """The content of a file of the workspace.

        Raises:
            errors.DependenciesInvalid: it is not there.

        """
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            raise errors.DependenciesInvalid(name, "the file is missing", remedy) from None

    def interpreter(self, version: str) -> Interpreter:
        """The interpreter of that version."""
        return self.environments.interpreter(version, run=self.run, note=self.note)

    def get(self, recipe: Recipe) -> Environment:
        """The environment of that recipe."""
        return self.environments.get(recipe, run=self.run, note=self.note)

    def shell(self, command: str, arguments: Sequence[str] | None = None) -> tuple[str, ...]:
        """The argv that runs shell text, followed by the arguments, or by these in their place."""
        words = self.arguments if arguments is None else arguments
        return (self.environments.shell, "-c", " ".join((command, *map(shlex.quote, words))))

    def process(self, command: str) -> tuple[str, ...]:
        """The argv of a command that is one process; the arguments follow its own.

        Raises:
            errors.DependenciesInvalid: a quotation is not closed, or there is no word.

        """
        try:
            words = shlex.split(command)
        except ValueError as error:
            words, fault = [], str(error).lower()
        else:
            fault = "it is empty"
        if not words:
            raise errors.CommandInvalid(command, fault)
        return (*words, *self.arguments)

    def importing(self) -> dict[str, str]:
        """Lets the machine's Python import the module `ame` after all that it imports already."""
        site = self.environments.site
        if site is None:
            return {}
        before = self.environments.environ.get("PYTHONPATH", "")
        return {"PYTHONPATH": os.pathsep.join(filter(None, (before, str(site))))}

    def ready(
        self,
        argv: tuple[str, ...],
        environment: Environment,
        roots: Sequence[Path] = (),
        defaults: Mapping[str, str] | None = None,
    ) -> Ready:
        """The command inside an environment, as if that were activated.

        `roots` are folders of the workspace that it imports from; `defaults`, variables that yield
        to the task's own.
        """
        scripts = environment.venv / "bin"
        inherited = self.environments.environ.get("PATH", os.defpath)
        inside = {
            "PATH": os.pathsep.join((str(scripts), inherited)),
            "VIRTUAL_ENV": str(environment.venv),
        }
        if roots:
            inside["PYTHONPATH"] = os.pathsep.join(map(str, dict.fromkeys(roots)))
        own = "/" not in argv[0] and (scripts / argv[0]).exists()
        return Ready(
            argv=(str(scripts / argv[0]), *argv[1:]) if own else argv,
            variables=inside,
            defaults=defaults or {},
            environment=environment.id,
            cached=environment.cached,
        )
