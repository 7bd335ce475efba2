"""Calls over HTTP: requests and replies as bytes, for any server and any client of HTTP.

Sources: the Federated Compute client's HTTP dialect (`?%24alt=proto`, ids in the path alone,
gzipped bodies, long-running operations), that of On-Device Personalization, and proto3's JSON.
"""

import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeVar
from urllib.parse import parse_qs

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.calls import Call
from ame.protocol.pb import _pool, operations, status
from ame.protocol.wires.serving import Pending

Form = Literal["proto", "json"]
TYPES: Final[Mapping[Form, str]] = {
    "proto": "application/x-protobuf",
    "json": "application/json",
}
CREATED: Final = 201
TOO_LARGE: Final = 413
GZIP: Final = 16 + zlib.MAX_WBITS
Any_ = TypeVar("Any_", bound=Message)


class Asked(NamedTuple):
    """A request as it was meant."""

    call: Call
    request: Message
    fields: Mapping[str, str]
    form: Form
    """In which the reply is wanted."""


class Answer(NamedTuple):
    """A response, ready to be sent."""

    status: int
    type: str
    body: bytes


def read(
    method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, *, limit: int
) -> Asked:
    """What a request over HTTP means.

    `path` is as it came, percent-encoded; names of headers are in lower case; `limit` bounds the
    body's bytes, also once it is decompressed.

    Raises:
        errors.CallUnknown: no call has this method and path.
        errors.RequestTooLarge: the body is over the limit.
        errors.RequestMalformed: the body is not the call's request.
    """
    found = calls.find(method, path)
    if found is None:
        raise errors.CallUnknown(method, path)
    return meant(*found, query, headers, body, limit=limit)


def meant(
    call: Call,
    fields: Mapping[str, str],
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    limit: int,
) -> Asked:
    """The same for a call that was found by its path, and what stands there."""
    body = unpacked(body, headers.get("content-encoding", ""), limit=limit)
    sent, wanted = forms(query, headers)
    request = parsed(call.request, body, sent)
    call.fill(request, fields)
    return Asked(call=call, request=request, fields=fields, form=wanted)


def forms(query: str, headers: Mapping[str, str]) -> tuple[Form, Form]:
    """The form of the request's body, and the one that the reply is wanted in."""
    return _forms(query, headers.get("content-type", ""), headers.get("accept", ""))


@lru_cache(256)
def _forms(query: str, kind: str, accepted: str) -> tuple[Form, Form]:
    said = kind.partition(";")[0].strip().lower()
    sent: Form = "json" if said == TYPES["json"] else "proto"
    alternatives = parse_qs(query)
    asked = alternatives.get("$alt", alternatives.get("alt", [""]))[-1]
    if asked in TYPES:
        return sent, "json" if asked == "json" else "proto"
    return sent, "json" if "json" in accepted and "protobuf" not in accepted else sent


def unpacked(body: bytes, encoding: str, *, limit: int) -> bytes:
    """A body without its compression; it is never held at more than the limit.

    Raises:
        errors.RequestTooLarge: it is, or becomes, longer than the limit.
        errors.RequestMalformed: it is cut off, or compressed in a way that is not known.
    """
    if len(body) > limit:
        raise errors.RequestTooLarge(limit)
    if not encoding or encoding == "identity":
        return body
    if encoding != "gzip":
        raise errors.RequestMalformed(f"content-encoding {encoding}, where gzip is known")
    unpacker = zlib.decompressobj(GZIP)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise errors.RequestMalformed(f"a body that is not gzip: {error}") from None
    if len(plain) > limit:
        raise errors.RequestTooLarge(limit)
    if not unpacker.eof:
        raise errors.RequestMalformed("a body of gzip that is cut off")
    return plain


