"""Schedules as cron writes them, in five fields: minute, hour, day of the month, month, weekday.

A field is `*`, a value, a range `a-b`, or several of them with commas; `/n` takes each nth of them.
Months and weekdays have names as well; Sunday is 0 and 7.
"""

import re
from dataclasses import dataclass

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_STEP = "0*[1-9][0-9]?"


@dataclass(frozen=True, slots=True)
class _Field:
    """What one field may hold: the values from `first` to `last`, or their names."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()

    def has(self, item: str) -> bool:
        """Whether `item` is one of its values, or a range of them that runs forwards."""
        term, slash, step = item.partition("/")
        if slash and not re.fullmatch(_STEP, step):
            return False
        start, dash, end = term.partition("-")
        first, last = self._value(start), self._value(end if dash else start)
        named = start.isalpha() == end.isalpha() or not dash
        return term == "*" or (first is not None and last is not None and first <= last and named)

    def _value(self, word: str) -> int | None:
        if word.lower() in self.names:
            return self.names.index(word.lower()) + self.first
        number = int(word) if re.fullmatch("[0-9]{1,2}", word) else -1
        return number if self.first <= number <= self.last else None

    def pattern(self) -> str:
        """The same for a JSON Schema."""
        every = range(self.first, self.last + 1)
        numbers = "|".join(f"0?{n}" if n < 10 else str(n) for n in every)
        words = ["".join(f"[{c.upper()}{c}]" for c in name) for name in self.names]
        ranges = [f"{'0?' if n < 10 else ''}{n}-{self._from(n)}" for n in every]
        ranges += [f"{word}-({'|'.join(words[at:])})" for at, word in enumerate(words)]
        item = rf"(\*|{'|'.join([numbers, *words, *ranges])})(/{_STEP})?"
        return f"{item}(,{item})*"

    def _from(self, start: int) -> str:
        """The pattern of the numbers from `start`, ten by ten."""
        tens = []
        for ten in range(start // 10, self.last // 10 + 1):
            low, high = max(start, ten * 10) % 10, min(self.last, ten * 10 + 9) % 10
            tens.append(f"{ten or '0?'}[{low}-{high}]")
        return f"({'|'.join(tens)})"

    def __str__(self) -> str:
        names = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return f"{self.name} ({self.first}-{self.last}{names}), range or step"


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _WEEKDAYS),
)

PATTERN = f"[ ]*{'[ ]+'.join(field.pattern() for field in _FIELDS)}[ ]*"
"""A schedule, for a JSON Schema. `read` says the same in better words."""


def read(text: str) -> str:
    """The schedule as it was written.

    Raises:
        ValueError: it is none; the message says which field is wrong.

    """
    words = [word for word in text.split(" ") if word]
    if len(words) != len(_FIELDS):
        raise ValueError(
            f"`{text[:40]}` is no cron schedule of five fields such as `30 6 * * 1`; quote it"
        )
    for word, field in zip(words, _FIELDS, strict=True):
        for item in word.split(","):
            if not field.has(item):
                raise ValueError(f"`{item[:40]}` is no {field}")
    return text
