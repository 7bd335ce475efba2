"""A server in this process, from its settings until it is told to end."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import resource
import signal
import socket
import threading
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ame import errors
from ame.server import app
from ame.server.calls import attestation, revocation
from ame.server.calls.doors import Doors
from ame.server.calls.http import Site
from ame.server.calls.service import Guarded
from ame.server.cloud import opening
from ame.server.settings import Settings
from ame.server.waking import Loop
from ame.storage import blobs, databases, objects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from granian.server.embed import Server


BACKLOG = 4096
"""Connections that wait to be taken."""
ENDING = (signal.SIGINT, signal.SIGTERM)
LINGER = 2.0
"""Seconds that requests, and then threads, have to come to an end."""
GARBAGE = 50_000
"""New objects after which those are looked for that only hold each other."""
FILES = 256
"""Files that a server opens beside its connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server runs, and what it runs on."""

    folder: Path
    """Holds the files of devices and tasks, and the database where none is named."""
    database: str = ""
    files: str = ""
    """A URL such as `s3://bucket/prefix`; empty: the folder."""
    host: str = "127.0.0.1"
    port: int = 8080
    """0: one that is free."""
    grpc_port: int | None = None
    """None: no gRPC; 0: one that is free."""
    public: str = ""
    """Where devices reach HTTP: `https://fleet.example`; empty: where they did."""
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    """Of the certificates that devices must show."""
    doors: Doors = field(default_factory=Doors)
    settings: Settings = field(default_factory=Settings)
    operations_answered: bool = False
    plain: bool = False
    """Whether payloads of the On-Device Personalization dialect may be without encryption."""
    attestation: Path | None = None
    revoked: Path | None = None
    """Of certificates of devices that are trusted no more, beside `attestation`."""
    """Certificates in PEM: the roots by which devices of that dialect show that they are genuine.
    None: all are."""
    cloud: opening.Wish | None = None
    """How Flower tasks are served, if they are."""
    more_ports: tuple[int, ...] = ()
    """At which all of HTTP is served as well."""

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def run(place: Place, ready: Callable[[str, str], None]) -> None:
    """Serves as `serve` does, and is this process: it ends within seconds of SIGINT or SIGTERM.

    What threads then still compute, such as the reading of a plan, is not waited for: what is to
    be kept of it is kept when it is done, or made again by the next server.
    """

    def begun(*addresses: str) -> None:
        spare()
        ready(*addresses)

    async def served() -> None:
        await serve(place, begun)
        leaving = threading.Timer(LINGER, os._exit, (0,))
        leaving.daemon = True
        leaving.start()

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(served())


def spare() -> None:
    """Sees that what this process keeps for good is not looked through again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])


async def serve(place: Place, ready: Callable[[str, str], None]) -> None:
    """Serves until SIGINT or SIGTERM; a second one ends the process at once.

    `ready` is told the addresses of HTTP and of gRPC.

    Raises:
        errors.ServerUnusable: a port is taken, or a certificate cannot be used.
        errors.DoorsOpen: others reach it, and anyone could manage.
    """
    if place.doors.open and not place.loopback:
        raise errors.DoorsOpen(place.host)
    place.folder.mkdir(parents=True, exist_ok=True)
    database = databases.opened(place.database or str(place.folder / "fleet.db"), "fleet")
    kept = (
        objects.Bucket(place.files)
        if place.files
        else blobs.Folder(place.folder / "blobs", full=True)
    )
    port = place.port or _probe(place.host, 0)
    async with AsyncExitStack() as stack:
        stack.callback(database.close)
        cloud = await _cloud(stack, place)
        server = await stack.enter_async_context(
            app.running(
                database,
                kept,
                settings=place.settings,
                doors=place.doors,
                plain=place.plain,
                verifier=_verifier(place.attestation, place.revoked),
                public=place.public,
                cloud=cloud,
            )
        )
        https = {each: _http(place, server, each) for each in (port, *place.more_ports)}
        base = f"{'https' if place.certificate else 'http'}://{place.host}:{port}"
        grpc_at = ""
        if place.grpc_port is not None:
            guarded = Guarded(
                service=server.service,
                doors=server.doors,
                clock=server.fleet.clock,
                base=place.public or base,
            )
            grpc_at = await _grpc(stack, place, guarded)
        await _until_ended(place.host, https, lambda: ready(base, grpc_at))


