"""Secrets taken out of a stream of log bytes.

A value is looked for as it is and as URL, base64, JSON and `repr` write it. Ends of lines are
passed over in the search, so that wrapped base64 and a value that lies on several lines are found.
"""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from urllib.parse import quote

MASK = b"***"
SHORTEST = 4
"""Characters: a shorter value is not masked, since it would take out half of every log."""

_SHORTEST_LINE = 8
"""Characters of a line of a value of several lines, to be masked on its own."""
_ANCHOR = 8
"""Bytes by which the beginning of a longer form is found at the end of what has come."""
_LARGE = 1024
"""Bytes from which on it is quicker to search for each form than for all at once."""
_UNQUOTED = ("", "/", "!'()*", ";,/?:@&=+$!*'()#")
"""What is left as it is: in a form's field, by Python, by encodeURIComponent, by encodeURI."""
_BORDER = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----")
_ENDS = b"\r\n"
_PART = re.compile(rb"[^\r\n]+")


def maskable(value: str) -> bool:
    """Whether a value is long enough to be masked."""
    return len(value) >= SHORTEST


def forms(value: str) -> frozenset[bytes]:
    """All that `value` is looked for as, without ends of lines. Empty when it is too short."""
    found: set[bytes] = set()
    for whole in {value, value.strip()}:
        if maskable(whole):
            found.update(_plain(whole), _urls(whole), _escaped(whole), _base64(whole.encode()))
    lines = value.splitlines()
    for line in lines if len(lines) > 1 else ():
        if len(line) >= _SHORTEST_LINE and not _BORDER.fullmatch(line):
            found.update(_plain(line))
    flat = (form.translate(None, _ENDS) for form in found)
    return frozenset(form for form in flat if len(form) >= SHORTEST)


def _plain(value: str) -> Iterator[bytes]:
    """`value` as it is, in JSON, and as Python shows a string and bytes."""
    yield value.encode()
    for ascii_ in (True, False):
        yield json.dumps(value, ensure_ascii=ascii_)[1:-1].encode()
    yield repr(str(value))[1:-1].encode()
    yield repr(value.encode())[2:-1].encode()


def _escaped(value: str) -> Iterator[bytes]:
    """`value` in JSON that escapes more than it must: slashes, or what HTML knows."""
    for ascii_ in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_)[1:-1]
        yield text.replace("/", r"\/").encode()
        for char in "<>&":
            text = text.replace(char, f"\\u{ord(char):04x}")
        yield text.encode()


def _urls(value: str) -> Iterator[bytes]:
    """`value` in a URL, with digits of either case, and spaces as `%20` or `+`."""
    for safe in _UNQUOTED:
        for text in (quote(value, safe=safe), quote(value, safe=safe + " ").replace(" ", "+")):
            yield text.encode()
            yield re.sub("%..", lambda code: code.group().lower(), text).encode()


def _base64(value: bytes) -> Iterator[bytes]:
    """`value` in base64: on its own, and what is sure of it inside of something longer."""
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(value)
        yield encode(value).rstrip(b"=")
        for before in range(3):
            text = encode(bytes(before) + value)
            yield text[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]


