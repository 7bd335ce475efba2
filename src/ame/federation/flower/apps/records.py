"""Flower's messages as `Shareable`s: records of arrays, numbers and settings, without pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.names.keys import MetaKey
from ame.federation.spec.shareable import Shareable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flwr.app import Array, Message, Metadata, RecordDict

_METADATA = "flower_metadata"
_RECORDS = "flower_records"
_ERROR = "flower_error"
_FIELDS = (
    "run_id",
    "message_id",
    "src_node_id",
    "dst_node_id",
    "reply_to_message_id",
    "group_id",
    "created_at",
    "ttl",
    "message_type",
)
_WEIGHTS = ("num-examples", "num_examples")
"""By which the numbers of a reply count in a mean, in Flower's own strategies too."""
_OLD_METRICS = ("fitres.metrics", "evaluateres.metrics")
"""Where clients made by a `client_fn` put what they measured."""
_ARRAYS, _NUMBERS, _SETTINGS = "arrays", "numbers", "settings"

Held = dict[int, np.ndarray[Any, Any]]
"""Views of the bytes of arrays that are sent together, by the bytes' identity: many messages have
the same arrays, and these are to be written once."""


def to_shareable(message: Message, held: Held | None = None) -> Shareable:
    """A message with all that it has. Its arrays are views of its bytes."""
    data = Shareable()
    put(data, message, {} if held is None else held)
    return data


def put(data: Shareable, message: Message, held: Held) -> None:
    """Puts a message into a `Shareable`, over what was there of another."""
    data[_METADATA] = {name: getattr(message.metadata, name) for name in _FIELDS}
    data.pop(_ERROR, None)
    data.pop(_RECORDS, None)
    if message.has_error():
        data[_ERROR] = [message.error.code, message.error.reason]
    if message.has_content():
        data[_RECORDS] = _plain(message.content, held)


def to_message(data: Mapping[str, Any]) -> Message:
    """The message again.

    Raises:
        ValueError: there is none in it, or not as it must be.
    """
    from flwr.app import Error
    from flwr.app.message import make_message

    try:
        told, records = data[_METADATA], data.get(_RECORDS)
        error = data.get(_ERROR)
        return make_message(
            _metadata(told),
            content=None if records is None else _records(records),
            error=None if error is None else Error(*error),
        )
    except (LookupError, TypeError) as fault:
        message = f"this holds no message of Flower's: {fault!r}"
        raise ValueError(message) from fault


def round_of(message: Message) -> int | None:
    """The round that a message is of, as Flower counts: from 1; None if it does not say."""
    found: list[Any] = [message.metadata.group_id]
    if message.has_content():
        found += [each.get("server-round") for each in message.content.config_records.values()]
    numbers = (str(each) for each in found if each is not None)
    return next((int(each) for each in numbers if each.isdecimal()), None)


def failure(message: Message, code: int, reason: str) -> Message:
    """The reply of a node that did not do what the message asks for."""
    from flwr.app import Error, Metadata
    from flwr.app.message import make_message

    told = message.metadata
    metadata = Metadata(
        run_id=told.run_id,
        message_id=f"{told.message_id}-reply",
        src_node_id=told.dst_node_id,
        dst_node_id=told.src_node_id,
        reply_to_message_id=told.message_id,
        group_id=told.group_id,
        created_at=told.created_at,
        ttl=told.ttl,
        message_type=told.message_type,
    )
    return make_message(metadata, error=Error(code, reason))


def measure(data: Shareable, reply: Message) -> None:
    """Tells in the `Shareable` of a reply what the site measured, for whoever looks on."""
    if not reply.has_content():
        return
    content = reply.content
    records: list[Any] = [
        *content.metric_records.values(),
        *(each for name, each in content.config_records.items() if name in _OLD_METRICS),
    ]
    numbers = {
        name: value
        for record in records
        for name, value in record.items()
        if isinstance(value, int | float)
    }
    weights = [numbers.pop(name) for name in _WEIGHTS if name in numbers]
    meta: dict[str, Any] = {MetaKey.INITIAL_METRICS: numbers}
    if weights:
        meta[MetaKey.NUM_STEPS_CURRENT_ROUND] = weights[0]
    DXO(DataKind.METRICS, data={}, meta=meta).update_shareable(data)


def _metadata(told: Mapping[str, Any]) -> Metadata:
    from flwr.app import Metadata

    return Metadata(**{name: told[name] for name in _FIELDS})


def _plain(content: RecordDict, held: Held) -> list[list[Any]]:
    plain: list[list[Any]] = []
    for name in content:
        if name in content.array_records:
            arrays: Any = content.array_records[name].items()
            plain.append([name, _ARRAYS, [[key, *_array(each, held)] for key, each in arrays]])
        elif name in content.metric_records:
            plain.append([name, _NUMBERS, _pairs(content.metric_records[name])])
        else:
            plain.append([name, _SETTINGS, _pairs(content.config_records[name])])
    return plain


def _pairs(record: Mapping[str, Any]) -> list[list[Any]]:
    return [[key, value] for key, value in record.items()]


def _array(array: Array, held: Held) -> tuple[str, list[int], str, np.ndarray[Any, Any]]:
    view = held.get(id(array.data))
    if view is None:
        view = held[id(array.data)] = np.frombuffer(array.data, np.uint8)
    return array.dtype, list(array.shape), array.stype, view


def _records(plain: list[Any]) -> RecordDict:
    from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

    content = RecordDict()
    for name, kind, items in plain:
        if kind == _ARRAYS:
            content[name] = ArrayRecord(
                {
                    key: Array(dtype, tuple(shape), stype, bytes(data))
                    for key, dtype, shape, stype, data in items
                }
            )
        elif kind == _NUMBERS:
            content[name] = MetricRecord(dict(items))
        else:
            content[name] = ConfigRecord(dict(items))
    return content
