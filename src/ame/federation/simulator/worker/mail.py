"""Messages and records, as they go between workers and the process that leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ame.federation.client.record import Record
from ame.federation.exchange import codec
from ame.federation.exchange.sites import Message, Why
from ame.federation.spec.analytics import AnalyticsDataType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.federation.exchange.watcher import Watcher


def pack(message: Message) -> bytes:
    """A message of one side to another."""
    fields = [message.sender, message.target, message.topic, message.data]
    return codec.pack([*fields, message.number, message.answer])


def unpack(packed: bytes) -> Message:
    """What `pack` was given."""
    sender, target, topic, data, number, answer = codec.unpack(packed)
    return Message(
        sender=sender, target=target, topic=topic, data=data, number=number, answer=answer
    )


def pack_record(site: str, record: Record) -> bytes:
    """A record, and whose it is."""
    fields = [site, record.key, record.value, record.kind.value, record.step]
    return codec.pack([*fields, dict(record.extra)])


def tell_records(watcher: Watcher, records: Sequence[bytes]) -> None:
    """Tells a watcher of records that were packed."""
    for packed in records:
        site, key, value, kind, step, extra = codec.unpack(packed)
        watcher.recorded(
            site,
            Record(key=key, value=value, kind=AnalyticsDataType(kind), step=step, extra=extra),
        )


def told(why: Why) -> tuple[str, str, str, str]:
    """Why a site gives no reply, in plain values."""
    return why.kind, why.text, why.trace, why.place


def why(kind: str, text: str, trace: str, place: str) -> Why:
    """What `told` was given."""
    return Why(kind=kind, text=text, trace=trace, place=place)  # type: ignore[arg-type]  # it was one
