"""A site's share in a task whose code is a Flower app: a SuperNode of the task's SuperLink."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.daemon.site import link
from ame.federation import flower
from ame.federation.flower.deployment import children, keys, programs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ame.daemon.reports.messages import Ended
    from ame.daemon.site.offers import Offer
    from ame.federation.flower.links import Link

SUPERLINK: Final = "superlink"
"""What an offer says that asks for a SuperNode."""
FALLS: Final = 6
"""How often the SuperNode of a task may end by itself before the task is in quarantine."""
_FIRST: Final = 10.0
_LONGEST: Final = 60.0
"""Seconds before it is started again, at first and at most: for about a minute after it was killed
a SuperLink takes it to be there still, and lets in no other with its key."""
_CODE: Final = re.compile(r"\[code: \d+\]|Exit Code: \d+")


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


def rest(falls: int) -> float:
    """Seconds before a SuperNode is started again that has ended so often."""
    return min(_FIRST * 2.0 ** (falls - 1), _LONGEST)


def why(ended: Ended | None) -> str:
    """Why a SuperNode has ended by itself: Flower's own reason, where it has said one."""
    if ended is None:
        return "nobody saw how it ended"
    lines = [line.strip() for line in ended.last_lines]
    said = next((each for each in reversed(lines) if _CODE.search(each)), "")
    return f"{ended}: {said}" if said else str(ended)


def environment(place: Place, variables: Mapping[str, str]) -> dict[str, str]:
    """What it finds: nothing that is the site's own, but where Flower keeps things."""
    return programs.environment(place.flower, variables)
