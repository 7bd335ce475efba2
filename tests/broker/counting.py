"""A service as a process: it counts in a database, and can be told to die at the worst moment.

Usage: counting.py BROKER DATABASE FUNCTION MARK (dies once, after its commit, if MARK is absent)
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ame import broker
from ame.storage import databases
from ame.storage.answers import Answers


class Dying(Answers):
    """Dies when the first answer is kept, and not sent."""

    async def once(self, call: str, work: Callable[[Any], bytes]) -> bytes:
        answer = await super().once(call, work)
        mark = Path(sys.argv[4])
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


def count(rows: databases.Rows, arguments: str) -> int:
    rows.execute("INSERT INTO cloud_clients VALUES (?, ?, 0, ?)", (arguments, "{}", 1.5))
    ((found,),) = rows.execute("SELECT count(*) FROM cloud_clients")
    return int(found)


async def main() -> None:
    address, file, function, _ = sys.argv[1:]
    answers = Dying(databases.opened(file, "cloud"))
    service = broker.Service(broker.opened(address), answers=answers)
    service.once(function, {"type": "string"}, count)
    await service.run()


if __name__ == "__main__":
    asyncio.run(main())
