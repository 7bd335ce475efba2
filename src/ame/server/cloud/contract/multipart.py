"""Forms with files, as browsers and command-line clients send them (RFC 7578)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import HTTP

from ame import errors

_FILENAME = re.compile(
    rb'^content-disposition:[^\r\n]*?;\s*filename="((?:\\["\\]|[^"\r\n])*)"',
    re.IGNORECASE | re.MULTILINE,
)
MOST = 2000
"""How many parts a form may have."""
HEAD = 1 << 14
"""How many bytes may stand before a part's content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One field of a form."""

    name: str
    filename: str | None
    content: bytes


def parts(kind: str, body: bytes) -> list[Part]:
    """The fields of a form, given its content type.

    Raises:
        errors.RequestMalformed: it is no such form.
    """
    head = Message()
    head["content-type"] = kind
    boundary = head.get_param("boundary")
    if head.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise errors.RequestMalformed("no multipart/form-data")
    mark = b"\r\n--" + boundary.encode("latin-1", "replace")
    start = len(mark) - 2 if body.startswith(mark[2:]) else _after(mark, body, 0)[1]
    found: list[Part] = []
    while not body.startswith(b"--", start):
        end, following = _after(mark, body, start)
        if len(found) == MOST:
            raise errors.RequestMalformed(f"a form that has over {MOST} parts")
        found.append(_part(body, start, end))
        start = following
    return found


def _after(mark: bytes, body: bytes, start: int) -> tuple[int, int]:
    """Where the next mark stands, and what follows it."""
    at = body.find(mark, start)
    if at < 0:
        raise errors.RequestMalformed("a form that is cut off")
    return at, at + len(mark)


def _part(body: bytes, start: int, end: int) -> Part:
    """The field that stands there: what may be long is copied once."""
    head = body.find(b"\r\n\r\n", start, min(end, start + HEAD))
    if head < 0:
        raise errors.RequestMalformed("a part of a form without a name")
    text = body[start:head].lstrip(b"\r\n") + b"\r\n\r\n"
    said = BytesHeaderParser(policy=HTTP).parsebytes(text)
    name = said.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise errors.RequestMalformed("a part of a form without a name")
    filename = _filename(text) or said.get_filename()
    return Part(name=name, filename=filename, content=body[head + 4 : end])


def _filename(head: bytes) -> str | None:
    """The name of a file as it was sent: browsers leave a backslash as it is, others double it."""
    found = _FILENAME.search(head)
    return found and re.sub(r'\\(["\\])', r"\1", found[1].decode(errors="replace"))
