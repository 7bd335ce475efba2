"""Contents that were used a moment ago, so that they are not read and packed again and again."""

from collections import OrderedDict


class Recent:
    """Bytes by their names; what was used longest ago goes first. From one thread."""

    def __init__(self, most: int) -> None:
        """`most`: bytes that are kept at a time; longer contents are not kept."""
        self._most = most
        self._held = 0
        self._known: OrderedDict[str, bytes] = OrderedDict()

    def get(self, name: str) -> bytes | None:
        """The content, where it is kept."""
        found = self._known.get(name)
        if found is not None:
            self._known.move_to_end(name)
        return found

    def put(self, name: str, content: bytes) -> None:
        """Keeps it for a while. A name is always of the same content."""
        if name in self._known or len(content) > self._most:
            return
        self._known[name] = content
        self._held += len(content)
        while self._held > self._most:
            self._held -= len(self._known.popitem(last=False)[1])
