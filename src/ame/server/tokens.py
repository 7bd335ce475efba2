"""Tokens that say of themselves that this server made them. Nothing in them tells of a device."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode

from ame import errors

MAC = 16
"""Bytes of a token that only the key's holder can make."""


def fresh() -> str:
    """An id that is nobody else's: 128 random bits, fit for paths."""
    return secrets.token_urlsafe(16)


class Tokens:
    """Makes tokens of a kind for an id, and reads them back. Nothing is to be kept of them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, kind: str, about: str) -> str:
        """The token of this kind: the id, then its proof."""
        return f"{about}.{self._proof(kind, about)}"

    def read(self, kind: str, token: str) -> str:
        """The id that the token is about. It is compared in constant time.

        Raises:
            errors.TokenRefused: it is not one of this kind that holders of the key made.
        """
        about, _, proof = token.rpartition(".")
        if not hmac.compare_digest(proof.encode(), self._proof(kind, about).encode()):
            raise errors.TokenRefused(kind)
        return about

    def _proof(self, kind: str, about: str) -> str:
        made = hmac.digest(self._key, f"{kind}\0{about}".encode(), hashlib.sha256)
        return urlsafe_b64encode(made[:MAC]).decode().rstrip("=")
