"""What a server does with an upload of 1 MB, by the recipe of its task, beside NumPy's in-place
addition of as many float32.

Uploads are version 1 checkpoints, together larger than cache. Each is unpacked (gzip, of random
numbers, which hardly compress), decoded (checksums and all), checked (names, shape, type, every
number for being finite, and the norm) and folded; what one update takes of that is told apart. The
addition cycles over as many arrays. The ratio is that of checking, weighting and folding together
to the addition; decoding is beside it. The CPU's time of the best turn counts. Memory is what a
fold takes at most, by Python's count, for few contributions and many.

Usage: python benchmarks/recipes.py
"""

import gzip
import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from measure import table

from ame.protocol.tensors import checkpoint
from ame.server.recipes import Recipe, opening

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from server.recipes import plans

SIZE = 1 << 18
COUNT = 192
TURNS = 7


def seconds(deed: Callable[[], object]) -> float:
    begin = time.process_time()
    deed()
    return (time.process_time() - begin) / COUNT


def uploads(prefix: str, more: dict[str, Any]) -> list[bytes]:
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((COUNT, SIZE), np.float32)
    return [checkpoint.to_bytes({prefix + "dx": row, **more}) for row in rows]


def cost(recipe: Recipe, contents: Sequence[bytes], state: bytes) -> tuple[float, float, float]:
    """Seconds an upload: decoded, taken (which decodes too), folded."""
    decoded = seconds(lambda: [checkpoint.read(each) for each in contents])
    took = [recipe.take(each) for each in contents]
    taken = seconds(lambda: [recipe.take(each) for each in contents])
    folding = recipe.fold(state)
    folding.add(took[0])
    return decoded, taken, seconds(lambda: [folding.add(each) for each in took])


def peak(recipe: Recipe, upload: bytes, state: bytes, count: int) -> int:
    tracemalloc.start()
    folding = recipe.fold(state)
    for _ in range(count):
        folding.add(recipe.take(upload))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def cases() -> dict[str, tuple[Recipe, list[bytes], bytes]]:
    """Recipes, each with uploads and the state that they begin with."""
    model = checkpoint.to_bytes({"server/dx": np.zeros(SIZE, np.float32)})
    one = np.array(1, np.float32)
    state = checkpoint.to_bytes({"x": np.zeros(SIZE, np.float32), "rate": one})
    sums = plans.pb.ClientOnlyPlan()
    declared = sums.phase.federated_compute.aggregations
    declared["update/dx"].tf_v1_checkpoint_aggregation.SetInParent()
    zeros = checkpoint.to_bytes({"update/dx": np.zeros(SIZE, np.float32)})
    plain = uploads("update/", {})
    weighted = uploads("update/", {"n": np.array(3.0)})
    first = uploads("u/", {"u/loss": one, "u/examples": one})
    beside = {f"update/{name}": one for name in ("loss", "examples", "one")}
    second = uploads("update/", {**beside, "update/secret": np.array(1, np.int32)})

    def by(said: dict[str, Any]) -> Recipe:
        return opening.opened(said, state=model)

    def of(plan: plans.pb.Plan) -> Recipe:
        return opening.opened({}, plan=plan.SerializeToString(), state=state)

    summed = opening.opened({}, client_plan=sums.SerializeToString(), state=zeros)
    return {
        "mean, weighted": (by({"weight": "n", "norm": 1e9}), weighted, model),
        "mean, clipped": (by({"clip": 1}), plain, model),
        "median (kept until the end)": (by({"aggregate": {"kind": "median"}}), plain, model),
        "sums by name": (summed, plain, zeros),
        "`server_phase_v2`": (of(plans.version_2(size=SIZE)), second, state),
        "`server_phase`": (of(plans.version_1(size=SIZE)), first, state),
    }


def main() -> None:
    known = cases()
    numbers = np.random.default_rng(0).standard_normal((COUNT, SIZE), np.float32)
    total = np.zeros_like(numbers)
    packed = [gzip.compress(each.tobytes(), 1) for each in numbers[:8]]
    added, unpacked = [], []
    took: dict[str, list[tuple[float, float, float]]] = {name: [] for name in known}
    for _ in range(TURNS):
        added.append(
            seconds(lambda: [np.add(t, n, out=t) for t, n in zip(total, numbers, strict=True)])
        )
        unpacked.append(seconds(lambda: [gzip.decompress(each) for each in packed * 8]))
        for name, (recipe, contents, state) in known.items():
            took[name].append(cost(recipe, contents, state))
    rows = [("addition in place", "", "", f"{min(added) * 1000:.2f}", "", "1.00")]
    for name, turns in took.items():
        decoded, taken, folded = (min(each) for each in zip(*turns, strict=True))
        checked = max(taken - decoded, 0.0)
        ratio = min(added) / (checked + folded)
        ms = (f"{each * 1000:.2f}" for each in (decoded, checked, folded))
        rows.append((name, *ms, f"{1 / (taken + folded):,.0f}", f"{ratio:.2f}"))
    print(f"1 MB of float32, {COUNT} uploads; gunzip {min(unpacked) * 1000:.1f} ms\n")
    head = ("recipe", "decode, ms", "check", "fold", "uploads a second", "of the addition")
    print(table(head, rows))
    recipe, contents, state = known["mean, weighted"]
    few, many = (peak(recipe, contents[0], state, count) for count in (10, 10_000))
    print(f"\nmemory for 10,000 contributions over that for 10: {many / few:.3f}")


if __name__ == "__main__":
    main()
