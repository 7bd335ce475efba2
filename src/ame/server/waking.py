"""An event loop that many threads wake, and that is woken once."""

import asyncio


class Loop(asyncio.SelectorEventLoop):
    """As asyncio's own, but for what other threads hand it: of those that come before it has looked
    at what the first one handed over, none has to wake it again.

    What they hand over stands in its queue before they come to wake it, and it looks at all of its
    queue after it was woken. Each waking is a call of the system on both sides.
    """

    _woken = False

    def _write_to_self(self) -> None:
        if not self._woken:
            self._woken = True
            super()._write_to_self()  # type: ignore[misc]  # asyncio's types leave it out

    def _process_self_data(self, data: bytes) -> None:
        self._woken = False
        super()._process_self_data(data)  # type: ignore[misc]  # the same
