"""How bytes get to a server and back: one request, one response."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self

from ame import errors
from ame.protocol import statuses

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

MOST: Final = 512 << 20
"""Bytes of the longest response that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back."""

    status: int
    type: str
    """Its content type, without parameters."""
    body: bytes


class Transport(Protocol):
    """Sends requests. Several may be under way at once; one is never sent twice."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """The response, whatever its status. `url` goes out as it is written.

        Raises:
            errors.CallFailed: UNAVAILABLE where none came, or one that cannot be read.
        """
        ...


class Http:
    """Requests over HTTP/1.1, on connections that are kept open. To be closed by `async with`."""

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, connections: int = 100, seconds: float = 300.0
    ) -> None:
        """`connections` at most at once; `seconds` for a request from its begin to its end."""
        self._tls = tls
        self._connections = connections
        self._seconds = seconds

    async def __aenter__(self) -> Self:
        try:
            import aiohttp
        except ImportError:
            raise errors.ExtraMissing("device", "a device") from None
        connector = aiohttp.TCPConnector(
            limit=self._connections, ssl=self._tls if self._tls is not None else True
        )
        timeout = aiohttp.ClientTimeout(total=self._seconds)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """See `Transport`."""
        import aiohttp
        from yarl import URL

        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                data=body or None,
                headers=headers,
                skip_auto_headers=("content-type", "user-agent"),
                allow_redirects=False,
            ) as response:
                if (response.content_length or 0) > MOST:
                    raise _silent(f"{url} sends more than {MOST} bytes")
                content = await response.read()
                return Response(status=response.status, type=response.content_type, body=content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _silent(str(error) or type(error).__name__) from None


def _silent(why: str) -> errors.CallFailed:
    return errors.CallFailed(statuses.UNAVAILABLE, why)


def tls(
    *, authority: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Whom a device trusts, and what it shows of itself: files in PEM.

    Raises:
        OSError: a file is not there, or is not what it should be.
    """
    context = ssl.create_default_context(cafile=authority)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context
