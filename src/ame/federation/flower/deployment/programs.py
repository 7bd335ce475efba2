"""Flower's own programs: how each is started, and what it finds in its environment."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import ame
from ame import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.federation.flower.links import Link

_QUIET: Final = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "PYTHONUNBUFFERED": "1",
}
PACKAGES: Final = "AME_APP_PACKAGES"
"""The variable with a folder of packages that an app needs beside those that are here."""
_LINK: Final = "from flwr.superlink.cli import flower_superlink as main; main()"
_NODE: Final = "from flwr.supernode.cli import flower_supernode as main; main()"
_APP: Final = "from flwr.superlink.cli import flwr_serverapp as main; main()"
_SITE: Final = "from ame.federation.flower.site import main; main()"

Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """The files by which a SuperLink speaks TLS, as Flower's documents name them."""

    folder: Path

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Those of a folder.

        Raises:
            errors.SuperLinkTlsInvalid: it does not have them.
        """
        found = cls(folder=folder.absolute())
        for each in (found.authority, found.certificate, found.key):
            if not each.is_file():
                raise errors.SuperLinkTlsInvalid(str(folder), f"has no `{each.name}`")
        return found

    @property
    def authority(self) -> Path:
        """By which the certificate is checked."""
        return self.folder / "ca.crt"

    @property
    def certificate(self) -> Path:
        """The SuperLink's."""
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        """The certificate's."""
        return self.folder / "server.key"

    def name(self) -> str:
        """By which this machine itself reaches the SuperLink: one that the certificate has.

        Raises:
            errors.SuperLinkTlsInvalid: the certificate is none, or has no name.
        """
        from cryptography import x509

        try:
            read = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, x509.ExtensionNotFound) as error:
            why = f"has a `{self.certificate.name}` without names: {error}"
            raise errors.SuperLinkTlsInvalid(str(self.folder), why) from error
        hosts = names.get_values_for_type(x509.DNSName)
        addresses = [str(each) for each in names.get_values_for_type(x509.IPAddress)]
        found = [*hosts, *addresses]
        return next((each for each in ("localhost", "127.0.0.1") if each in found), found[0])


def superlink(
    link: Link,
    *,
    host: str,
    database: Path | None = None,
    tls: Tls | None = None,
    known_nodes: bool = False,
    secret: Path | None = None,
) -> Argv:
    """A SuperLink that leaves ServerApps to others, at the port of `link`.

    With `known_nodes` it lets in SuperNodes that were admitted; who leads runs shows `secret`.
    """
    return (
        *_python(_LINK),
        *(_files(tls) if tls else ("--insecure",)),
        *("--isolation", "process", "--host", host, "--port", link.address.rpartition(":")[2]),
        *(("--database", str(database)) if database else ()),
        *(("--enable-supernode-auth",) if known_nodes else ()),
        *(("--superexec-auth-secret-file", str(secret)) if secret else ()),
    )


def supernode(
    link: Link, *, port: int, config: str, isolated: bool = False, key: Path | None = None
) -> Argv:
    """A SuperNode of a SuperLink, whose own port is for what does its tasks.

    Those are processes of its own; where it is `isolated`, it leaves them to others.
    """
    return (
        *_python(_NODE),
        *link.options(),
        *("--superlink", link.address, "--host", "127.0.0.1", "--port", str(port)),
        *("--node-config", config),
        *(("--isolation", "process") if isolated else ()),
        *(("--auth-supernode-private-key", str(key)) if key else ()),
    )


def serverapp(link: Link, token: Path) -> Argv:
    """What does the task of a ServerApp, which it is given by a token in a file."""
    return (
        *_python(_APP),
        *link.options(),
        *("--runtime-api-address", link.address, "--token-file", str(token)),
    )


def site(address: str, workspace: Path) -> Argv:
    """What does the tasks of an isolated SuperNode for jobs of ours."""
    return (*_python(_SITE), address, "--workspace", str(workspace))


def import_first(folder: Path) -> None:
    """Lets this process, and programs that it starts from now on, import from a folder first."""
    sys.path.insert(0, str(folder))
    os.environ[PACKAGES] = str(folder)


def environment(home: Path, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What such a program finds beside these: a folder of its own for what Flower keeps."""
    paths = [
        variables.get(PACKAGES, ""),
        str(Path(ame.__path__[0]).resolve().parent),
        variables.get("PYTHONPATH", ""),
    ]
    # it starts others of Flower's programs by their names
    programs = [str(Path(sys.executable).parent), variables.get("PATH", os.defpath)]
    return {
        **variables,
        **_QUIET,
        "FLWR_HOME": str(home),
        "PATH": os.pathsep.join(programs),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def node_config(site: str, place: int, count: int) -> str:
    """The configuration of one of `count` nodes, as a SuperNode takes it."""
    return f'site="{site}" partition-id={place} num-partitions={count}'


def _python(code: str) -> Argv:
    return (sys.executable, "-P", "-W", "ignore", "-c", code)


def _files(tls: Tls) -> Argv:
    return (
        *("--ssl-ca-certfile", str(tls.authority)),
        *("--ssl-certfile", str(tls.certificate)),
        *("--ssl-keyfile", str(tls.key)),
    )
