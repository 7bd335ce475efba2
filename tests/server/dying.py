"""A server that kills itself at the n-th step that it makes; run as a program.

Usage: python dying.py FOLDER STEP [DATABASE [files]]   (a step of 0 is never made; `files`: every
upload is one)
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame.server import serving
from ame.server.calls import http
from ame.server.calls.doors import Doors
from ame.server.settings import Settings
from ame.storage import blobs
from ame.storage.databases import postgres, sqlite

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Steps:
    """Counts, and ends everything at the last one."""

    def __init__(self, last: int) -> None:
        self.left = last

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def dying(steps: Steps) -> None:
    """A step before and after each thing that touches what is kept, or the client."""

    def around(kind: Any, name: str) -> None:
        known = getattr(kind, name)

        def quick(self: Any, *arguments: Any, **named: Any) -> Any:
            steps.step()
            done = known(self, *arguments, **named)
            steps.step()
            return done

        setattr(kind, name, quick)

    async def answered(self: Any, scope: Any, receive: Any, send: Any) -> None:
        async def received() -> Any:
            message = await receive()
            steps.step()
            return message

        async def sent(message: Any) -> None:
            steps.step()
            await send(message)

        await answer(self, scope, received, sent)

    answer: Callable[..., Awaitable[None]] = http.Site.__call__
    around(blobs.Folder, "put_bytes")
    around(sqlite.Sqlite, "_commit")
    around(postgres.Postgres, "_commit")
    http.Site.__call__ = answered  # type: ignore[method-assign]  # that is what this is for


def main() -> None:
    folder, last = Path(sys.argv[1]), int(sys.argv[2])
    steps = Steps(last)

    def ready(at: str, _: str) -> None:
        sys.stdout.write(f"{at}\n")
        sys.stdout.flush()
        if last:
            dying(steps)

    database = sys.argv[3] if len(sys.argv) > 3 else ""
    row_bytes = 0 if "files" in sys.argv else Settings().row_bytes
    settings = Settings(full_seconds=0.05, hold_seconds=2, row_bytes=row_bytes)
    place = serving.Place(
        folder=folder, port=0, database=database, doors=Doors(open=True), settings=settings
    )
    asyncio.run(serving.serve(place, ready))


if __name__ == "__main__":
    main()
