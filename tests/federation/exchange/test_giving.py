"""What many sites are handed, each for itself."""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

import numpy as np
import pytest

from ame.federation.exchange import memory, pages
from ame.federation.exchange.codec import Encoded, decode, encode
from ame.federation.exchange.giving import Body, Room
from ame.federation.exchange.pages import Pages

Model: TypeAlias = dict[str, np.ndarray[Any, Any]]
MODEL = {"weights": np.arange(3000, dtype=np.float32), "steps": np.array([7])}
ENCODED = encode(MODEL)


def hide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel does not tell what was written to."""
    monkeypatch.setattr(pages, "_TOLD", "/proc/self/nothing")


@pytest.fixture(params=["told", "untold"])
def _kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "untold":
        hide(monkeypatch)


def handed(encoded: Encoded = ENCODED) -> Body:
    return Body(memory.keep(encoded), encoded.size)


@pytest.fixture
def body() -> Iterator[Body]:
    made = handed()
    yield made
    made.close()


def own(body: Body, room: Room) -> Model:
    model: Model = decode(ENCODED.head, body.own(room))
    return model


def place(model: Model) -> int:
    return model["weights"].ctypes.data


def mapped(model: Model) -> bool:
    """Whether it is shown, rather than copied."""
    return not Pages().written(place(model), model["weights"].nbytes)


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize("models", [0, 1, 2, 9])
def test_what_a_site_writes_no_other_reads(body: Body, models: int) -> None:
    room = Room(models * ENCODED.size)
    for _ in range(3):
        first, second = own(body, room), own(body, room)
        first["weights"] += 1
        second["weights"][:5] = 0
        np.testing.assert_array_equal(first["weights"], MODEL["weights"] + 1)
        np.testing.assert_array_equal(second["weights"][5:], MODEL["weights"][5:])
        np.testing.assert_array_equal(own(body, room)["weights"], MODEL["weights"])


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize("models", [0, 9])
def test_a_model_outlives_its_body(models: int) -> None:
    room = Room(models * ENCODED.size)
    body = handed()
    model = own(body, room)
    body.close()
    for number in range(3):
        after = handed(encode({**MODEL, "weights": MODEL["weights"] + number}))
        own(after, room)
        after.close()
    np.testing.assert_array_equal(model["weights"], MODEL["weights"])


def test_copies_are_made_while_there_is_room_and_again_when_one_is_let_go(
    body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        hide(patch)
        room = Room(2 * ENCODED.size + 1)
    first, _second = own(body, room), own(body, room)
    assert not mapped(first)
    assert mapped(own(body, room))
    part = first["weights"][:1]
    del first
    assert mapped(own(body, room)), "a part of it is held still"
    del part
    assert not mapped(own(body, room))


def test_a_mapping_that_was_only_read_goes_to_the_next_site(body: Body) -> None:
    room = Room()
    first = own(body, room)
    there = place(first)
    assert mapped(first)
    assert place(own(body, room)) != there
    del first
    assert place(own(body, room)) == there


def test_a_mapping_shows_the_model_of_a_later_round() -> None:
    room, places = Room(), []
    for number in range(4):
        body = handed(encode({**MODEL, "weights": MODEL["weights"] + number}))
        model = own(body, room)
        np.testing.assert_array_equal(model["weights"], MODEL["weights"] + number)
        places.append(place(model))
        del model
        body.close()
    assert len(set(places)) == 1


def test_when_a_site_writes_all_get_copies(body: Body) -> None:
    room = Room()
    model = own(body, room)
    model["weights"][0] = 5
    assert mapped(own(body, room)), "nothing is known of it yet"
    del model
    assert not mapped(own(body, room))
    np.testing.assert_array_equal(own(body, room)["weights"], MODEL["weights"])


def look(line: Connection, model: Model) -> None:
    line.recv()
    line.send(bool((model["weights"] == MODEL["weights"]).all()))


def test_a_process_that_forked_off_keeps_what_it_had() -> None:
    room, body = Room(), handed()
    model = own(body, room)
    forks = multiprocessing.get_context("fork")
    line, its = forks.Pipe()

    child = forks.Process(target=look, args=(its, model))
    child.start()
    del model
    body.close()
    for number in range(1, 4):
        after = handed(encode({**MODEL, "weights": MODEL["weights"] + number}))
        own(after, room)
        after.close()
    line.send("now")
    assert line.poll(60)
    assert line.recv()
    child.join()
