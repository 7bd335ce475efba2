"""What a device remembers, in memory and on disk."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ame import errors
from ame.device.memory import Brief, Folder, Held, Kept, Memory, contributed
from ame.protocol.eligibility import Past
from ame.protocol.pb import aggregations, task_assignments

HELD = Held(
    population="p",
    assignment=task_assignments.TaskAssignment(task_name="p/1", session_id="s"),
    indices={"apart": 3},
    wait=60.0,
)
UPLOAD = aggregations.StartAggregationDataUploadResponse(client_token="c")


@pytest.fixture(params=["brief", "folder"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    if request.param == "brief":
        yield Brief()
    else:
        with Folder(tmp_path / "state") as folder:
            yield folder


def test_a_new_device_remembers_nothing(memory: Memory) -> None:
    assert memory.kept == Kept()


def test_what_was_kept_last_is_remembered(memory: Memory) -> None:
    for held in (HELD, replace(HELD, result=b"12"), replace(HELD, result=b"12", upload=UPLOAD)):
        memory.keep(Kept(past=Past(contributed={"a": 1.5}), returns=7.0, held=held))

        assert memory.kept.held == held


def test_a_contribution_is_remembered_and_its_session_forgotten(memory: Memory) -> None:
    memory.keep(Kept(past=Past(contributed={"a": 1.0}, indices={"old": 1}), held=HELD))

    memory.keep(contributed(memory.kept, HELD, now=9.0))

    assert memory.kept == Kept(
        past=Past(contributed={"a": 1.0, "p/1": 9.0}, indices={"old": 1, "apart": 3})
    )


@pytest.mark.parametrize(
    "held", [None, HELD, replace(HELD, result=b"12"), replace(HELD, result=b"1", upload=UPLOAD)]
)
def test_a_folder_outlives_its_process(tmp_path: Path, held: Held | None) -> None:
    past = Past(contributed={"a": 1.5}, indices={"b": 2})
    kept = Kept(past=past, returns=7.0, held=held, left="session")
    with Folder(tmp_path) as first:
        first.keep(kept)

    with Folder(tmp_path) as second:
        assert second.kept == kept


def test_a_result_that_was_handed_in_is_removed(tmp_path: Path) -> None:
    with Folder(tmp_path) as memory:
        memory.keep(Kept(held=replace(HELD, result=b"12")))
        assert (tmp_path / "result").read_bytes() == b"12"

        memory.keep(contributed(memory.kept, HELD, now=1.0))

        assert not (tmp_path / "result").exists()


def test_a_folder_is_used_by_one_at_a_time(tmp_path: Path) -> None:
    with Folder(tmp_path), pytest.raises(errors.MemoryHeld, match="--state"):
        Folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": 9, "held": null}'])
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "memory.json").write_bytes(content)

    with pytest.raises(errors.MemoryDamaged, match=r"memory\.json"):
        Folder(tmp_path)
