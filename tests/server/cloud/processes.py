"""Real processes: a server of Flower tasks, and sites."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ame
from parts.waiting import eventually

SOURCE = str(Path(ame.__file__).parents[1])
ARGV = (sys.executable, "-c", "from ame.cli import main; main()")


@dataclass
class Process:
    """An `ame` that goes on, and what it has said."""

    child: "subprocess.Popen[bytes]"
    log: Path

    def said(self) -> str:
        return self.log.read_text()

    def says(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """Waits until it has said that."""
        assert eventually(lambda: bool(re.search(pattern, self.said())), seconds), self.said()
        found = re.search(pattern, self.said())
        assert found
        return found

    def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def end(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(60)


@contextmanager
def started(folder: Path, *arguments: str, **variables: str) -> Iterator[Process]:
    """An `ame` in a folder, with a state folder of its own there."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "said"
    plain = {key: value for key, value in os.environ.items() if not key.startswith("AME_")}
    with log.open("ab") as output:
        child = subprocess.Popen(
            (*ARGV, *arguments),
            cwd=folder,
            stdout=output,
            stderr=output,
            env={**plain, "PYTHONPATH": SOURCE, "AME_HOME": str(folder / "home"), **variables},
        )
    process = Process(child=child, log=log)
    try:
        yield process
    finally:
        if child.poll() is None:
            process.end()


@dataclass
class Manager:
    """One that is reached over HTTP."""

    url: str

    def post(self, function: str, **arguments: Any) -> Any:
        """What a function returns."""
        return self._sent("POST", f"/{function}", json.dumps(arguments).encode())

    def get(self, path: str) -> Any:
        return self._sent("GET", f"/api/v1/cloud/{path}", None)

    def put(self, task: str, name: str, content: str) -> None:
        self._sent("PUT", f"/api/v1/cloud/tasks/{task}/files/{name}", content.encode())

    def state(self, task: str) -> str:
        found: str = self.get(f"tasks/{task}")["state"]
        return found

    def _sent(self, method: str, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self.url + path, body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read()) from None


@contextmanager
def serving(folder: Path, *more: str) -> Iterator[tuple[Process, Manager]]:
    """A server that anyone on this machine may manage, at a free port or the configured one."""
    port = () if "--config" in more else ("--port", "0")
    arguments = ("server", "start", "--open", *port, *more)
    (folder / "said").unlink(missing_ok=True)
    with started(folder, *arguments) as process:
        url = process.says(r"serving at (http://\S+)")[1]
        yield process, Manager(url=url)
