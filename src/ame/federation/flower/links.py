"""Where a SuperLink or a SuperNode is, and how it is spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ame import errors

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a SuperLink or a SuperNode is, and how its certificate is checked."""

    address: str
    """`host:port`."""
    insecure: bool = False
    """Whether it is spoken to without TLS."""
    root_certificates: Path | None = None
    """PEM; None: those that this machine trusts."""

    def client(self, kind: type[Any], *interceptors: object, component: str) -> Any:
        """A client of one of its APIs."""
        from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor

        return kind.from_server_address(
            server_address=self.address,
            insecure=self.insecure,
            root_certificates=self.certificates(),
            interceptors=[RuntimeVersionHttpInterceptor(component_name=component), *interceptors],
        )

    def options(self) -> tuple[str, ...]:
        """The same for a program of Flower's."""
        if self.insecure:
            return ("--insecure",)
        return (
            ("--root-certificates", str(self.root_certificates)) if self.root_certificates else ()
        )

    def certificates(self) -> bytes | None:
        """The certificates themselves."""
        return None if self.root_certificates is None else self.root_certificates.read_bytes()


def link(address: str, root_certificates: Path | None = None) -> Link:
    """A SuperLink as people name it: `HOST:PORT`, or `http://HOST:PORT` where no TLS is spoken.

    Raises:
        errors.SuperLinkInvalid: it is none of these, or certificates have nothing to check.
    """
    scheme, there, rest = address.rpartition("://")
    host, _, port = rest.rpartition(":")
    if (there and scheme not in {"http", "https"}) or not host or not port.isdecimal():
        raise errors.SuperLinkInvalid(address, "give `HOST:PORT`, or `http://HOST:PORT`")
    if scheme == "http" and root_certificates is not None:
        raise errors.SuperLinkInvalid(address, "without TLS there is no certificate to check")
    return Link(address=rest, insecure=scheme == "http", root_certificates=root_certificates)
