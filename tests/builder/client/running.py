"""Plans run by our device, on examples that are the same each time."""

import asyncio
import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ame.builder import client, config, model
from ame.device import plans
from ame.device.examples import Iterated
from ame.protocol.pb import example
from ame.protocol.pb import plan as pb
from ame.protocol.tensors import Array, checkpoint

SAMPLE = Path(__file__).parents[1] / "sample"
ENVIRONMENTS = Path(os.environ.get("AME_TEST_CACHE", Path.home() / ".cache" / "ame-tests"))


@functools.cache
def sample_model() -> model.Model:
    return model.load(SAMPLE / "input" / "keras_model", sample_settings())


def sample_settings() -> config.Settings:
    place = SAMPLE / "input" / "keras_task_config_build_artifact_only.pbtxt"
    return config.settings(config.read(place.read_bytes(), place.name))


@functools.cache
def sample_client(*, evaluates: bool) -> client.Client:
    return client.build(sample_model(), sample_settings(), evaluates=evaluates)


def shipped(*, evaluates: bool) -> pb.ClientOnlyPlan:
    name = "eval_client_only_plan.pb" if evaluates else "client_only_plan.pb"
    return pb.ClientOnlyPlan.FromString((SAMPLE / "output" / name).read_bytes())


def serialized(**features: Any) -> bytes:
    """An example; whole numbers, others, and texts."""
    made = example.Example()
    for name, value in features.items():
        values = np.asarray(value).ravel()
        feature = made.features.feature[name]
        if values.dtype.kind in "iub":
            feature.int64_list.value.extend(values.tolist())
        elif values.dtype.kind == "f":
            feature.float_list.value.extend(values.tolist())
        else:
            feature.bytes_list.value.extend(str(each).encode() for each in values)
    return made.SerializeToString()


def sample_examples(count: int) -> list[bytes]:
    chance = np.random.default_rng(3)
    return [
        serialized(x=chance.random(784, np.float32), y=chance.integers(2)) for _ in range(count)
    ]


def sent(process: Any, given: Sequence[Array], **others: float) -> dict[str, Array]:
    """What a client's checkpoint holds: the weights, and the numbers beside them."""
    asked = process.sent
    weights = (*asked.trainable, *asked.non_trainable)
    made = {each.name: array for each, array in zip(weights, given, strict=True)}
    numbers = {getattr(asked, name).name: np.float32(value) for name, value in others.items()}
    return made | {name: np.asarray(value) for name, value in numbers.items()}


def run(
    folder: Path, plan: pb.ClientOnlyPlan, given: Mapping[str, Array], *rows: Sequence[bytes]
) -> list[dict[str, Array]]:
    """The updates that a plan makes of some examples, and of others."""
    (folder / "plan").write_bytes(plan.SerializeToString())
    (folder / "start").write_bytes(checkpoint.to_bytes(given))

    async def go() -> list[dict[str, Array]]:
        async with plans.Plans(environments=ENVIRONMENTS) as running:
            return [checkpoint.read(await running.run(task(some))) for some in rows]

    def task(some: Sequence[bytes]) -> plans.Task:
        return plans.Task(
            plan=folder / "plan",
            checkpoint=folder / "start",
            examples=Iterated(make=lambda _: some),
        )

    return asyncio.run(go())


def as_graph(made: client.Client) -> pb.ClientOnlyPlan:
    """The plan with the graph alone, which our device runs in its own process."""
    plan = made.plan(with_graph=True)
    plan.ClearField("tflite_graph")
    return plan
