"""No-op FedAvg in ame's simulator. Usage: ame_federation.py SITES SIZE ROUNDS FOLDER

Prints when each round was done, in seconds since this program began.
"""

import time

BEGAN = time.perf_counter()

import json  # noqa: E402 (the imports are part of what is timed)
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1]))

import federation_jobs as jobs  # noqa: E402

from ame.federation.exchange.watcher import Nobody  # noqa: E402
from ame.federation.simulator import simulate  # noqa: E402

sites, size, rounds = map(int, sys.argv[1:4])
done: list[float] = []


class Timed(Nobody):
    def fired(self, event: str, fl_ctx: object) -> None:
        if event == "_round_done":
            done.append(time.perf_counter() - BEGAN)


program = jobs.script(jobs.NOOP, rounds=rounds, size=size)
simulate(program, workspace=sys.argv[4], sites=sites, watcher=Timed())
print(json.dumps(done))
