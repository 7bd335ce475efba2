"""Slices: what a task's devices may need in parts, of which each fetches those that it asks for.

Source: `FederatedSelectUriInfo` in `task_assignments.proto`. An operator hands slices in as a
`SlicesTestDataset`: lists of contents, each list under the id that plans ask for.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from google.protobuf.message import DecodeError

from ame import errors
from ame.protocol.pb import plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.server.fleet import Fleet
    from ame.server.ledger.tasks import Kept

SLICES: Final = "/v1/slices/"
DIGEST: Final = 64
"""Characters of a digest; a list of slices is kept as theirs, one after another."""


async def keep(fleet: Fleet, content: bytes) -> dict[str, str]:
    """Keeps slices; what is to be remembered of them: of each list the digest of its digests.

    Raises:
        errors.RequestMalformed: these are none.
    """
    try:
        read = plan.SlicesTestDataset.FromString(content)
    except DecodeError as error:
        raise errors.RequestMalformed(f"no SlicesTestDataset: {error}") from None
    made = {}
    for served_at, listed in read.dataset.items():
        digests = [await fleet.keep(each) for each in listed.slice_data]
        made[served_at] = await fleet.keep("".join(digests).encode())
    if not made:
        raise errors.RequestMalformed("a SlicesTestDataset without slices")
    return made


def digests(listed: bytes) -> set[str]:
    """Those of the slices of a list, as it is kept."""
    text = listed.decode()
    return {text[at : at + DIGEST] for at in range(0, len(text), DIGEST)}


def template(fleet: Fleet, kept: Kept, base: str) -> str:
    """Where a device finds the slices of its task; empty where it has none, or without TLS."""
    if not kept.settings.get("slices") or not base.startswith("https://"):
        return ""
    task, until = kept.task, int(fleet.clock() + fleet.settings.url_seconds)
    population = urlsafe_b64encode(task.population.encode()).decode().rstrip("=")
    token = fleet.tokens.make("slices", f"{population}.{task.id}.{until}")
    return f"{base}{SLICES}{token}/{{served_at_id}}/{{key_base10}}"


async def find(fleet: Fleet, path: str) -> str:
    """The digest of a slice, by the path that a device made of its template.

    What stands in it is as the device's plan wrote it: it is not escaped.

    Raises:
        errors.TokenRefused: the template is none of this server's, or no longer good.
        errors.SliceUnknown: there is no such slice.
    """
    token, _, asked = unquote(path.removeprefix(SLICES)).partition("/")
    served_at, _, key = asked.rpartition("/")
    population, number, until = fleet.tokens.read("slices", token).split(".")
    if fleet.clock() > float(until):
        raise errors.TokenRefused("slices")
    named = urlsafe_b64decode(population + "=" * (-len(population) % 4)).decode()
    kept = await fleet.kept(named, int(number))
    known: Mapping[str, str] = kept.settings.get("slices", {})
    if served_at not in known or not (key.isascii() and key.isdecimal()) or len(key) > DIGEST:
        raise errors.SliceUnknown(served_at, key)
    digests = (await fleet.blob(known[served_at])).decode()
    at = int(key) * DIGEST
    if at >= len(digests):
        raise errors.SliceUnknown(served_at, key)
    return digests[at : at + DIGEST]
