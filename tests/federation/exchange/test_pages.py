"""What a process has written to of memory that it maps privately."""

import mmap
import os
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import pytest

from ame.federation.exchange.pages import Pages

Bytes: TypeAlias = np.ndarray[Any, Any]
SIZE = 3 * mmap.PAGESIZE + 100


@pytest.fixture(params=["scanned", "read"])
def pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    """What is known of them, in both ways; the first one is not there before Linux 6.7."""
    if request.param == "read":
        monkeypatch.setattr("ame.federation.exchange.pages._SCAN", 0)
    made = Pages()
    yield made
    made.close()


@pytest.fixture
def mapping() -> Iterator[tuple[Bytes, mmap.mmap]]:
    """A private mapping of a file, and one that writes to the file."""
    descriptor = os.memfd_create("file")
    os.ftruncate(descriptor, SIZE)
    file = mmap.mmap(descriptor, SIZE)
    either = mmap.PROT_READ | mmap.PROT_WRITE
    yield np.frombuffer(mmap.mmap(descriptor, SIZE, mmap.MAP_PRIVATE, either), np.uint8), file
    os.close(descriptor)


def test_what_is_untouched_or_read_is_not_written(
    pages: Pages, mapping: tuple[Bytes, mmap.mmap]
) -> None:
    own, file = mapping
    assert not pages.written(own.ctypes.data, SIZE)
    file[5] = 7
    assert own[5] == 7
    assert own.sum() == 7
    assert not pages.written(own.ctypes.data, SIZE)


@pytest.mark.parametrize("at", [0, mmap.PAGESIZE, SIZE - 1])
@pytest.mark.parametrize("read", [False, True])
def test_a_byte_that_is_written_is_told(
    pages: Pages, mapping: tuple[Bytes, mmap.mmap], at: int, *, read: bool
) -> None:
    own, _ = mapping
    if read:
        own.sum()
    own[at] = 0
    assert pages.written(own.ctypes.data, SIZE)
    page = at // mmap.PAGESIZE * mmap.PAGESIZE
    assert pages.written(own.ctypes.data + page, 1)
    if page:
        assert not pages.written(own.ctypes.data, page)
