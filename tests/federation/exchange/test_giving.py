"""What many sites are handed, each for itself."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import pytest

from ame.federation.exchange import memory
from ame.federation.exchange.codec import decode, encode
from ame.federation.exchange.giving import Body, Room

Kept: TypeAlias = tuple[bytes, Body, int]
MODEL = {"weights": np.arange(3000, dtype=np.float32), "steps": np.array([7])}


@pytest.fixture
def kept() -> Iterator[Kept]:
    """The head of an encoded model, what holds its arrays, and how many bytes these are."""
    encoded = encode(MODEL)
    body = Body(memory.keep(encoded), encoded.size)
    yield encoded.head, body, encoded.size
    body.close()


@pytest.mark.parametrize("models", [0, 1, 2], ids=["mapped", "one of them copied", "copied"])
def test_what_a_site_writes_no_other_reads(kept: Kept, models: int) -> None:
    head, body, size = kept
    room = Room(models * size)
    first, second = decode(head, body.own(room)), decode(head, body.own(room))
    first["weights"] += 1
    second["weights"][:5] = 0
    np.testing.assert_array_equal(first["weights"], MODEL["weights"] + 1)
    np.testing.assert_array_equal(second["weights"][5:], MODEL["weights"][5:])
    np.testing.assert_array_equal(decode(head, body.own(room))["weights"], MODEL["weights"])


def test_copies_are_made_while_there_is_room_and_again_when_one_is_let_go(kept: Kept) -> None:
    head, body, size = kept
    room = Room(2 * size + 1)
    first, _second = decode(head, body.own(room)), decode(head, body.own(room))
    assert room.take(size) is None
    part = first["weights"][:1]
    del first
    assert room.take(size) is None, "a part of it is held still"
    del part
    assert room.take(size) is not None


def test_a_model_outlives_its_body() -> None:
    encoded = encode(MODEL)
    for room in (Room(), Room(0)):
        body = Body(memory.keep(encoded), encoded.size)
        model = decode(encoded.head, body.own(room))
        body.close()
        np.testing.assert_array_equal(model["weights"], MODEL["weights"])
