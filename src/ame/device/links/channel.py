"""A server as a device reaches it over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ame import errors
from ame.device.links import link

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from grpc import ChannelCredentials
    from grpc.aio import Channel

PLAIN: Final = "grpc"
SAFE: Final = "grpcs"


def opened(address: str, files: Mapping[str, Path | None], *, insecure: bool) -> Channel:
    """A channel to `grpc://host:port`, or to `grpcs://host:port` by TLS.

    `files` in PEM: `authority`, where the system does not know the server's; `certificate` and
    `key`, where the server asks for them. In an event loop; to be closed by `async with`.

    Raises:
        errors.AddressUnsafe: it would go to another machine in the open.
        errors.ExtraMissing: gRPC is not installed.
    """
    try:
        from grpc import aio
    except ImportError:
        raise errors.ExtraMissing("fleet", "calls over gRPC") from None
    parts = urlsplit(address)
    if parts.scheme == SAFE:
        return aio.secure_channel(parts.netloc, _credentials(files))
    if parts.scheme != PLAIN or not (insecure or parts.hostname in link.LOCAL):
        raise errors.AddressUnsafe(address)
    return aio.insecure_channel(parts.netloc)


def _credentials(files: Mapping[str, Path | None]) -> ChannelCredentials:
    import grpc

    read = {name: path.read_bytes() for name, path in files.items() if path is not None}
    return grpc.ssl_channel_credentials(
        root_certificates=read.get("authority"),
        private_key=read.get("key"),
        certificate_chain=read.get("certificate"),
    )
