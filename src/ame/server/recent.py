"""What was used a moment ago, so that it is not read and made again and again."""

from collections import OrderedDict
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Recent(Generic[Kept]):
    """Things by their names; what was used longest ago goes first. From one thread."""

    def __init__(self, most: int) -> None:
        """`most`: bytes that are kept at a time; longer things are not kept."""
        self._most = most
        self._held = 0
        self._known: OrderedDict[str, tuple[Kept, int]] = OrderedDict()

    def get(self, name: str) -> Kept | None:
        """What has the name, where it is kept."""
        found = self._known.get(name)
        if found is None:
            return None
        self._known.move_to_end(name)
        return found[0]

    def put(self, name: str, thing: Kept, size: int) -> None:
        """Keeps it for a while, in the place of what had the name; it takes so many bytes."""
        self.pop(name)
        if size > self._most:
            return
        self._known[name] = thing, size
        self._held += size
        while self._held > self._most:
            self._held -= self._known.popitem(last=False)[1][1]

    def pop(self, name: str) -> Kept | None:
        """What has the name, which is kept no longer."""
        found = self._known.pop(name, None)
        if found is None:
            return None
        self._held -= found[1]
        return found[0]
