"""Clearing what no task, service or run needs any more, so that the disk does not fill."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ame import errors, runs
from ame.daemon.services import supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ame.server.fleet import Contents
    from ame.storage.databases import Database, Rows

LOG = logging.getLogger("ame.cloud")
EVERY: Final = 3600.0
"""Seconds from one clearing to the next."""
YOUNG: Final = timedelta(hours=1)
"""What is younger stays: it may belong to an upload that is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is kept of tasks and services beside the rows."""

    database: Database
    code: Contents
    store: runs.Store
    folder: Path
    """Of services."""
    clock: Callable[[], float]

    async def run(self) -> None:
        """Clears now and every hour, until it is cancelled."""
        while True:
            try:
                await self.clear()
            except (errors.Error, OSError):
                LOG.exception("what is no longer needed was not cleared")
            await asyncio.sleep(EVERY)

    async def clear(self) -> int:
        """Removes code that no version of a task has, and folders of services without a run.

        What runs there without being wanted, since others had given it up, is ended. Returns the
        bytes of code that were freed.

        Raises:
            errors.DatabaseUnusable, errors.BucketUnusable: try again later.
        """
        before = datetime.fromtimestamp(self.clock(), UTC) - YOUNG
        there = await asyncio.to_thread(lambda: list(self._folders()))
        digests, wanted = await self.database.read_apart(
            lambda rows: (_digests(rows), _wanted(rows))
        )
        for folder in there:
            if folder.name not in wanted:
                await asyncio.to_thread(self._leave, folder, before)
        return await asyncio.to_thread(self.code.sweep, digests, before=before)

    def _folders(self) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from (each for each in self.folder.iterdir() if each.is_dir())

    def _leave(self, folder: Path, before: datetime) -> None:
        """Ends what runs in the folder of a service that is over; removes it with its run."""
        for attempt in folder.glob("[0-9]*"):
            found = supervisor.find(attempt)
            if found is not None and found.alive:
                LOG.warning("%s is led by nobody, and is ended", folder.name)
                found.ask()
                return
        try:
            known = self.store.find(folder.name).name == folder.name
        except errors.RunNotFound:
            known = False
        if not known and folder.stat().st_mtime < before.timestamp():
            shutil.rmtree(folder, ignore_errors=True)


def _digests(rows: Rows) -> set[str]:
    versions = rows.execute("SELECT files FROM cloud_versions")
    return {digest for (files,) in versions for digest in json.loads(files).values()}


def _wanted(rows: Rows) -> set[str]:
    return {run for (run,) in rows.execute("SELECT run FROM cloud_services")}
