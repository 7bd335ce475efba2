"""Clients' updates in the order of the clients, whatever the order in which they come."""

from collections.abc import Iterator

from ame import errors
from ame.aggregation.spool import Spool
from ame.aggregation.update import Update


class Order:
    """Hands on what comes in the order of its index, from 0 without a gap.

    What comes early is copied and waits: in memory up to `hold` bytes, beyond that in a file. So
    memory stays flat even when the first client is the last to answer, and the sum is the same
    whatever the order of arrival.

        for index, update in arrivals:
            for each in order.put(index, update):
                state = mean.add(state, each)

    Of several that come out together one may be refused: catch that inside of the inner loop, or
    those behind it are lost.
    """

    def __init__(self, *, hold: int = 256 << 20) -> None:
        self._next = 0
        self._early: dict[int, int | None] = {}
        self._spool = Spool(hold=hold)

    def __enter__(self) -> "Order":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def next(self) -> int:
        """The index that is waited for."""
        return self._next

    @property
    def waiting(self) -> int:
        """How many updates wait for one before them."""
        return sum(row is not None for row in self._early.values())

    def put(self, index: int, update: Update) -> Iterator[Update]:
        """The updates whose turn it is now: none, this one, or this one and those that waited.

        The update is taken even if the result is not looked at; each result is to be used up
        before the next call.

        Raises:
            errors.AggregationInvalid: the index was there before.
            errors.UpdateRefused: it must wait, and holds what is no array.
        """
        self._claim(index)
        if index > self._next:
            self._early[index] = self._spool.append(update)
            return iter(())
        self._next += 1
        return self._ready(update)

    def skip(self, index: int) -> Iterator[Update]:
        """Nothing comes under this index: its client failed, or was refused.

        Raises:
            errors.AggregationInvalid: the index was there before.
        """
        self._claim(index)
        self._early[index] = None
        return self._ready(None)

    def close(self) -> None:
        """Gives back what is held; what waits is forgotten."""
        self._early.clear()
        self._spool.close()

    def _claim(self, index: int) -> None:
        if index < self._next or index in self._early:
            raise errors.AggregationInvalid("Order", "index", f"{index} was there before")

    def _ready(self, first: Update | None) -> Iterator[Update]:
        ready: list[Update | int] = [] if first is None else [first]
        while self._next in self._early:
            row = self._early.pop(self._next)
            self._next += 1
            if row is not None:
                ready.append(row)
        return (self._spool.take(each) if isinstance(each, int) else each for each in ready)
