"""A command in a container: followed, ended, and cleared away."""

import json
import math
import re
import shlex
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ame import errors, process
from ame.engine.backends import memory
from ame.engine.backends.client import Client

_VARIABLES = ".ame"
_LAST_OUTPUT = 5.0
"""Seconds that the engine's client has to pass on what a stopped command has printed."""
_NO_SHELL = "it has no `/bin/sh`, or none for this machine's processor"
HOME = "/home/ame"
"""The home folder in every container; empty at first, gone with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of an engine, which may not be there yet, or no more."""

    client: Client
    name: str
    image: str
    scratch: Path
    """A folder of this machine that is the container's own."""

    @property
    def home(self) -> Path:
        """Its home folder on this machine."""
        return self.scratch / "home"

    @property
    def oom_file(self) -> Path:
        """What Podman's monitor makes, in the folder where its client was started, when a process
        of the container was ended for want of memory.
        """
        return self.scratch / "oom"

    def state(self) -> "State | None":
        """How it is; None when it does not exist.

        Raises:
            errors.ContainerEngineSilent: the engine no longer answers.

        """
        try:
            told = self.client.say("container", "inspect", "--format", "{{json .State}}", self.name)
        except errors.ContainerEngineSilent as error:
            if "no such container" in error.said.lower():
                return None
            raise
        state = json.loads(told)
        return State(
            running=state["Status"] not in ("exited", "stopped", "dead", "created"),
            # The file, too: Podman 4.3 keeps it from its own record.
            out_of_memory=state["OOMKilled"] or self.oom_file.exists(),
            code=state["ExitCode"],
            error=state.get("Error", ""),
        )

    def admit(self, variables: Mapping[str, str]) -> str:
        """Writes the variables as shell text that only this user reads; returns its path inside.

        Raises:
            errors.VariableUnfit: a name is none that a shell takes.

        """
        lines = []
        for name, value in ({"HOME": HOME} | dict(variables)).items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise errors.VariableUnfit(name)
            lines.append(f"{name}={shlex.quote(value)}\n")
        self.home.mkdir()
        file = self.home / _VARIABLES
        file.touch(mode=0o600)
        file.write_text("".join(lines), errors="surrogateescape")
        return f"{HOME}/{file.name}"

    def entered(self) -> bool:
        """Whether the command has taken its variables over: their file is empty then, or gone."""
        try:
            return (self.home / _VARIABLES).stat().st_size == 0
        except FileNotFoundError:
            return True

    def stop(self, grace: float) -> bool:
        """Asks the command to end, ends it after the grace, waits for that; whether it could."""
        try:
            self.client.say("stop", "-t", str(math.ceil(grace)), self.name, wait=grace)
        except errors.ContainerEngineSilent:
            return False
        return True

    def remove(self) -> None:
        """Ends it at once, if need be, and removes all of it. What fails is left to the sweep."""
        with suppress(errors.ContainerEngineSilent):
            self.client.say("rm", "--force", "--volumes", self.name)
        shutil.rmtree(self.scratch, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How a container is."""

    running: bool
    out_of_memory: bool
    code: int
    error: str


class Contained:
    """A command that runs in a container; to be used as a `process.Child`."""

    def __init__(
        self,
        child: process.Child,
        container: Container,
        *,
        limited: str,
        watch: memory.Watch | None,
        after: Callable[[], None],
    ) -> None:
        """`watch` is the container's own, and closed with it; `after` is called at the end."""
        self._child = child
        self._container = container
        self._watch = watch
        self._after = after
        self._lock = threading.Lock()
        self._cause: process.Cause | None = None
        self._exit: process.Exit | None = None
        self.limited = limited
        self.grouped = False
        if watch is not None:
            threading.Thread(target=watch.follow, args=(self._out_of_memory,), daemon=True).start()

    @property
    def output(self) -> BinaryIO:
        """What the command prints, or the engine when it cannot start it."""
        return self._child.output

    @property
    def identity(self) -> process.Identity:
        """Of the engine's client, which lives as long as the command."""
        return self._child.identity

    def wait(self, timeout: float | None = None) -> process.Exit:
        """Waits for the end of the command, then removes its container.

        Raises:
            TimeoutError: it has not ended within so many seconds.
            errors.ContainerFailed: the engine could not start the container.
            errors.ContainerEngineSilent: the engine is gone, and how the command ended with it.

        """
        ended = self._child.wait(timeout)
        with self._lock:
            if self._exit is None:
                try:
                    self._exit = self._conclude(ended)
                finally:
                    if self._watch is not None:
                        self._watch.close()
                    self._container.remove()
                    self._after()
            return self._exit

    def ended(self) -> bool:
        """Whether the engine's client has ended, and with it the output."""
        return self._child.ended()

    def end(self, grace: float = 5.0, cause: process.Cause = process.Cause.ASKED) -> None:
        """Asks the command to end, and ends all of the container after the grace.

        Returns at once; `wait` tells when it is done.
        """
        self._cause = self._cause or cause
        threading.Thread(target=self._stop, args=(grace,), daemon=True).start()

    def _stop(self, grace: float) -> None:
        if self._container.stop(grace):
            # The client ends by itself then, once it has passed on the last of the output.
            with suppress(TimeoutError):
                self._child.wait(_LAST_OUTPUT)
        self._child.end(grace)

    def _out_of_memory(self) -> None:
        self.end(0, process.Cause.MEMORY)

    def _conclude(self, ended: process.Exit) -> process.Exit:
        """How the command ended, given how the engine's client did."""
        state = self._container.state()
        cause = self._cause or ended.cause
        if cause is None and not self._container.entered():
            why = "the engine refused" if state is None else state.error or _NO_SHELL
            raise errors.ContainerFailed(self._container.image, why)
        if state is None or state.running or (ended.code < 0 and cause is None):
            return process.Exit(code=ended.code, cause=cause or process.Cause.LOST)
        if state.out_of_memory:
            cause = cause or process.Cause.MEMORY
        return process.Exit(code=state.code, cause=cause)
