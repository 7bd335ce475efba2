"""A SuperLink of this machine with what leads its runs, and SuperNodes: watched, started again."""

from __future__ import annotations

import secrets
import shutil
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ame import errors
from ame.federation.flower.deployment import keys, programs
from ame.federation.flower.deployment.children import LOOPBACK, Children, free, how
from ame.federation.flower.deployment.control import Control
from ame.federation.flower.links import Link
from ame.federation.flower.runtime import Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ame import process
    from ame.federation.exchange.watcher import Watcher
    from ame.federation.flower.deployment.programs import Argv, Tls

PATIENCE: Final = 180.0
"""Seconds that a SuperLink has to come up."""
FALLS: Final = 5
"""How often a program that ends is started again. One that then lasts is forgiven."""
LASTS: Final = 300.0
_PROBE: Final = 5.0
LINK: Final = "superlink"
_STOPPED: Final = "Task stopped"
"""What a ServerApp says that was told to end."""
DATABASE: Final = "superlink.db"
LEADER: Final = "serverapp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """How a SuperLink of this machine is to be reached."""

    host: str = LOOPBACK
    """The address that it listens on."""
    port: int = 0
    """0: one that is free."""
    tls: Tls | None = None
    """None: it is spoken to without TLS."""
    known_nodes: bool = False
    """Whether it lets in SuperNodes only that were admitted; that takes TLS."""
    silence: float = PATIENCE
    """Seconds for which one that was up may be silent before it is started again."""


@dataclass(slots=True, kw_only=True)
class _Kept:
    """A program that is started again when it ends."""

    name: str
    argv: Argv
    child: process.Child
    since: float
    falls: int = 0
    again: float = 0.0
    """When it is started again, where it has ended."""


class Hosted:
    """The processes; they end with it. The folder keeps what they print, and the database."""

    def __init__(
        self,
        hosting: Hosting,
        sites: Sequence[str],
        *,
        folder: Path,
        results: Path,
        watcher: Watcher,
    ) -> None:
        """Starts the SuperLink and a SuperNode for each site, and returns at once.

        ServerApps work in the folder `results`.

        Raises:
            errors.SuperLinkTlsInvalid: the certificate is none.
        """
        self._folder, self._results, self._watcher = folder, results, watcher
        self._home = folder / "home"
        for each in (folder, results):
            each.mkdir(parents=True, exist_ok=True)
        self._home.mkdir(mode=0o700, exist_ok=True)
        if sites:
            _set_aside(folder)
        self._secret = secrets.token_bytes(32)
        secret = self._home / "secret"
        secret.write_bytes(self._secret)
        ports = free(len(sites) + 1)
        tls = hosting.tls
        self.link = Link(
            address=f"{tls.name() if tls else LOOPBACK}:{hosting.port or ports[0]}",
            insecure=tls is None,
            root_certificates=tls.authority if tls else None,
        )
        self._children = Children(folder, self._home, self._printed)
        self._sites = frozenset(sites)
        self._known: dict[str, bytes] = {}
        """The public keys of its own SuperNodes."""
        self._wanted: int | None = None
        self._told: Callable[[bytes], None] = lambda _: None
        self._leader: process.Child | None = None
        self._queue: Queue | None = None
        self._silence = hosting.silence
        self._up = False
        """Whether the SuperLink has answered since it was started."""
        self._heard = time.monotonic()
        self._probed = 0.0
        self._kept: list[_Kept] = []
        try:
            self._begin(hosting, secret, sites, ports[1:])
        except BaseException:
            self.close()
            raise

    def _begin(
        self, hosting: Hosting, secret: Path, sites: Sequence[str], ports: Sequence[int]
    ) -> None:
        link = programs.superlink(
            self.link,
            host=hosting.host,
            database=self._folder / DATABASE,
            tls=hosting.tls,
            known_nodes=hosting.known_nodes,
            secret=secret,
        )
        self._keep(LINK, link)
        for place, (site, port) in enumerate(zip(sites, ports, strict=True)):
            key = self._home / f"{site}.key" if hosting.known_nodes else None
            if key is not None:
                self._known[site] = keys.public(key)
            config = programs.node_config(site, place, len(sites))
            argv = programs.supernode(self.link, port=port, config=config, key=key)
            self._keep(site, argv)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def await_link(self) -> None:
        """Until the SuperLink says that it is well, and lets in the SuperNodes of this machine.

        Raises:
            errors.FlowerUnreachable: it does not come up.
        """
        while not self._well():
            self.look()
            time.sleep(0.1)
        self._up, self._heard = True, time.monotonic()
        with Control(self.link) as control:
            for site, public in self._known.items():
                control.admit(public, site)

    def lead(self, run: int, told: Callable[[bytes], None]) -> None:
        """From now on, `look` has this run led. Runs that others submit are stopped.

        `told` is given what its ServerApp prints, in a thread: all of it, though the SuperLink,
        which keeps it too, may be away.
        """
        self._wanted, self._told = run, told

    def drain(self, within: float) -> None:
        """Waits until all was told that the ServerApp has printed, so many seconds at most."""
        self._children.drain(LEADER, within)

    def led(self) -> process.Exit | None:
        """How what led the run has ended, if it has."""
        return self._leader.left() if self._leader is not None else None

    def completed(self) -> bool:
        """Whether what led the run has come to its end, and was not told to stop."""
        end = self.led()
        return end is not None and end.code == 0 and not self._children.said(LEADER, _STOPPED)

    def look(self) -> None:
        """Starts again what has ended or is silent, and leads what waits. To be called often.

        Raises:
            errors.FlowerUnreachable: one ends again and again, or does not come up.
        """
        for kept in self._kept:
            self._tend(kept)
        now = time.monotonic()
        if now - self._probed > _PROBE:
            self._probed = now
            patience = self._silence if self._up else PATIENCE
            if self._well():
                self._up, self._heard = True, now
            elif now - self._heard > patience:
                self._watcher.note(f"the SuperLink is silent for {patience:g} s, and is ended")
                self._up, self._heard = False, now
                self._kept[0].child.end(0)
        self._take()

    def pid(self, name: str) -> int:
        """The process of the SuperLink, of a SuperNode by its site, or of the ServerApp."""
        if name == LEADER:
            assert self._leader is not None
            return self._leader.identity.pid
        return next(each.child.identity.pid for each in self._kept if each.name == name)

    def close(self) -> None:
        """Ends all of them. Again has no further effect."""
        if self._queue is not None:
            self._queue.close()
            self._queue = None
        self._children.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _keep(self, name: str, argv: Argv) -> None:
        child = self._children.start(name, argv)
        self._kept.append(_Kept(name=name, argv=argv, child=child, since=time.monotonic()))

    def _tend(self, kept: _Kept) -> None:
        now = time.monotonic()
        if kept.again:
            if now >= kept.again and kept.child.ended():  # and all that it had started
                kept.child = self._children.start(kept.name, kept.argv)
                kept.since, kept.again = now, 0.0
            return
        end = kept.child.left()
        if end is None:
            return
        kept.falls = 1 if now - kept.since > LASTS else kept.falls + 1
        what = "the SuperLink" if kept.name == LINK else f"the SuperNode of {kept.name}"
        if kept.falls > FALLS:
            raise errors.FlowerUnreachable(
                what, self.link.address, f"it {how(end)}: {self._children.last_words(kept.name)}",
                f"what it said is in {self._folder}/{kept.name}.log",
            )  # fmt: skip
        self._watcher.note(f"{what} {how(end)}, and is started again ({kept.falls})")
        kept.child.end(0)
        kept.again = now + min(2.0 ** (kept.falls - 2), 10.0)
        if kept.name == LINK:
            self._up, self._heard = False, now

    def _well(self) -> bool:
        """Whether the SuperLink answers its health probe."""
        scheme = "http" if self.link.insecure else "https"
        trust = None
        if self.link.root_certificates is not None:
            trust = ssl.create_default_context(cafile=str(self.link.root_certificates))
        url = f"{scheme}://{self.link.address}/health"
        try:
            with urllib.request.urlopen(url, timeout=_PROBE, context=trust) as answer:  # noqa: S310 - ours
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def _take(self) -> None:
        """Starts what leads the run that is wanted, once it waits to be led."""
        if self._wanted is None or (self._leader is not None and self.led() is None):
            return
        import httpx

        self._queue = self._queue or Queue(self.link, self._secret)
        try:
            taken = self._queue.take("flwr-serverapp")
        except httpx.HTTPError:  # it comes back, or is not well
            return
        if taken is None:
            return
        run, token = taken
        if run != self._wanted:
            self._watcher.note(f"run {run}, which somebody else has submitted, is stopped")
            with Control(self.link) as control:
                control.stop(run)
            return
        if self._leader is not None:  # it was too slow for Flower, which lets the run wait again
            self._watcher.note("the run waits to be led again, and is")
        file = self._home / "token"
        file.write_text(token)
        argv = programs.serverapp(self.link, file)
        self._leader = self._children.start(LEADER, argv, self._results)

    def _printed(self, name: str, chunk: bytes) -> None:
        if name in self._sites:
            self._watcher.printed(name, chunk)
        elif name == LEADER:
            self._told(chunk)


def _set_aside(folder: Path) -> None:
    """Keeps the database of one that has ended, and its SuperNodes with it, under another name.

    In it they would be taken to be there for another minute, and be asked in vain.
    """
    before = len(list(folder.glob(f"{DATABASE}.[0-9]*")))
    for file in folder.glob(f"{DATABASE}*"):
        if not file.suffix.lstrip(".").isdecimal():
            file.rename(folder / f"{file.name}.{before}")
