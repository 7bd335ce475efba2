"""A site's share in a task whose code is a Flower app: a SuperNode of the task's SuperLink."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.daemon.site import link
from ame.federation import flower
from ame.federation.flower.deployment import children, keys, programs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ame.daemon.site.offers import Offer
    from ame.federation.flower.runtime import Link

SUPERLINK: Final = "superlink"
"""What an offer says that asks for a SuperNode."""
FALLS: Final = 3
"""How often the SuperNode of a task may end by itself before the task is in quarantine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where SuperNodes of a site keep what is theirs, and how they are configured."""

    work: Path
    site: str
    config: str = ""
    """Settings beside the site's name: `partition-id=0 num-partitions=2`."""

    @property
    def key(self) -> Path:
        """The site's private key: by it SuperLinks know the site."""
        return self.work / "client_info" / f"{self.site}.key"

    @property
    def flower(self) -> Path:
        """For what Flower keeps."""
        return self.work / ".flower"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A SuperLink that lets this site in."""

    link: Link
    known: bool
    """Whether it knows the site by its key."""


def join(server: str, offer: Offer, place: Place) -> Joined:
    """Asks the server where the SuperLink of a task is, and to be let in.

    Raises:
        errors.ServerSilent: the server is not reached.
        errors.OfferRefused: it does not let this site in, or what it says cannot be.
        errors.ExtraMissing: Flower is not installed.
    """
    try:
        public = keys.public(place.key)
    except ImportError as missing:
        raise errors.ExtraMissing("flower", "running apps of Flower") from missing
    said = link.join(server, offer, public.decode())
    try:
        address, certificates = str(said["superlink"]), str(said["certificates"])
        known = bool(said["known"])
    except (LookupError, TypeError) as error:
        raise errors.OfferRefused(offer.task, f"the server does not say where: {error}") from error
    authority = None
    if certificates:
        authority = place.flower / f"{offer.task}.crt"
        authority.parent.mkdir(parents=True, exist_ok=True)
        authority.write_text(certificates)
    return Joined(link=flower.link(address, authority), known=known)


def command(joined: Joined, place: Place) -> programs.Argv:
    """What starts the SuperNode."""
    (port,) = children.free(1)
    config = f"site={json.dumps(place.site)} {place.config}".strip()
    key = place.key if joined.known else None
    return programs.supernode(joined.link, port=port, config=config, key=key)


def environment(place: Place, variables: Mapping[str, str]) -> dict[str, str]:
    """What it finds: nothing that is the site's own, but where Flower keeps things."""
    return programs.environment(place.flower, variables)
