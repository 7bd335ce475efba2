"""What it costs to fold an update into a mean, beside NumPy's in-place addition of its size.

Each form folds the same updates of a million float32, together larger than cache, in turns with the
others; the peer adds as many numbers in place. `checked` looks at every number for being finite and
at the norm of the whole; `unchecked` at neither; `double` adds in float64. The CPU's time of the
best turn counts. Memory is what a fold takes at most, by Python's count, for few clients and many.

Usage: python benchmarks/fold.py
"""

import os
import time
import tracemalloc
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from measure import table

from ame import aggregation

SIZE = 1_000_000
CLIENTS = 64
TURNS = 9
SMALL = 1000


def fold(mean: aggregation.Mean, arrays: list[aggregation.Arrays]) -> aggregation.Sum:
    state = mean.begin()
    for number, each in enumerate(arrays):
        update = aggregation.Update(client="c", arrays=each, weight=3 + number, difference=True)
        state = mean.add(state, update)
    return state


def seconds(deed: Callable[[], object]) -> float:
    begin = time.process_time()
    deed()
    return time.process_time() - begin


def peak(clients: int, arrays: aggregation.Arrays) -> int:
    tracemalloc.start()
    fold(aggregation.Mean(), [arrays] * clients)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def main() -> None:
    generator = np.random.default_rng(0)
    numbers = generator.standard_normal((CLIENTS, SIZE), np.float32)
    updates: list[aggregation.Arrays] = [{"w": row} for row in numbers]
    total = np.zeros_like(numbers)
    layout = aggregation.Layout.of(updates[0])
    means = {
        "checked": aggregation.Mean(layout=layout, checks=aggregation.Checks(norm=1e9)),
        "unchecked": aggregation.Mean(layout=layout, checks=aggregation.Checks(finite=False)),
        "checked, clipped": aggregation.Mean(layout=layout, clip=aggregation.Clip(norm=1)),
        "checked, `double`": aggregation.Mean(layout=layout, double=True),
    }
    took: dict[str, list[float]] = {name: [] for name in ("in place", *means)}
    for _ in range(TURNS):
        took["in place"].append(seconds(lambda: np.add(total, numbers, out=total)) / CLIENTS)
        for name, mean in means.items():
            took[name].append(seconds(lambda mean=mean: fold(mean, updates)) / CLIENTS)
    best = {name: min(each) for name, each in took.items()}
    rows = [
        (name, f"{cost * 1000:.2f}", f"{best['in place'] / cost:.2f}")
        for name, cost in best.items()
    ]
    print(f"a million float32, of {CLIENTS} clients\n")
    print(table(("form", "ms an update", "of the addition's throughput"), rows))

    small: list[aggregation.Arrays] = [
        {"w": np.ones(10, np.float32), "b": np.ones(1, np.float32)} for _ in range(SMALL)
    ]
    mean = aggregation.Mean(layout=aggregation.Layout.of(small[0]))
    cost = min(seconds(lambda: fold(mean, small)) for _ in range(TURNS)) / SMALL
    print(f"\nan update of 2 arrays, of 10 and 1 numbers, checked: {cost * 1e6:.0f} µs")
    few, many = peak(40, updates[0]), peak(400, updates[0])
    print(f"memory for 400 clients over that for 40: {many / few:.3f}")


if __name__ == "__main__":
    main()