class Mask:
    """Masks one stream: standard output and standard error need one each.

    What cannot be the beginning of a secret is passed on at once. The beginning of one is held
    until it is known what follows, or until the stream ends: a secret that is printed letter by
    letter is masked too. At the end of a line less than `SHORTEST` letters of one are not held,
    since lines would be late for a chance; what follows of it is masked still.
    """

    def __init__(self, values: Iterable[str]) -> None:
        """Values for which `maskable` is false are passed over."""
        needles = sorted({form for value in values for form in forms(value)})
        self._roots = _roots(needles)
        self._sign = re.compile(_either(sorted({needle[:_ANCHOR] for needle in needles})))
        """Found in every text that holds a secret, or a long beginning of one."""
        self._beginnings = _beginnings(needles)
        self._anchors = _anchors(needles)
        self._before = b""
        """What was passed on of the beginning of a secret, as it came, without ends of lines."""
        self._held = b""
        self._in_mask = False
        """Whether the last byte that was passed on belonged to a mask."""

    def feed(self, data: bytes) -> bytes:
        """What can be passed on now that `data` has come."""
        if not self._roots:
            return data
        raw = self._held + data
        flat = self._before + raw.translate(None, _ENDS)
        spans: list[tuple[int, int]] = []
        beginning = len(flat)
        if len(flat) > _LARGE or self._sign.search(flat):
            spans = self._spans(flat)
            beginning = self._long_beginning(flat)
        if beginning == len(flat):
            beginning -= self._short_beginning(flat)
        chance = len(flat) - beginning < SHORTEST and raw.endswith((b"\n", b"\r"))
        if spans or not (chance or beginning == len(flat)):
            return self._pass(raw, flat, spans, beginning)
        self._held = b""
        self._before = flat[beginning:]
        self._in_mask = self._in_mask and not raw
        return raw

    def flush(self) -> bytes:
        """What was held: the stream has ended, so no more than is masked was a secret."""
        if not self._roots:
            return b""
        flat = self._before + self._held.translate(None, _ENDS)
        rest = self._pass(self._held, flat, self._spans(flat), len(flat))
        self._before, self._in_mask = b"", False
        return rest

    def _spans(self, flat: bytes) -> list[tuple[int, int]]:
        """The places of secrets that reach into what is new in `flat`; those that touch are one."""
        seen = len(self._before)
        found = []
        for root, family in self._roots.items():
            at = flat.find(root)
            while at >= 0:
                end = at + len(next(needle for needle in family if flat.startswith(needle, at)))
                if end > seen:
                    found.append((at, end))
                at = flat.find(root, at + 1)
        return _merged(found)

    def _long_beginning(self, flat: bytes) -> int:
        """Where the longest beginning of a secret starts that `flat` ends with; else its end."""
        first = len(flat)
        for anchor, needles in self._anchors.items():
            at = flat.find(anchor, max(len(flat) - len(needles[0]) + 1, 0), first + _ANCHOR - 1)
            while at >= 0:
                rest = flat[at:]
                if any(needle.startswith(rest) for needle in needles):
                    first = at
                    break
                at = flat.find(anchor, at + 1, first + _ANCHOR - 1)
        return first

    def _short_beginning(self, flat: bytes) -> int:
        """The length of the longest beginning, shorter than an anchor, that `flat` ends with."""
        beginnings = self._beginnings.get(flat[-1], ()) if flat else ()
        if not flat.endswith(beginnings):
            return 0
        return len(next(each for each in beginnings if flat.endswith(each)))

    def _pass(self, raw: bytes, flat: bytes, spans: list[tuple[int, int]], beginning: int) -> bytes:
        """Passes on what is before `beginning` with the `spans` masked; holds the rest."""
        seen = len(self._before)
        places = _Places(raw)
        hold = max(beginning, seen, *(end for start, end in spans if start <= beginning))
        cut = places.of(hold - seen)
        for place, end in places.ends(hold - seen):
            if place + seen - beginning < SHORTEST:
                hold, cut = place + seen, end
        out: list[bytes] = []
        at = 0
        for start, end in spans:
            if start >= hold:
                break
            first = places.of(max(start - seen, 0))
            last = places.of(min(end, hold) - seen - 1) + 1
            masked = _PART.sub(MASK, raw[first:last])
            out += raw[at:first], masked[len(MASK) :] if self._in_mask and not first else masked
            at = last
        if cut:
            self._in_mask = at == cut
        out.append(raw[at:cut])
        self._held = raw[cut:]
        self._before = flat[beginning:hold]
        return b"".join(out)


class _Places:
    """Where the bytes of a text stand that are no ends of lines."""

    def __init__(self, raw: bytes) -> None:
        self._length = len(raw)
        self._raw: list[int] = []
        self._flat: list[int] = []
        size = 0
        for part in _PART.finditer(raw):
            self._raw.append(part.start())
            self._flat.append(size)
            size += len(part.group())
        self._size = size

    def of(self, place: int) -> int:
        """The place in the text of the byte that is at `place` without ends of lines."""
        if place >= self._size:
            return self._length
        part = bisect_right(self._flat, place) - 1
        return self._raw[part] + place - self._flat[part]

    def ends(self, after: int) -> Iterator[tuple[int, int]]:
        """The ends of lines behind that place: place without ends of lines, end in the text."""
        for part in range(bisect_right(self._flat, after), len(self._flat)):
            yield self._flat[part], self._raw[part]
        if self._raw and self._raw[-1] + self._size - self._flat[-1] < self._length:
            yield self._size, self._length


def _roots(needles: list[bytes]) -> dict[bytes, list[bytes]]:
    """Of the sorted needles, those that begin with no other, each with all that begin with it.

    The longest come first. To search for the roots is to search for all.
    """
    roots: dict[bytes, list[bytes]] = {}
    root = None
    for needle in needles:
        if root is None or not needle.startswith(root):
            root = needle
        roots.setdefault(root, []).append(needle)
    return {root: sorted(family, key=len, reverse=True) for root, family in roots.items()}


def _either(sorted_texts: list[bytes]) -> bytes:
    """A pattern for any of these, which are not empty and begin with no other: a tree of bytes."""
    branches = []
    for first, group in groupby(sorted_texts, key=lambda text: text[:1]):
        rests = [text[1:] for text in group]
        branches.append(re.escape(first) + (b"" if b"" in rests else _either(rests)))
    return b"(?:" + b"|".join(branches) + b")"


def _beginnings(needles: list[bytes]) -> dict[int, tuple[bytes, ...]]:
    """What a needle may begin with, up to the length of an anchor, by the last byte of it."""
    found: defaultdict[int, set[bytes]] = defaultdict(set)
    for needle in needles:
        for length in range(1, min(len(needle), _ANCHOR)):
            found[needle[length - 1]].add(needle[:length])
    return {last: tuple(sorted(each, key=len, reverse=True)) for last, each in found.items()}


def _anchors(needles: list[bytes]) -> dict[bytes, list[bytes]]:
    """The needles longer than an anchor by the anchor they begin with, the longest first."""
    found: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for needle in sorted(needles, key=len, reverse=True):
        if len(needle) > _ANCHOR:
            found[needle[:_ANCHOR]].append(needle)
    return dict(found)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same places, in order; those that overlap or touch as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged
