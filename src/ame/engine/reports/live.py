"""Output as a person is shown it while it comes: line by line, and soon."""

import codecs

_ESCAPED = "backslashreplace"
"""What becomes of bytes that are not UTF-8."""
_LONGEST = 64 * 1024
"""Bytes of one line that are shown at once; a longer one is shown in parts."""
_SOON = 0.5
"""Seconds after which a line that has not ended is shown as far as it has come."""
_REWRITTEN = 5.0
"""The same for a line that goes back to its start, as progress bars do."""


class Live:
    """Cuts one stream into lines. Times are seconds of any one clock."""

    def __init__(self, *, whole: bool = False) -> None:
        """Of a line that goes back to its start only the last state is shown, unless `whole`."""
        self._whole = whole
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
                shown.append(self._text(line.decode(errors=_ESCAPED)))
            self._begun = False
        if lines:
            self._since = now
        while len(rest) > _LONGEST:
            shown.append(self._text(rest[:_LONGEST].decode(errors=_ESCAPED)))
            rest = rest[_LONGEST:]
            self._begun = True
        self._rest = rest
        return shown

    def overdue(self, now: float) -> list[str]:
        """What has waited for its line to end for too long."""
        rewritten = b"\r" in self._rest and not self._whole
        if not self._rest or now - self._since < (_REWRITTEN if rewritten else _SOON):
            return []
        text, used = codecs.utf_8_decode(self._rest, _ESCAPED, False)
        if used == 0:
            return []
        self._rest = self._rest[used:]
        self._begun = True
        self._since = now
        return [self._text(text)]

    def end(self) -> list[str]:
        """What is left."""
        rest, self._rest = self._rest, b""
        return [self._text(rest.decode(errors=_ESCAPED))] if rest else []

    def _text(self, text: str) -> str:
        return text if self._whole else _last_state(text)


def text_of(line: bytes) -> str:
    """As text: bytes that are not UTF-8 as escapes, of an overwritten line what was last."""
    return _last_state(line.decode(errors=_ESCAPED))


def _last_state(text: str) -> str:
    return text.rstrip("\r").rpartition("\r")[2]