def _http(place: Place, server: app.App, port: int) -> Server:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    _probe(place.host, port)
    return Server(
        Site(server),
        address=place.host,
        port=port,
        interface=Interfaces.ASGI,
        backlog=BACKLOG,
        backpressure=_connections(place.settings.connections),
        log_access=False,
        log_enabled=False,
        ssl_cert=place.certificate,
        ssl_key=place.key,
        ssl_ca=place.client_ca,
        ssl_client_verify=place.client_ca is not None,
    )


async def _until_ended(host: str, https: Mapping[int, Server], ready: Callable[[], None]) -> None:
    """Serves at these ports until a signal comes, or one of the servers fails."""
    servings = {port: asyncio.create_task(http.serve()) for port, http in https.items()}
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in ENDING:
        loop.add_signal_handler(number, _end, loop, ended)
    for port, serving in servings.items():
        await _listening(host, port, serving)
    ready()
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait({*servings.values(), waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for http in https.values():
        http.stop()  # type: ignore[no-untyped-call]  # granian gives it no types
    done, _ = await asyncio.wait(servings.values(), timeout=LINGER)
    for served in done:
        served.result()


def _end(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """What a first signal does: a second one is the system's."""
    ended.set()
    for number in ENDING:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)


async def _cloud(stack: AsyncExitStack, place: Place) -> opening.Running | None:
    """The Flower tasks, with a database of their own, or tables beside those of the fleet.

    Their code is kept apart from the files of the fleet, so that each knows what it needs.
    """
    if place.cloud is None:
        return None
    address = place.database or str(place.folder / "cloud.db")
    if place.database and "://" not in place.database:
        beside = Path(place.database)
        address = str(beside.with_name(f"{beside.stem}-cloud{beside.suffix}"))
    database = databases.opened(address, "cloud")
    stack.callback(database.close)
    kept = (
        objects.Bucket(f"{place.files.rstrip('/')}/code")
        if place.files
        else blobs.Folder(place.folder / "cloud" / "code", full=True)
    )
    return await stack.enter_async_context(
        opening.running(place.cloud, database, kept, place.doors)
    )


def _verifier(roots: Path | None, revoked: Path | None) -> attestation.Verifier | None:
    """Who says which devices are genuine.

    Raises:
        errors.ServerUnusable: the file holds no certificates.
        errors.RevocationsUnreadable: the other file is no list of revoked ones.
    """
    if roots is None:
        return None
    try:
        gone = revocation.Revocations(revoked).serials if revoked else tuple
        return attestation.Chains.read(roots.read_bytes(), gone)
    except (OSError, ValueError) as error:
        raise errors.ServerUnusable(str(roots), str(error)) from None


async def _grpc(stack: AsyncExitStack, place: Place, service: Guarded) -> str:
    import grpc
    from grpc import aio

    from ame.protocol.wires import grpc as wire

    options = [("grpc.max_receive_message_length", place.settings.body_bytes)]
    served = aio.server(options=options)
    handlers = wire.handlers(service, operations_answered=place.operations_answered)
    served.add_generic_rpc_handlers(handlers)
    at = f"{place.host}:{place.grpc_port}"
    if place.certificate and place.key:
        pair = (place.key.read_bytes(), place.certificate.read_bytes())
        ca = place.client_ca.read_bytes() if place.client_ca else None
        credentials = grpc.ssl_server_credentials([pair], ca, require_client_auth=ca is not None)
        port = served.add_secure_port(at, credentials)
    else:
        port = served.add_insecure_port(at)
    await served.start()
    stack.push_async_callback(served.stop, 1.0)
    return f"{place.host}:{port}"


async def _listening(host: str, port: int, serving: asyncio.Task[None]) -> None:
    """Waits until the server takes connections, or has failed."""
    while not serving.done():
        try:
            _, connection = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            connection.close()
            return


def _connections(wanted: int) -> int:
    """How many connections this process may hold; it lets itself open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted + FILES if hard == resource.RLIM_INFINITY else min(wanted + FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return wanted if soft == resource.RLIM_INFINITY else max(min(wanted, soft - FILES), 1)


def _probe(host: str, port: int) -> int:
    """Sees that the port can be had, or which one, while a failure can still be told."""
    try:
        with socket.create_server((host, port)) as probed:
            had: int = probed.getsockname()[1]
    except OSError as error:
        raise errors.ServerUnusable(f"{host}:{port}", error.strerror or str(error)) from None
    return had
