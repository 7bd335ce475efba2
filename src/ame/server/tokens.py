"""Tokens that say of themselves that this server made them. Nothing in them tells of a device."""

import hashlib
import hmac
import os
import time
from base64 import urlsafe_b64encode
from functools import lru_cache

from ame import errors

MAC = 16
"""Bytes of a token that only the key's holder can make."""
RANDOM = 12
"""Random bytes of an id."""
REMEMBERED = 1 << 13
"""Tokens of which the proof is remembered: most are shown soon after they were made."""
POOL = 4096
"""Random bytes that are had from the system at a time."""
_pool = bytearray()
os.register_at_fork(after_in_child=_pool.clear)


def fresh() -> str:
    """An id that is nobody else's, fit for paths: the time in milliseconds, and 96 random bits.

    Ids that are made together lie together in an index: what many devices write at once is in a
    few of its pages.
    """
    if len(_pool) < RANDOM:
        _pool.extend(os.urandom(POOL))
    drawn = int(time.time() * 1000).to_bytes(6, "big") + _pool[-RANDOM:]
    del _pool[-RANDOM:]
    return urlsafe_b64encode(drawn).decode()


class Tokens:
    """Makes tokens of a kind for an id, and reads them back. Nothing is to be kept of them.

    The proof is keyed BLAKE2b (RFC 7693), which takes a microsecond and keeps the interpreter.
    """

    def __init__(self, key: bytes) -> None:
        """`key` is 64 bytes at most."""
        self._key = key
        self._proof = lru_cache(REMEMBERED)(self._proven)

    def make(self, kind: str, about: str) -> str:
        """The token of this kind: the id, then its proof."""
        return f"{about}.{self._proof(kind, about)}"

    def read(self, kind: str, token: str) -> str:
        """The id that the token is about. It is compared in constant time.

        Raises:
            errors.TokenRefused: it is not one of this kind that holders of the key made.
        """
        about, _, proof = token.rpartition(".")
        if not proof.isascii() or not hmac.compare_digest(proof, self._proof(kind, about)):
            raise errors.TokenRefused(kind)
        return about

    def _proven(self, kind: str, about: str) -> str:
        proven = f"{kind}\0{about}".encode()
        return hashlib.blake2b(proven, key=self._key, digest_size=MAC).hexdigest()
