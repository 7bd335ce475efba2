"""Memory that a worker lends for its replies, and gets back."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame.federation.exchange import codec, lending
from ame.federation.exchange.lending import Borrowed, Lender


def reply(number: float, size: int = 50_000) -> codec.Encoded:
    return codec.encode({"w": np.full(size, number, np.float32)})


def passed(lender: Lender, borrowed: Borrowed, encoded: codec.Encoded) -> tuple[int, Any]:
    """A reply on its way: the memory's number, and what arrives."""
    number, descriptor = lender.write(encoded)
    fds = () if descriptor < 0 else (os.dup(descriptor),)
    if not number:
        os.close(descriptor)
    body = borrowed.view(number, encoded.size, *fds)
    return number, codec.decode(encoded.head, body)


def give_back(lender: Lender, borrowed: Borrowed) -> tuple[list[int], list[int]]:
    told = borrowed.give_back() or ([], [])
    lender.take_back(*told)
    return told


def test_memory_is_written_again_once_nothing_is_left_of_what_was_read() -> None:
    lender, borrowed = Lender(), Borrowed()
    first, found = passed(lender, borrowed, reply(1.0))
    assert float(found["w"][7]) == 1.0
    del found
    assert give_back(lender, borrowed) == ([first], [])

    again, found = passed(lender, borrowed, reply(2.0, size=40_000))

    assert again == first
    np.testing.assert_array_equal(found["w"], np.full(40_000, 2.0, np.float32))


def test_what_is_still_read_is_not_written_over() -> None:
    lender, borrowed = Lender(), Borrowed()
    first, found = passed(lender, borrowed, reply(1.0))
    part = found["w"][10:20]
    del found
    assert give_back(lender, borrowed) == ([], [])

    second, _ = passed(lender, borrowed, reply(2.0))

    assert second != first
    np.testing.assert_array_equal(part, np.ones(10, np.float32))


def test_no_more_is_kept_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "SPARE", reply(0.0).size)
    lender, borrowed = Lender(), Borrowed()
    both = [passed(lender, borrowed, reply(float(number))) for number in (1, 2)]
    numbers = [number for number, _ in both]
    both.clear()

    kept, dropped = give_back(lender, borrowed)

    assert sorted([*kept, *dropped]) == numbers
    assert len(kept) == 1
    assert passed(lender, borrowed, reply(3.0))[0] == kept[0]


def test_memory_that_is_much_larger_than_a_reply_is_left_for_others() -> None:
    lender, borrowed = Lender(), Borrowed()
    first, found = passed(lender, borrowed, reply(1.0))
    del found
    give_back(lender, borrowed)

    assert passed(lender, borrowed, reply(2.0, size=20_000))[0] != first
    assert passed(lender, borrowed, reply(2.0, size=60_000))[0] != first


def test_replies_that_are_kept_do_not_use_up_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "PIECES", 2)
    lender, borrowed = Lender(), Borrowed()
    counts, kept = [], []
    for number in range(6):
        kept.append(passed(lender, borrowed, reply(float(number)))[1])
        give_back(lender, borrowed)
        counts.append(len(list(Path("/proc/self/fd").iterdir())))

    assert counts[1:] == [counts[1]] * 5
    assert [float(each["w"][-1]) for each in kept] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_very_large_reply_is_not_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "LARGEST", 1000)
    lender, borrowed = Lender(), Borrowed()
    number, found = passed(lender, borrowed, reply(1.0))

    assert number == 0
    assert float(found["w"][-1]) == 1.0
    del found
    assert give_back(lender, borrowed) == ([], [])
