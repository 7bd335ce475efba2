"""Writers with others' interfaces, and the event files that TensorBoard reads."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ame import errors
from ame.federation import client as flare
from ame.federation.client import tracking
from ame.federation.client.tfevents import EventFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def channel() -> Iterator[flare.MemoryChannel]:
    made = flare.MemoryChannel(flare.SystemInfo(site_name="site-1", job_id="j1"))
    flare.swap(flare.Session(made))
    flare.init()
    yield made
    flare.swap(None)


def numbers(channel: flare.MemoryChannel) -> list[tuple[str, float, int | None]]:
    return [(name, x, record.step) for record in channel.records for name, x in record.numbers()]


def test_tensorboards_scalars_are_recorded(channel: flare.MemoryChannel) -> None:
    writer = tracking.SummaryWriter()
    writer.add_scalar("loss", torch.tensor(0.5), 3)
    writer.add_scalars("acc", {"train": 1, "test": np.float32(0.25)}, global_step=4)
    writer.add_scalar("free", 1)
    writer.flush()
    writer.close()

    assert numbers(channel) == [
        ("loss", 0.5, 3),
        ("acc/train", 1, 4),
        ("acc/test", 0.25, 4),
        ("free", 1, None),
    ]


def test_mlflows_and_wandbs_calls_are_recorded(channel: flare.MemoryChannel) -> None:
    mlflow, wandb = tracking.MLflowWriter(), tracking.WandBWriter()
    mlflow.log_metric("loss", 0.5, step=1)
    mlflow.log_metrics({"a": 1, "b": 2})
    wandb.log({"c": 3}, step=2)
    mlflow.log_param("lr", 0.1)
    mlflow.log_params({"depth": 3, "kind": "tree"})
    mlflow.set_tag("who", "me")
    mlflow.set_tags({"x": 1})
    mlflow.log_text("hello", "notes/a.txt")

    assert numbers(channel) == [("loss", 0.5, 1), ("a", 1, None), ("b", 2, None), ("c", 3, 2)]
    assert [pair for record in channel.records for pair in record.words()] == [
        ("lr", "0.1"),
        ("depth", "3"),
        ("kind", "tree"),
        ("who", "me"),
        ("x", "1"),
    ]
    assert channel.records[-1].extra == {"writer": "MLFLOW", "path": "notes/a.txt"}


def test_what_is_no_metric_is_refused(channel: flare.MemoryChannel) -> None:
    with pytest.raises(TypeError, match="several values by name"):
        tracking.WandBWriter().log(0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="far"):
        tracking.SummaryWriter().add_scalar("x", "far")  # type: ignore[arg-type]


def test_a_writer_before_init_is_refused() -> None:
    flare.swap(None)
    with pytest.raises(errors.NotBegun, match="SummaryWriter"):
        tracking.SummaryWriter()


@pytest.mark.slow
def test_tensorflow_reads_what_was_written(tmp_path: Path) -> None:
    from tensorflow.compat.v1.train import summary_iterator  # type: ignore[import-untyped]

    with EventFile(tmp_path / "site-1", clock=lambda: 12.5) as file:
        file.add({"loss": 0.5, "größe": -1e30}, step=7)
        file.add({"n": math.nan, "big": 1e300})
        file.add({"early": 1}, step=-1)

    first, *events = summary_iterator(str(file.path))
    assert (first.file_version, first.wall_time) == ("brain.Event:2", 12.5)
    assert [(e.step, e.wall_time) for e in events] == [(7, 12.5), (0, 12.5), (-1, 12.5)]
    found = {v.tag: v.simple_value for e in events for v in e.summary.value}
    assert found["loss"] == 0.5
    assert found["größe"] == pytest.approx(-1e30)
    assert math.isnan(found["n"])
    assert found["big"] == math.inf


@pytest.mark.slow
@given(
    st.dictionaries(st.text(max_size=200), st.floats(width=32, allow_nan=False), max_size=4),
    st.integers(0, 2**62),
)
def test_any_numbers_come_back(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, float], step: int
) -> None:
    from tensorflow.compat.v1.train import summary_iterator

    with EventFile(tmp_path_factory.mktemp("events")) as file:
        file.add(values, step)

    _, event = summary_iterator(str(file.path))
    assert {v.tag: v.simple_value for v in event.summary.value} == values
    assert event.step == step


def test_two_files_of_one_second_are_two(tmp_path: Path) -> None:
    with EventFile(tmp_path, clock=lambda: 1) as one, EventFile(tmp_path, clock=lambda: 1) as other:
        assert one.path != other.path
