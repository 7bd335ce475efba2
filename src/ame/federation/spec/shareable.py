"""`Shareable`: what goes between a server and a site, with its headers."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Self

from ame.federation.spec.names.keys import ReservedHeaderKey, ReturnCode

__all__ = ["ReservedHeaderKey", "ReturnCode", "Shareable", "make_copy", "make_reply"]


class Shareable(dict[str, Any]):
    """A dict with headers, a return code, cookies, and what the peer's context said.

    Its values are plain data, arrays, tensors, and dicts and lists of them; nothing else travels.
    """

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        if data:
            self.update(data)
        self[ReservedHeaderKey.HEADERS] = {}

    def set_header(self, key: str, value: Any) -> None:
        """Say something of the content, not in it."""
        headers = self.get(ReservedHeaderKey.HEADERS)
        if not headers:
            headers = self[ReservedHeaderKey.HEADERS] = {}
        headers[key] = value

    def get_header(self, key: str, default: Any = None) -> Any:
        """What was said under `key`."""
        headers = self.get(ReservedHeaderKey.HEADERS)
        if not headers:
            return default
        if not isinstance(headers, dict):
            message = f"the headers must be a dict, not {type(headers).__name__}"
            raise ValueError(message)  # noqa: TRY004 (as FLARE's callers expect)
        return headers.get(key, default)

    def get_return_code(self, default: str = ReturnCode.OK) -> Any:
        """How the task went; `OK` where nothing else was said."""
        return self.get_header(ReservedHeaderKey.RC, default)

    def set_return_code(self, rc: str) -> None:
        """Say how the task went."""
        self.set_header(ReservedHeaderKey.RC, rc)

    def add_cookie(self, name: str, data: Any) -> None:
        """Give the site something that comes back with its result."""
        jar = self.get_cookie_jar()
        if not jar:
            jar = {}
            self.set_cookie_jar(jar)
        jar[name] = data

    def get_cookie_jar(self) -> Any:
        """All cookies, or None."""
        return self.get_header(ReservedHeaderKey.COOKIE_JAR)

    def set_cookie_jar(self, jar: Any) -> None:
        """Replace all cookies."""
        self.set_header(ReservedHeaderKey.COOKIE_JAR, jar)

    def get_cookie(self, name: str, default: Any = None) -> Any:
        """One cookie."""
        jar = self.get_cookie_jar()
        return jar.get(name, default) if jar else default

    def set_peer_props(self, props: dict[str, Any]) -> None:
        """The public properties of the sender's context."""
        self.set_header(ReservedHeaderKey.PEER_PROPS, props)

    def get_peer_props(self) -> Any:
        """What `set_peer_props` was given."""
        return self.get_header(ReservedHeaderKey.PEER_PROPS)

    def get_peer_prop(self, key: str, default: Any) -> Any:
        """One of them."""
        props = self.get_peer_props()
        return props.get(key, default) if isinstance(props, dict) else default

    def set_peer_context(self, peer_ctx: Any) -> None:
        """The sender's context."""
        self.set_header(ReservedHeaderKey.PEER_CTX, peer_ctx)

    def get_peer_context(self) -> Any:
        """What `set_peer_context` was given."""
        return self.get_header(ReservedHeaderKey.PEER_CTX)

    def to_bytes(self) -> bytes:
        """All of it as bytes, without pickle."""
        from ame.federation.exchange import codec

        return codec.pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` made."""
        from ame.federation.exchange import codec

        found = codec.unpack(data)
        if not isinstance(found, cls):
            message = f"the bytes hold a {type(found).__name__}, not a {cls.__name__}"
            raise ValueError(message)  # noqa: TRY004 (it is the bytes that are wrong)
        return found


def make_reply(rc: str, headers: Mapping[str, Any] | None = None) -> Shareable:
    """A reply that says `rc` and holds nothing else."""
    reply = Shareable()
    reply.set_return_code(rc)
    for key, value in (headers or {}).items():
        reply.set_header(key, value)
    return reply


def make_copy(source: Shareable, exclude_headers: Iterable[str] | None = None) -> Shareable:
    """The same content, not copied, under headers of its own."""
    twin = copy.copy(source)
    headers = copy.deepcopy(source.get(ReservedHeaderKey.HEADERS) or {})
    for key in exclude_headers or ():
        headers.pop(key, None)
    twin[ReservedHeaderKey.HEADERS] = headers
    return twin
