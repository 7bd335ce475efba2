"""Keys for encrypted payloads: made, renewed, and shared by all servers of a database."""

from __future__ import annotations

import asyncio
import binascii
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ame import errors
from ame.protocol import payloads
from ame.server import tokens
from ame.server.ledger import populations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ame.storage.databases import Database, Rows

Done = TypeVar("Done")
NAME: Final = "payload/"
DAY: Final = 86400.0
SMALL: Final = 1 << 14
"""Bytes of an upload that is sooner read than handed to another thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A pair of keys, and when it was made."""

    id: str
    private: X25519PrivateKey
    made: float

    @property
    def public(self) -> bytes:
        """What devices encrypt with, 32 bytes."""
        return self.private.public_key().public_bytes_raw()


class Payloads:
    """The server's keys. New ones are made in time; old ones still open what they closed."""

    def __init__(self, database: Database, *, plain: bool, rotated: float = 7 * DAY) -> None:
        """`plain` lets payloads in that are not encrypted."""
        self._database = database
        self._keys: dict[str, Key] = {}
        self._plain = plain
        self._rotated = rotated

    def newest(self) -> Key:
        """The key that devices are to use from now on."""
        return max(self._keys.values(), key=lambda key: key.made)

    def public(self) -> list[dict[str, str]]:
        """The keys that devices may use, as JSON."""
        newest = self.newest()
        return [{"id": newest.id, "key": b64encode(newest.public).decode()}]

    async def opened(self, payload: bytes) -> bytes:
        """What a payload holds.

        Raises:
            errors.PayloadRefused: it is not encrypted, for another key, or was changed.
        """
        sealed = await done(payload, read)
        if sealed is None:
            if self._plain:
                return payload
            raise errors.PayloadRefused("it is not encrypted")
        name = str(sealed.get("keyId", ""))
        if name not in self._keys:  # another server may have made it meanwhile
            await self._learn()
        key = self._keys.get(name)
        if key is None:
            raise errors.PayloadRefused("it is encrypted for a key that is not this server's")
        return await done(payload, lambda _: decrypted(sealed, key))

    async def rotate(self, now: float) -> None:
        """Makes a new key where the newest is old, and learns those of other servers."""
        await self._database.do(lambda rows: _rotate(rows, now, self._rotated))
        await self._learn()

    async def _learn(self) -> None:
        self._keys.update(await self._database.read(_known))


async def kept(database: Database, *, now: float, plain: bool) -> Payloads:
    """The keys that all servers of a database share; the first one is made."""
    made = Payloads(database, plain=plain)
    await made.rotate(now)
    return made


async def done(content: bytes, deed: Callable[[bytes], Done]) -> Done:
    """What is made of bytes; of many in another thread."""
    return deed(content) if len(content) <= SMALL else await asyncio.to_thread(deed, content)


def decrypted(sealed: Mapping[str, Any], key: Key) -> bytes:
    """What a payload holds that is encrypted for this key.

    Raises:
        errors.PayloadRefused: it was changed.
    """
    try:
        closed = b64decode(str(sealed["encryptedPayload"]), validate=True)
        about = b64decode(str(sealed.get("associatedData", "")), validate=True)
        return payloads.SUITE.decrypt(closed, key.private, about)
    except (KeyError, ValueError, binascii.Error, InvalidTag):
        raise errors.PayloadRefused("it was changed, or is cut off") from None


def read(payload: bytes) -> dict[str, Any] | None:
    """What an encrypted payload says of itself; none where it is not encrypted."""
    if payload[:1] != b"{":
        return None
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _rotate(rows: Rows, now: float, rotated: float) -> None:
    known = _known(rows)
    if known and now - max(key.made for key in known.values()) < rotated:
        return
    private = X25519PrivateKey.generate().private_bytes_raw().hex()
    value = json.dumps({"private": private, "made": now})
    populations.server_key(rows, f"{NAME}{tokens.fresh()}", value)


def _known(rows: Rows) -> dict[str, Key]:
    found = populations.server_keys(rows, NAME)
    return {
        name: Key(
            id=name,
            private=X25519PrivateKey.from_private_bytes(bytes.fromhex(value["private"])),
            made=value["made"],
        )
        for name, text in found.items()
        for value in [json.loads(text)]
    }
