"""How devices get at a server: where it is, what they show of themselves, which dialect it has."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ame.device.links import link, transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ame.device.examples import Examples
    from ame.device.links.link import Link
    from ame.device.links.personal import Personal
    from ame.device.memory import Memory
    from ame.protocol.wires.grpc import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """A server as devices get at it. Files are named by their paths, and are in PEM."""

    server: str
    key: str = field(default="", repr=False)
    """For `x-goog-api-key`."""
    insecure: bool = False
    """Whether plain HTTP to other machines is allowed."""
    grpc: str = ""
    """Where calls go instead: `grpc://host:port`, or `grpcs://`; files go to `server` still."""
    operations: bool = False
    """Whether the server answers with operations over gRPC too."""
    personal: bool = False
    """Whether the server is spoken to in the On-Device Personalization dialect."""
    keys: str = ""
    """Where, in that dialect, the keys are to encrypt with; empty: at the server."""
    authority: str = ""
    certificate: str = ""
    certificate_key: str = ""

    @asynccontextmanager
    async def opened(self, *, connections: int = 100, compress: bool = True) -> AsyncIterator[Link]:
        """A link over these many connections.

        Raises:
            errors.AddressUnsafe: it would go to another machine in the open.
            errors.ExtraMissing: what it needs is not installed.
        """
        files = {
            "authority": _path(self.authority),
            "certificate": _path(self.certificate),
            "key": _path(self.certificate_key),
        }
        tls = transport.tls(**files) if any(files.values()) else None
        async with AsyncExitStack() as stack:
            http = transport.Http(tls=tls, connections=connections)
            yield link.Link(
                transport=await stack.enter_async_context(http),
                server=self.server,
                key=self.key,
                insecure=self.insecure,
                compress=compress,
                grpc=await self._grpc(stack, files) if self.grpc else None,
            )

    def spoken(
        self,
        over: Link,
        memory: Memory,
        examples: Examples,
        clock: Callable[[], float],
        authorization: Callable[[], str],
    ) -> Link | Personal:
        """The link in the dialect that the server has, for one device.

        `authorization` says what the device is known by there.
        """
        if not self.personal:
            return over
        from ame.device.links.personal import Personal

        return Personal(
            link=over,
            memory=memory,
            examples=examples,
            clock=clock,
            authorization=authorization(),
            keys=self.keys,
        )

    async def _grpc(self, stack: AsyncExitStack, files: dict[str, Path | None]) -> Client:
        from ame.device.links import channel
        from ame.protocol.wires.grpc import Client

        opened = channel.opened(self.grpc, files, insecure=self.insecure)
        await stack.enter_async_context(opened)
        return Client(channel=opened, operations_answered=self.operations)


def _path(name: str) -> Path | None:
    return Path(name) if name else None
