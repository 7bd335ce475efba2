"""The command-line client of a container engine, asked short questions."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from ame import errors

_PATIENCE = 60.0
"""Seconds that an engine has to answer, beside what it was asked to wait itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The client of Docker or Podman."""

    program: str
    """Its path."""
    variables: Mapping[str, str]
    """The environment that it works in."""

    def say(self, *arguments: str, wait: float = 0) -> str:
        """What the client prints when it is given these arguments.

        Raises:
            errors.ContainerEngineSilent: it gave no answer, or said no.

        """
        try:
            done = subprocess.run(
                [self.program, *arguments],
                env=self.variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE + wait,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise errors.ContainerEngineSilent(self.program, str(error)) from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise errors.ContainerEngineSilent(self.program, said)
        return done.stdout.decode(errors="replace")
