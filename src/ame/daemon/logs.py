"""The log of a child, which may go on for weeks: its end is kept, its beginning is let go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LONGEST: Final = 64 << 20
"""Bytes after which the first half is let go."""


def append(path: Path, size: int, content: bytes) -> int:
    """Writes behind the first `size` bytes, and nothing else stays behind them; the new size."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        size = min(size, os.fstat(file).st_size)  # it was shortened, and that was not noted
        os.ftruncate(file, size)
        while content:
            written = os.pwrite(file, content, size)
            content, size = content[written:], size + written
    finally:
        os.close(file)
    return size


def shorten(path: Path, size: int, longest: int = LONGEST) -> int:
    """Lets the beginning of a log go that has become too long; how many bytes it is shorter."""
    if size <= longest:
        return 0
    with path.open("rb") as file:
        file.seek(size - longest // 2)
        file.readline()
        kept = file.read()
    kept = f"… {size - len(kept):,} bytes before this were let go\n".encode() + kept
    fresh = path.with_name(f".{path.name}")
    fresh.write_bytes(kept)
    fresh.replace(path)
    return size - len(kept)
