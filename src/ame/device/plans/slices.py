"""Slices that a plan asks for instead of examples: fetched one by one, and read like examples.

Source: `FederatedSelectUriInfo` in `task_assignments.proto`, `SlicesSelector` in `plan.proto`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.device import records
from ame.protocol.pb import plan as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ame.device.examples import Examples
    from ame.device.links.link import Link
    from ame.device.links.personal import Personal

SERVED_AT: Final = "{served_at_id}"
KEY: Final = "{key_base10}"
AT_ONCE: Final = 8
"""Slices that are fetched at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliced:
    """A device's examples, and the slices that its plan asks for. It promises what `Examples`."""

    examples: Examples
    slices: Mapping[bytes, tuple[bytes, ...]]
    """By their selector."""

    def select(self, selector: pb.ExampleSelector) -> Iterator[bytes]:
        """See `Examples`."""
        own = self.slices.get(selector.SerializeToString())
        return self.examples.select(selector) if own is None else iter(own)

    def count(self, selector: pb.ExampleSelector) -> int:
        """See `Examples`."""
        own = self.slices.get(selector.SerializeToString())
        return self.examples.count(selector) if own is None else len(own)

    def lay(self, selector: pb.ExampleSelector, path: Path) -> None:
        """See `Examples`."""
        own = self.slices.get(selector.SerializeToString())
        if own is None:
            self.examples.lay(selector, path)
            return
        with path.open("wb") as file:
            records.write(file, own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Fetches slices by the template that came with an assignment."""

    link: Link | Personal
    template: str

    async def beside(
        self, examples: Examples, selectors: tuple[pb.ExampleSelector, ...]
    ) -> Examples:
        """The examples, with the slices that are among what is asked for.

        Raises:
            errors.PlanInvalid: slices are asked for, and the server said not where they are.
            errors.CallFailed: one of them cannot be had.
        """
        found = {}
        for each in selectors:
            wanted = pb.SlicesSelector()
            if each.HasField("criteria") and each.criteria.Unpack(wanted):
                found[each.SerializeToString()] = await self._fetched(wanted)
        return Sliced(examples=examples, slices=found) if found else examples

    async def _fetched(self, wanted: pb.SlicesSelector) -> tuple[bytes, ...]:
        uris = [self._uri(wanted.served_at_id, key) for key in wanted.keys]
        free = asyncio.Semaphore(AT_ONCE)

        async def fetch(uri: str) -> bytes:
            async with free:
                return await self.link.download(uri)

        return tuple(await asyncio.gather(*map(fetch, uris)))

    def _uri(self, served_at: str, key: int) -> str:
        """Where a slice is. What is put in is not escaped."""
        known = self.template.startswith("https://")
        if not known or SERVED_AT not in self.template or KEY not in self.template:
            raise errors.PlanInvalid(f"it asks for slices, and {self.template!r} is no template")
        return self.template.replace(SERVED_AT, served_at).replace(KEY, str(key))
