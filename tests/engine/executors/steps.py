"""A step's workspace, prepared and started without an engine."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ame import process, project
from ame.engine import environments, executors

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The version of a Python that is there for sure."""


@dataclass
class Steps:
    """Prepares commands in `folder`, with environments in `home`."""

    folder: Path
    home: Path
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    notes: list[str] = field(default_factory=list)
    ran: list[process.Command] = field(default_factory=list)
    output: str = ""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")
        self.environments = environments.Environments(
            self.home, environ=self.environ, pythons=[Path(sys.base_prefix, "bin")]
        )

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run(self, command: process.Command) -> process.Exit:
        self.ran.append(command)
        done = subprocess.run(
            command.argv,
            cwd=command.folder,
            env=dict(command.variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output += done.stdout
        return process.Exit(code=done.returncode)

    def prepare(
        self, executor: project.Executor, *arguments: str, run: environments.Run | None = None
    ) -> executors.Ready:
        return executors.prepare(
            executor,
            folder=self.folder,
            arguments=arguments,
            environments=self.environments,
            run=run or self.run,
            note=self.notes.append,
        )

    def start(
        self,
        executor: project.Executor,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """What the command printed; fails when the command does."""
        ready = self.prepare(executor, *arguments)
        done = subprocess.run(
            ready.argv,
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                **ready.defaults,
                **(variables or {}),
                **ready.variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout.strip()
