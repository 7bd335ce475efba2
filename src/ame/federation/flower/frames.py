"""What a server and a site say to each other, in frames that travel as messages of Flower's.

A frame is a list of items, each a tuple that begins with its kind. Arrays travel as Flower's own
arrays, so that those which many frames have in common are brought to the SuperLink once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ame.federation.client.record import Record
from ame.federation.exchange import codec
from ame.federation.exchange.sites import Lost, Message, Order, Reply, Why
from ame.federation.spec.analytics import AnalyticsDataType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flwr.app import ArrayRecord, RecordDict

Item: TypeAlias = tuple[Any, ...]
Coded: TypeAlias = "tuple[bytes, ArrayRecord]"

HELLO, BEGIN, ORDER, REPLY, LOST, MESSAGE, WITHDRAW, RECORD, PRINTED, NOTE, SPENT, END, STATE = (
    "hello", "begin", "order", "reply", "lost", "message", "withdraw", "record", "printed", "note",
    "spent", "end", "state",
)  # fmt: skip
_HEAD = "head"


def pack(items: Iterable[Item], known: dict[int, Coded] | None = None) -> RecordDict:
    """A frame as records. `known` keeps what is sent to several sites, by its identity."""
    from flwr.app import ConfigRecord, RecordDict

    content = RecordDict()
    for place, item in enumerate(items):
        heavy = item[-1]
        found = None if known is None else known.get(id(heavy))
        if found is None:
            found = _coded(heavy)
            if known is not None:
                known[id(heavy)] = found
        head, arrays = found
        plain = codec.pack(list(item[:-1]))
        content[f"{place}"] = ConfigRecord({"item": plain, _HEAD: head})
        if len(arrays):
            content[f"{place}.arrays"] = arrays
    return content


def unpack(content: RecordDict) -> list[Item]:
    """The items of a frame.

    Raises:
        ValueError: it is none.
    """
    items: list[Item] = []
    try:
        for place in range(len(content.config_records)):
            record: Any = content.config_records[f"{place}"]
            found = content.array_records.get(f"{place}.arrays")
            arrays = tuple(each.numpy() for each in found.values()) if found else ()
            plain = codec.unpack(record["item"])
            items.append((*plain, _decoded(record[_HEAD], arrays)))
    except (LookupError, TypeError) as error:
        message = f"this is no frame: {error!r}"
        raise ValueError(message) from error
    return items


def of_order(order: Order) -> Item:
    """An order."""
    return ORDER, order.number, order.site, order.task, order.timeout, order.data


def to_order(item: Item) -> Order:
    """The order again."""
    _, number, site, task, timeout, data = item
    return Order(number=number, site=site, task=task, timeout=timeout, data=data)


def of_outcome(outcome: Reply | Lost | Message) -> Item:
    """A reply, a loss, or a message of either side."""
    match outcome:
        case Reply(number=number, site=site, task=task, seconds=seconds, result=result):
            return REPLY, number, site, task, seconds, result
        case Lost(number=number, site=site, task=task, why=why):
            return LOST, number, site, task, why.kind, why.text, why.trace, why.place, None
        case Message() as told:
            return (
                MESSAGE, told.sender, told.target, told.topic, told.number, told.answer, told.data,
            )  # fmt: skip


def to_outcome(item: Item) -> Reply | Lost | Message:
    """The same again."""
    match item:
        case (str(kind), int(number), str(site), str(task), seconds, result) if kind == REPLY:
            return Reply(number=number, site=site, task=task, seconds=seconds, result=result)
        case (str(kind), number, site, task, *why, None) if kind == LOST:
            what, text, trace, place = why
            told = Why(kind=what, text=text, trace=trace, place=place)
            return Lost(number=number, site=site, task=task, why=told)
        case (str(kind), sender, target, topic, number, answer, data) if kind == MESSAGE:
            return Message(
                sender=sender, target=target, topic=topic, data=data, number=number, answer=answer
            )
    message = f"this is neither a reply nor a loss nor a message: {item[:1]}"
    raise ValueError(message)


def of_record(record: Record) -> Item:
    """Something that a script recorded."""
    return RECORD, record.key, record.kind.value, record.step, dict(record.extra), record.value


def to_record(item: Item) -> Record:
    """The same again."""
    _, key, kind, step, extra, value = item
    return Record(key=key, value=value, kind=AnalyticsDataType(kind), step=step, extra=extra)


def _coded(value: object) -> Coded:
    from flwr.app import Array, ArrayRecord

    encoded = codec.encode(value)
    arrays = {str(at): Array(np.asarray(each)) for at, each in enumerate(encoded.arrays)}
    return codec.pack([encoded.head, encoded.size]), ArrayRecord(arrays)


def _decoded(packed: bytes, arrays: tuple[np.ndarray[Any, Any], ...]) -> Any:
    head, size = codec.unpack(packed)
    body = bytearray(size)
    codec.Encoded(head, arrays, size).write(body)
    return codec.decode(head, body)
