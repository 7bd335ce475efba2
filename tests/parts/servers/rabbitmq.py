"""A real RabbitMQ of its own, as Debian packages it."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from parts.waiting import eventually, is_running

BINARIES = Path("/usr/lib/rabbitmq/bin")
QUICK = "+S 2:2 +sbwt very_long +sbwtdcpu very_long +sbwtdio very_long"
"""Schedulers that spin for a while: the broker is ready in a quarter of the time."""


@dataclass(slots=True, kw_only=True)
class RabbitMQ:
    """A broker on ports of its own, which can be killed and started again."""

    folder: Path
    port: int
    variables: dict[str, str]
    settings: str = ""
    _launcher: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def address(self) -> str:
        """As its first user."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Starts it on what it has on disk, and waits until it answers."""
        (self.folder / "rabbitmq.conf").write_text(self.settings)
        with (self.folder / "rabbitmq.log").open("ab") as log:
            self._launcher = subprocess.Popen(
                [BINARIES / "rabbitmq-server"], stdout=log, stderr=log, env=self.variables
            )
        launcher = self._launcher
        if not eventually(lambda: launcher.poll() is not None or self._answers(), 300):
            raise RuntimeError(f"RabbitMQ is silent:\n{self._said()}")
        if launcher.poll() is not None:
            raise RuntimeError(f"RabbitMQ ended:\n{self._said()}")

    def kill(self) -> None:
        """Ends it at once, as a loss of power does."""
        pid = int((self.folder / "pid").read_text())
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: not is_running(pid))
        if self._launcher is not None:
            self._launcher.wait()

    def restart(self) -> None:
        """Kills it and starts it again."""
        self.kill()
        self.start()

    def control(self, *words: str) -> str:
        """What `rabbitmqctl` says to this."""
        self._control("await_startup")  # its port answers a moment before it is up
        return self._control(*words)

    def _control(self, *words: str) -> str:
        done = subprocess.run(
            [BINARIES / "rabbitmqctl", *words],
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"rabbitmqctl {words} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _answers(self) -> bool:
        """Whether it says the first word of its protocol."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as wire:
                wire.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(wire.recv(1))
        except OSError:
            return False

    def _said(self) -> str:
        return (self.folder / "rabbitmq.log").read_text(errors="replace")


@contextmanager
def running(folder: Path, settings: str = "", schedulers: str = QUICK) -> Iterator[RabbitMQ]:
    """Starts a broker in an empty folder, and ends it and its port mapper."""
    port, distribution, mapper = free(3)
    home = folder / "home"
    home.mkdir(parents=True)
    (folder / "plugins").write_text("[].\n")
    broker = RabbitMQ(
        folder=folder,
        port=port,
        settings=settings,
        variables={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"t{port}@localhost",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"-kernel inet_dist_use_interface {{127,0,0,1}} {schedulers}"
            ),
        },
    )
    try:
        broker.start()
        yield broker
    finally:
        with suppress(FileNotFoundError):
            broker.kill()
        _end_mapper(home)


def free(number: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    open_ = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in open_]
    for one in open_:
        one.close()
    return ports


def _end_mapper(home: Path) -> None:
    """The process that maps names to ports stays behind; it is known by its home."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            named = b"epmd" in (folder / "cmdline").read_bytes().split(b"\0")[0]
            if named and f"HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
