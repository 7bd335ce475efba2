"""Forms with files, as browsers and command-line clients send them (RFC 7578)."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import HTTP

from ame import errors

MOST = 2000
"""How many parts a form may have."""


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
    pieces = (b"\r\n" + body).split(mark, MOST + 2)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise errors.RequestMalformed(f"a form that is cut off, or has over {MOST} parts")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, found, content = piece.partition(b"\r\n\r\n")
    said = BytesHeaderParser(policy=HTTP).parsebytes(head.lstrip(b"\r\n") + b"\r\n\r\n")
    name = said.get_param("name", header="content-disposition")
    if not found or not isinstance(name, str):
        raise errors.RequestMalformed("a part of a form without a name")
    return Part(name=name, filename=said.get_filename(), content=content)
