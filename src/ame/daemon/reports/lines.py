"""What a child prints, as lines: of one stream, as it comes."""

LONGEST = 1 << 20
"""Bytes of a line; what goes on is another."""


class Lines:
    """Cuts one stream into lines, without their ends."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._length = 0

    def feed(self, content: bytes) -> list[bytes]:
        """Takes in what came; returns the lines that have ended."""
        *ended, rest = content.split(b"\n")
        if ended and self._rest:
            ended[0] = b"".join((*self._rest, ended[0]))
            self._rest.clear()
            self._length = 0
        if rest:
            self._rest.append(rest)
            self._length += len(rest)
        if self._length > LONGEST:
            ended += self.end()
        return ended

    def end(self) -> list[bytes]:
        """What is left of a line that has not ended."""
        rest = b"".join(self._rest)
        self._rest.clear()
        self._length = 0
        return [rest] if rest else []


def text_of(line: bytes) -> str:
    """As text: bytes that are not UTF-8 as escapes; of a line that was overwritten, what was last.

    So a progress bar is the line that it shows at its end.
    """
    return line.decode(errors="backslashreplace").rstrip("\r").rpartition("\r")[2]
