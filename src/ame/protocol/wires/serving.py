"""What every wire hands calls to, and what it hands beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from google.protobuf.message import Message

from ame.protocol.calls import Call

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Caller(NamedTuple):
    """Who asks, and what came with the request beside its message."""

    fields: Mapping[str, str] = NOTHING
    """What stood in the path; those that the request has fields for are in it as well."""
    headers: Mapping[str, str] = NOTHING
    """By lower-case name; gRPC's metadata."""
    address: str = ""
    """Whence it came, without the port."""
    base: str = ""
    """By which scheme and host it reached the server: `https://fleet.example`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A reply that is not there yet: the caller is to ask again by the operation's name."""

    operation: str
    """`operations/`, then what the server chose."""
    metadata: Message


class Service(Protocol):
    """Answers calls. One call does not wait for another.

    Raises what is wrong as `errors.Error`; each wire says it in its own way, by `statuses.of`.
    """

    async def answer(self, call: Call, request: Message, caller: Caller) -> Message | Pending:
        """The reply, or `Pending` where the call has metadata of an operation."""
        ...
