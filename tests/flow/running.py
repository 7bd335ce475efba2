"""Projects in folders of their own, and real `ame` processes that run their tasks."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ame as package
from parts.waiting import eventually, is_running

SOURCE = str(Path(package.__file__).parents[1])
ARGV = (sys.executable, "-c", "from ame.cli import main; main()")


@dataclass
class Place:
    """A project and a state folder; `ame` is run in the one, with the other."""

    folder: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def write(self, files: Mapping[str, str]) -> "Place":
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self

    def tasks(self, **commands: str) -> "Place":
        """An `ame.yml` with a task of the custom executor for each command."""
        written = [
            {"name": name, "executor": {"custom": {"command": command}}}
            for name, command in commands.items()
        ]
        return self.file({"tasks": written})

    def file(self, content: Mapping[str, object]) -> "Place":
        """An `ame.yml`; JSON is YAML."""
        return self.write({"ame.yml": json.dumps({"project": "demo", **content})})

    def settings(self, text: str) -> "Place":
        self.home.mkdir(exist_ok=True)
        (self.home / "settings.toml").write_text(text)
        return self

    @property
    def environment(self) -> dict[str, str]:
        plain = {key: value for key, value in os.environ.items() if not key.startswith("AME_")}
        return {**plain, "PYTHONPATH": SOURCE, "AME_HOME": str(self.home), **self.variables}

    def ame(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Runs `ame` to its end."""
        return subprocess.run(
            [*ARGV, *arguments],
            input=given,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            cwd=self.folder,
            env=self.environment,
            timeout=120,
        )

    def bytes(self, *arguments: str) -> bytes:
        """What `ame` prints, untouched."""
        argv = [*ARGV, *arguments]
        return subprocess.check_output(argv, cwd=self.folder, env=self.environment, timeout=120)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Runs a task to an end with that exit code; returns all that was printed."""
        ran = self.ame("task", "run", *arguments)
        assert ran.returncode == code, ran.stderr + ran.stdout
        return ran.stderr + ran.stdout

    def json(self, *arguments: str) -> Any:
        ran = self.ame(*arguments, "--format", "json")
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def view(self, name: str) -> Any:
        return self.json("task", "view", name)

    def states(self, name: str) -> dict[str, tuple[str, str]]:
        """For each step of a run its state and reason."""
        return {step["name"]: (step["state"], step["reason"]) for step in self.view(name)["steps"]}

    def start(self, *arguments: str, under: tuple[str, ...] = ()) -> "Going":
        return Going(self, arguments, under)


class Going:
    """An `ame` that leads a terminal's foreground process group."""

    def __init__(self, place: Place, arguments: tuple[str, ...], under: tuple[str, ...]) -> None:
        self._master, slave = pty.openpty()
        self.output = b""
        self.process = subprocess.Popen(
            [*under, *ARGV, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=place.folder,
            env={**place.environment, "TERM": "xterm", "COLUMNS": "200"},
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  # no thread holds a lock here
        )
        os.close(slave)
        os.set_blocking(self._master, False)

    def type(self, text: str) -> None:
        """Types into the terminal; `\\x03` is Ctrl-C."""
        os.write(self._master, text.encode())

    def hang_up(self) -> None:
        """Closes the terminal."""
        os.close(self._master)
        self._master = -1

    def shows(self, text: str, seconds: float = 30) -> bool:
        """Whether that comes to be shown in time."""
        return eventually(lambda: text.encode() in self.read(), seconds)

    def read(self) -> bytes:
        while self._master >= 0:
            try:
                chunk = os.read(self._master, 1 << 16)
            except (BlockingIOError, OSError):
                break
            if not chunk:
                break
            self.output += chunk
        return self.output

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, seconds: float = 30) -> int:
        """Waits for its end; returns its exit code."""
        assert eventually(
            lambda: self.process.poll() is not None or (not self.read() and False), seconds
        )
        self.read()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        assert self.process.returncode is not None
        return self.process.returncode


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def processes_with(text: str) -> list[int]:
    """The processes that have this in the environment they were started with."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if text.encode() in (entry / "environ").read_bytes() and is_running(
                    int(entry.name)
                ):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
