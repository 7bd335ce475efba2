"""Clearing files that no task and no round needs any more, so that the disk does not fill."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.server.ledger import contents, populations
from ame.server.visits import slices

if TYPE_CHECKING:
    from ame.server.fleet import Fleet

LOG = logging.getLogger("ame.server")
EVERY: Final = 3600.0
"""Seconds from one clearing to the next."""
YOUNG: Final = timedelta(hours=1)
"""What was put since then stays: it may be put before what needs it is noted."""


class Keeping:
    """What is kept of a fleet beside its database. Every server of it clears.

    Whatever a row names was put a moment before. So what no row names, and was not put for a
    while, is left from before, or by a crash: it is found by looking, and nothing is noted of it.
    """

    def __init__(self, fleet: Fleet, owner: str) -> None:
        """`owner` stands for the database, among all whose files may lie in the same place."""
        self._fleet = fleet
        self._owner = owner

    async def run(self) -> None:
        """Clears now and every hour, until it is cancelled."""
        while True:
            try:
                await self.clear()
            except (errors.Error, OSError) as error:
                LOG.warning("files that are no longer needed were not deleted: %s", error)
            await asyncio.sleep(EVERY)

    async def clear(self) -> int:
        """Deletes what is not needed, and returns how many bytes it had.

        Nothing, where files of another database lie in the same place: what of these is needed
        is not known here.

        Raises:
            errors.DatabaseUnusable, errors.BucketUnusable: try again later.
            errors.BlobDamaged: a list of slices is, so that these are not known.
            OSError: the same of a folder.
        """
        blobs = self._fleet.blobs
        before = datetime.fromtimestamp(self._fleet.clock(), UTC) - YOUNG
        owners = await asyncio.to_thread(blobs.shared, self._owner)
        if owners != {self._owner}:
            LOG.warning(
                "no files are deleted: %s databases have theirs in one place; give each its own",
                len(owners),
            )
            return 0
        return await asyncio.to_thread(blobs.sweep, await self._wanted(before), before=before)

    async def _wanted(self, before: datetime) -> set[str]:
        """The digests of what is needed; what was needed until then is."""
        fleet = self._fleet
        wanted: set[str] = set()
        for name in await fleet.database.read(populations.revisions):
            own, listed = await fleet.database.read_apart(
                lambda rows: contents.wanted(rows, name, before.timestamp())  # noqa: B023 - used at once
            )
            wanted |= own
            for each in listed:
                with suppress(errors.BlobNotFound):
                    wanted |= slices.digests(await asyncio.to_thread(fleet.blobs.read, each))
        return wanted
