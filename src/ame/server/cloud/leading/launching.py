"""Laying and starting the code of a task, as a process that outlives the server."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import ame
from ame import errors
from ame.daemon import paths
from ame.daemon.services import service as daemon
from ame.daemon.services import supervisor
from ame.federation.flower.deployment.programs import Tls
from ame.server.cloud import code, ledger
from ame.server.cloud.leading.asked import ADMITTED, HOME, PORT, RUN, TLS, Asked, workspace
from ame.server.cloud.tasks import filled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.daemon.reports.messages import Triggered
    from ame.daemon.services.supervisor import Supervised
    from ame.server.cloud.ledger import Service
    from ame.server.fleet import Contents

LONGEST: Final = 150
"""Characters of the name of a file for a client."""
GRACE: Final = 5.0
"""Seconds that a service has to end when it is told to, before it is killed."""
ADDRESS: Final = "FLOWER_ADDRESS"
_APP: Final = """\
import sys
sys.path.append({above!r})
from ame.server.cloud.leading.app import main
main()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where services work."""

    folder: Path
    """For what they say, and for code that was uploaded."""
    home: Path
    """The state folder, in which runs are listed."""
    work: Path
    """Where `tasks/task_ID` is, for tasks whose code nobody uploaded."""
    machine: str
    """Tells this manager from others of the same database."""
    tls: Path | None = None
    """The folder with the files by which SuperLinks of Flower apps speak TLS."""


class Launcher:
    """Starts servers of tasks, and code that they ask for."""

    def __init__(self, place: Place, blobs: Contents) -> None:
        self.place = place
        self._blobs = blobs

    def start(self, service: Service, version: code.Version | None) -> Supervised:
        """Starts the present attempt of a service, with the code of that version laid for it.

        Raises:
            errors.ServiceUnstarted: the machine has no room for it.
        """
        work = self._work(service)
        if version is not None:
            self._lay(work / "tasks" / f"task_{service.task}", version.laid(service.purpose))
        arguments = filled(service.arguments, service.port).split()
        ref = supervisor.start(
            daemon.Service(
                argv=(*_command(work, service.task), *arguments),
                folder=self.folder(service),
                works_in=work,
                variables=_environment(
                    {
                        RUN: service.run,
                        PORT: str(service.port),
                        ADDRESS: f"0.0.0.0:{service.port}",
                        TLS: str(self.place.tls or ""),
                        HOME: str(self.place.home),
                    }
                ),
                grace=GRACE,
            )
        )
        found = supervisor.find(ref)
        assert found is not None
        return found

    def joins(self, asked: Service, version: code.Version | None) -> str:
        """Sees that there is something to run, and how sites join in.

        Raises:
            errors.CodeMissing: there is not.
            errors.CloudTaskInvalid: it is a Flower app, and its arguments cannot be.
        """
        both = (code.SERVER, code.APP)
        if version is not None:
            place = f"version {version.number}"
            found = [name for name in both if name in version.laid(asked.purpose)]
        else:
            folder = self.place.work / "tasks" / f"task_{asked.task}"
            if not folder.is_dir():
                raise errors.CodeMissing(asked.task, str(folder))
            place = str(folder)
            found = [name for name in both if (folder / name).is_file()]
        if not found:
            raise errors.CodeMissing(asked.task, place, code.SERVER)
        if code.SERVER in found:
            return ""
        wanted = Asked.read(filled(asked.arguments, asked.port).split())
        return ledger.SUPERLINK if wanted.joined else ledger.NOBODY

    def join(self, service: Service, host: str, client: str, key: str) -> dict[str, Any]:
        """Lets the SuperNode of a client in, and says where it finds the SuperLink."""
        wanted = Asked.read(filled(service.arguments, service.port).split())
        tls = None if wanted.insecure else self.place.tls
        known = wanted.known_nodes or (tls is not None and wanted.superlink is None)
        if known:
            admitted = workspace(self._work(service), service.run) / ADMITTED
            admitted.mkdir(parents=True, exist_ok=True)
            name = quote(client, safe="")
            if len(name) > LONGEST:
                name = hashlib.sha256(name.encode()).hexdigest()
            fresh = admitted / f".{name}.new"
            fresh.write_text(key)
            fresh.replace(admitted / f"{name}.pem")
        if wanted.superlink is not None:
            address, authority = wanted.superlink, wanted.root_certificates
        else:
            address = f"{host}:{service.port}" if tls else f"http://{host}:{service.port}"
            authority = Tls(folder=tls).authority if tls else None
        return {
            "superlink": address,
            "certificates": authority.read_text() if authority else "",
            "known": known,
        }

    def in_place(self, task: str, path: str) -> bytes:
        """A file of a task whose code nobody uploaded.

        Raises:
            errors.CodeFileUnknown: there is none, or a link leads out of the task's folder.
        """
        folder = self.place.work / "tasks" / f"task_{task}"
        file = (folder / path).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.is_file():
            raise errors.CodeFileUnknown(task, path)
        return file.read_bytes()

    def trigger(self, service: Service, number: int, asked: Triggered) -> Supervised:
        """Runs code of the task that its server asks for; once for each message.

        Raises:
            errors.CodePathInvalid: its name leads out of the task's folder.
            errors.CodeFileUnknown: the task has no such code.
            errors.ServiceUnstarted: the machine has no room for it.
        """
        there = self.triggered(service, number)
        if there is not None:  # a manager before this one has started it
            return there
        work = self._work(service)
        path = paths.within(service.task, f"{asked.name}.py")
        script = work / "tasks" / f"task_{service.task}" / path
        if not script.is_file():
            raise errors.CodeFileUnknown(service.task, path)
        supervisor.start(
            daemon.Service(
                argv=(sys.executable, str(script), *asked.arguments),
                folder=self._trigger(service, number),
                works_in=work,
                variables=_environment({RUN: service.run}),
                grace=GRACE,
            )
        )
        found = self.triggered(service, number)
        assert found is not None
        return found

    def triggered(self, service: Service, number: int) -> Supervised | None:
        """What was started for that message, if anything was."""
        return supervisor.find(self._trigger(service, number))

    def _trigger(self, service: Service, number: int) -> Path:
        return self.folder(service) / "triggers" / str(number)

    def folder(self, service: Service) -> Path:
        """Where what an attempt of a service says is kept."""
        return self.place.folder / service.run / str(service.attempt)

    def _work(self, service: Service) -> Path:
        """Where it works: its own folder, or the one in which its code lies."""
        return self.folder(service).parent / "work" if service.version else self.place.work

    def _lay(self, folder: Path, files: dict[str, str]) -> None:
        for path, digest in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._blobs.read(digest))


def _command(work: Path, task: str) -> tuple[str, ...]:
    """What runs the code of a task: its server, or its Flower app."""
    folder = work / "tasks" / f"task_{task}"
    if (folder / code.SERVER).is_file():
        return (sys.executable, str(folder / code.SERVER), str(work))
    above = str(Path(ame.__path__[0]).resolve().parent)
    return (sys.executable, "-P", "-c", _APP.format(above=above), str(folder))


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What its process finds in its environment: nothing that is the server's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AME_")}
    return {**kept, **variables}
