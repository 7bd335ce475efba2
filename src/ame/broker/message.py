"""What goes through a queue, and how calls and answers are written in it."""

import json
from typing import Any, NamedTuple, NoReturn

from ame import errors

OK = 200
REFUSED = 400
TOO_MANY = 429
FAILED = 500
REPEATING = "ame-"
"""So begin ids, unique in the world, under which a call is sent again until it is answered."""
MOST_BYTES = 16 << 20
"""The longest message that is taken, unless told otherwise."""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


_encode = json.JSONEncoder(allow_nan=False).encode
_plain = json.JSONEncoder(ensure_ascii=False).encode
_decode = json.JSONDecoder(parse_constant=_refuse).decode


class Message(NamedTuple):
    """Bytes with what the broker carries beside them; a tuple, since calls make four of them."""

    body: bytes
    type: str = ""
    """The name of the function; without one, that of the queue."""
    reply_to: str = ""
    """The queue for the answer; without one, none is wanted."""
    correlation_id: str = ""
    """What the answer repeats. It begins with `REPEATING` if the sender repeats the call."""
    user: str = ""
    """Who sent it, where the broker has seen to that."""
    seconds: float | None = None
    """How long it may wait in a queue before it is no longer wanted."""


def arguments_of(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The arguments of a call.

    Raises:
        errors.MessageUnfit: it is no JSON, or has text that cannot be written anywhere.
    """
    try:
        arguments = _decode(body.decode())
        if b"\\u" in body:
            _plain(arguments).encode()  # half of a surrogate pair is a text that has no bytes
    except (ValueError, RecursionError) as error:
        raise errors.MessageUnfit(f"the message is no JSON: {error}") from None
    return arguments


def body_of(arguments: object, most: int = MOST_BYTES) -> bytes:
    """Arguments as the body of a call.

    Raises:
        errors.MessageUnfit: they cannot be written as JSON, or come to more than `most` bytes.
    """
    try:
        body = _encode(arguments).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise errors.MessageUnfit(f"the arguments cannot be written as JSON: {error}") from None
    check_size(body, most)
    return body


def check_size(body: bytes, most: int) -> None:
    """Refuses what is too long.

    Raises:
        errors.MessageUnfit: it is.
    """
    if len(body) > most:
        raise errors.MessageUnfit(
            f"the message has {len(body):,} bytes, at most {most:,} are taken"
        )


def returned(value: object) -> bytes:
    """The answer of a call that was done. Its value must be fit for JSON: ValueError, TypeError."""
    return _encode({"status_code": OK, "return": value}).encode()


def excused(status: int, text: str) -> bytes:
    """The answer of a call that was not done, or that failed."""
    return _encode({"status_code": status, "exception": text}).encode()


def unfit(function: str, why: str) -> bytes:
    """The answer to arguments that a function does not take."""
    return excused(REFUSED, f"{function} cannot be executed due to invalid arguments: {why}")


def unknown(function: str) -> bytes:
    """The answer to a call of a function that a service does not have."""
    return excused(FAILED, f"{function} is an invalid RPC function")


def answer_of(body: bytes, function: str) -> dict[str, Any]:
    """An answer as it was sent: `status_code`, with `return` or `exception`.

    Raises:
        errors.ReplyUnreadable: it is none.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.ReplyUnreadable(function, str(error)) from None
    if not isinstance(answer, dict) or not isinstance(answer.get("status_code"), int):
        raise errors.ReplyUnreadable(function, "it has no `status_code`")
    return answer


def value_of(answer: dict[str, Any], function: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """What a call returned.

    Raises:
        errors.FunctionRefused: the service did not take it: its status is in the four hundreds.
        errors.FunctionFailed: it failed.
    """
    status = answer["status_code"]
    if status == OK:
        return answer.get("return")
    text = str(answer.get("exception", ""))
    if REFUSED <= status < FAILED:
        raise errors.FunctionRefused(function, status, text)
    raise errors.FunctionFailed(function, status, text)
