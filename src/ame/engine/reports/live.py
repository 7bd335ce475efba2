"""Output as a person is shown it while it comes: line by line, and soon."""

import codecs

_LONGEST = 64 * 1024
"""Bytes of one line that are shown at once; a longer one is shown in parts."""
_SOON = 0.5
"""Seconds after which a line that has not ended is shown as far as it has come."""
_REWRITTEN = 5.0
"""The same for a line that goes back to its start, as progress bars do."""


class Live:
    """Cuts one stream into lines. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._rest = b""
        """What of the last line has not been shown."""
        self._begun = False
        """Whether a part of it has."""
        self._since = 0.0

    def feed(self, content: bytes, now: float) -> list[str]:
        """Takes in what came; returns the lines that have ended."""
        if not self._rest:
            self._since = now
        *lines, rest = (self._rest + content).split(b"\n")
        shown: list[str] = []
        for line in lines:
            if line or not self._begun:
                shown.append(text_of(line))
            self._begun = False
        if lines:
            self._since = now
        while len(rest) > _LONGEST:
            shown.append(text_of(rest[:_LONGEST]))
            rest = rest[_LONGEST:]
            self._begun = True
        self._rest = rest
        return shown

    def overdue(self, now: float) -> list[str]:
        """What has waited for its line to end for too long."""
        if not self._rest or now - self._since < (_REWRITTEN if b"\r" in self._rest else _SOON):
            return []
        text, used = codecs.utf_8_decode(self._rest, "backslashreplace", False)
        if used == 0:
            return []
        self._rest = self._rest[used:]
        self._begun = True
        self._since = now
        return [_last_state(text)]

    def end(self) -> list[str]:
        """What is left."""
        rest, self._rest = self._rest, b""
        return [text_of(rest)] if rest else []


def text_of(line: bytes) -> str:
    """As text: bytes that are not UTF-8 as escapes, of an overwritten line what was last."""
    return _last_state(line.decode(errors="backslashreplace"))


def _last_state(text: str) -> str:
    return text.rstrip("\r").rpartition("\r")[2]
