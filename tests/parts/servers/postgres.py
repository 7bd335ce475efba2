"""A real PostgreSQL server, as Debian packages it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from parts.servers import ports
from parts.waiting import eventually

BINARIES = next(Path("/usr/lib/postgresql").glob("*/bin"), Path("/usr/lib/postgresql/bin"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A server of its own, for the tests that share it."""

    port: int

    def fresh(self, name: str) -> str:
        """The address of a new, empty schema, which is a database to whoever is given that.

        One of its own would be a thousand files, to be copied before a test and removed at the end.
        """
        address = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f'CREATE SCHEMA "{name}"'.encode())
        return f"{address}?options=-csearch_path%3D%22{name}%22"


@contextmanager
def running(folder: Path) -> Iterator[Postgres]:
    """Starts a server and ends it. Its log lies in `folder`; its data where another user may go."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as data, ports.held() as port:
        yield from _started(folder, Path(data), port)


def _started(folder: Path, data: Path, port: int) -> Iterator[Postgres]:
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:  # the server refuses to run as root
        user = pwd.getpwnam("postgres")
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        shutil.chown(data, user.pw_uid, user.pw_gid)
    initdb = str(BINARIES / "initdb")
    made = [initdb, "--auth=trust", "--username=postgres", "--no-sync", str(data)]
    subprocess.run(made, check=True, capture_output=True, cwd="/", **as_user)
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
    with (folder / "postgres.log").open("wb") as log:
        server = subprocess.Popen(
            [BINARIES / "postgres", "-D", data, *options.split()],
            stdout=log,
            stderr=log,
            cwd="/",
            **as_user,
        )
    try:
        if not eventually(lambda: server.poll() is not None or _answers(port), 60):
            raise RuntimeError(f"PostgreSQL is silent:\n{(folder / 'postgres.log').read_text()}")
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended:\n{(folder / 'postgres.log').read_text()}")
        yield Postgres(port=port)
    finally:
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    try:
        psycopg.connect(
            f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=2
        ).close()
    except psycopg.Error:
        return False
    return True