def parsed(kind: type[Any_], body: bytes, form: Form) -> Any_:
    """The message that a body is.

    Raises:
        errors.RequestMalformed: it is not one.
    """
    message = kind()
    if not body:
        return message
    try:
        if form == "proto":
            message.ParseFromString(body)
        elif body.strip():
            json_format.Parse(body, message, ignore_unknown_fields=True, descriptor_pool=_pool.POOL)
    except (DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise errors.RequestMalformed(f"no {kind.DESCRIPTOR.full_name}: {error}") from None
    return message


def written(message: Message, form: Form) -> bytes:
    """The body that a message is."""
    if form == "proto":
        return message.SerializeToString()
    return json_format.MessageToJson(message, descriptor_pool=_pool.POOL, indent=None).encode()


def answer(asked: Asked, reply: Message | Pending) -> Answer:
    """The response for a reply; an operation where the call answers with one."""
    call, form = asked.call, asked.form
    number = 200
    if call.metadata is None and not isinstance(reply, Pending):
        body = written(reply, form)
        if call.name == "CreateTaskAssignment" and reply.HasField("task_assignment"):
            number = CREATED
    else:
        body = written(operation(call, asked.request, reply), form)
    return Answer(status=number, type=TYPES[form], body=body)


def operation(call: Call, request: Message, reply: Message | Pending) -> operations.Operation:
    """The operation that a reply is packed into, or stands for one that is yet to come."""
    if isinstance(reply, Pending):
        made = operations.Operation(name=reply.operation)
        made.metadata.Pack(reply.metadata)
        return made
    made = operations.Operation.FromString(_done(call.name))
    made.name = call.operation(request, reply)
    made.response.value = reply.SerializeToString()
    return made


@lru_cache(64)
def _done(call: str) -> bytes:
    """The operation of a call that has ended, but for its name and for what the reply says."""
    declared = calls.by_name(call)
    made = operations.Operation(done=True)
    if declared.metadata is not None:
        made.metadata.Pack(declared.metadata())
    made.response.Pack(declared.reply())
    return made.SerializeToString()


def refusal(error: errors.Error, form: Form) -> Answer:
    """The response for what went wrong: a `google.rpc.Status`."""
    code = statuses.of(error)
    said = status.Status(code=code, message=str(error))
    number = TOO_LARGE if isinstance(error, errors.RequestTooLarge) else statuses.to_http(code)
    return Answer(status=number, type=TYPES[form], body=written(said, form))


def request(
    call: Call, message: Message, *, fields: Mapping[str, str] | None = None
) -> tuple[str, str, bytes]:
    """Method, path with query, and body of a call; the body is not compressed."""
    if fields is None:
        path, body = call.split(message)
    else:
        path, body = call.filled(fields), message
    return call.method, f"{path}?%24alt=proto", body.SerializeToString()


def reply(call: Call, number: int, body: bytes) -> Message:
    """What a response says: the reply, or the operation where the call answers with one.

    Raises:
        errors.CallFailed: it says that the call failed.
        errors.RequestMalformed: it is not the reply.
    """
    check(number, body)
    return parsed(operations.Operation if call.metadata is not None else call.reply, body, "proto")


def check(number: int, body: bytes) -> None:
    """Sees that a response to a call, an upload or a download says that it was done.

    Raises:
        errors.CallFailed: it says that it failed, and why where its body holds that.
    """
    code = statuses.from_http(number)
    if code != statuses.OK:
        raise errors.CallFailed(code, _said(body) or f"HTTP {number}")


def outcome(call: Call, made: operations.Operation) -> Message | None:
    """What an operation ended with; none while it is under way.

    Raises:
        errors.CallFailed: it ended with an error.
        errors.RequestMalformed: it holds another message than the call's reply.
    """
    if not made.done:
        return None
    if made.WhichOneof("result") == "error":
        raise errors.CallFailed(made.error.code, made.error.message)
    kept = call.reply()
    if not made.response.Unpack(kept):
        raise errors.RequestMalformed(f"an operation with a {made.response.type_url}")
    return kept


def _said(body: bytes) -> str:
    """The message of the status in a failed call's body, where there is one."""
    try:
        return status.Status.FromString(body).message
    except (DecodeError, UnicodeDecodeError):
        return ""
