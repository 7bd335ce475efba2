"""Programs of Flower's as children of this process: what they print is kept in files."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Final, Self

from ame import process
from ame.federation.flower.deployment import programs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from ame.federation.flower.deployment.programs import Argv

LOOPBACK: Final = "127.0.0.1"
_TAIL: Final = 4096


class Children:
    """All of them end with it, and with this process, with all that they have started."""

    def __init__(
        self, logs: Path, home: Path, printed: Callable[[str, bytes], None] = lambda *_: None
    ) -> None:
        """`home` is for what Flower keeps; `printed` is told what each prints, in threads."""
        logs.mkdir(parents=True, exist_ok=True)
        self.logs = logs
        self._home = home
        self._printed = printed
        self._supervisor = process.Supervisor()
        self._pumps: dict[str, threading.Thread] = {}
        """Those that read what is printed, by the names of the programs."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self, name: str, argv: Argv, folder: Path | None = None) -> process.Child:
        """Starts one, in the folder for what Flower keeps or another."""
        child = self._supervisor.start(
            process.Command(
                argv=argv,
                folder=folder or self._home,
                variables=programs.environment(self._home / name),
            )
        )
        pump = threading.Thread(target=self._keep, args=(child, name), name=name, daemon=True)
        pump.start()
        self._pumps[name] = pump
        return child

    def last_words(self, name: str) -> str:
        """The last line that one has printed."""
        log = self.logs / f"{name}.log"
        said = log.read_text(errors="replace").strip() if log.exists() else ""
        return said.rpartition("\n")[2] or "it said nothing"

    def said(self, name: str, word: str) -> bool:
        """Whether a word is in the last that one has printed."""
        log = self.logs / f"{name}.log"
        return log.exists() and word.encode() in log.read_bytes()[-_TAIL:]

    def close(self) -> None:
        """Ends all of them. Again has no further effect."""
        self._supervisor.close(grace=1.0)
        for pump in self._pumps.values():
            pump.join()

    def drain(self, name: str, within: float) -> None:
        """Waits until all is told that one has printed which has ended, so many seconds at most."""
        if name in self._pumps:
            self._pumps[name].join(within)

    def _keep(self, child: process.Child, name: str) -> None:
        with (self.logs / f"{name}.log").open("ab", buffering=0) as log:

            def add(chunk: bytes) -> None:
                log.write(chunk)
                self._printed(name, chunk)

            process.pump(child, add)


def how(end: process.Exit) -> str:
    """How a program has ended, in words that follow its name."""
    if end.code < 0:
        return f"was ended by signal {-end.code}"
    return f"has ended with exit code {end.code}"


def free(count: int) -> list[int]:
    """Ports of loopback at which nothing listens now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
