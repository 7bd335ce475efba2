"""Whether the values of a run's secrets stand in what it would show or keep."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from ame import runs
from ame.engine.secrets import mask
from ame.engine.workspace import tree

_PART = 1 << 20


class Disclosure:
    """Knows the values of a run's secrets; any thread may ask."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = tuple(values)
        self._nothing = mask.Mask(())

    def __bool__(self) -> bool:
        return bool(self._values)

    def stream(self) -> mask.Mask:
        """A mask for one stream; where there is nothing to mask, one serves all."""
        return mask.Mask(self._values) if self._values else self._nothing

    def hide(self, text: str) -> str:
        """The text with the values masked."""
        if not self._values:
            return text
        masked = self.stream()
        return (masked.feed(text.encode()) + masked.flush()).decode(errors="replace")

    def is_in(self, content: BinaryIO) -> bool:
        """Whether a value stands in the content, in any form that is masked in logs."""
        masked, before, after = self.stream(), hashlib.sha256(), hashlib.sha256()
        for part in _parts(content):
            before.update(part)
            after.update(masked.feed(part))
        after.update(masked.flush())
        return before.digest() != after.digest()

    def sift(
        self, files: tree.Tree, blobs: runs.Blobs
    ) -> tuple[dict[str, tree.File], tuple[str, ...]]:
        """The files with content in which, and in whose paths, no value stands; the others' paths.

        Links and empty folders are left out of both.
        """
        plain = {path: file for path, file in files.items() if file.digest}
        if not self._values:
            return plain, ()
        leaks = tuple(path for path, file in plain.items() if self._tells(path, file, blobs))
        return {path: file for path, file in plain.items() if path not in leaks}, leaks

    def _tells(self, path: str, file: tree.File, blobs: runs.Blobs) -> bool:
        with blobs.open(file.digest) as content:
            return self.is_in(content) or self.hide(path) != path


def _parts(content: BinaryIO) -> Iterator[bytes]:
    while part := content.read(_PART):
        yield part
