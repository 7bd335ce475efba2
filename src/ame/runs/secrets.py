"""Secrets that tasks are given: what every place that keeps them promises."""

import re
from threading import Lock
from typing import Protocol

from ame import errors

LONGEST = 64 * 1024
"""Bytes of a value: well below what an environment variable can hold."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,252}")


class Secret(str):
    """A value that is not shown by `repr`, so not by that of anything that holds it.

    It is a string like any other to whatever uses it: to print it is to disclose it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('***')"


class Secrets(Protocol):
    """The secrets of one state folder, by key.

    Every call may be made from any thread, and several processes may write at once: none of
    their writes is lost. A write has happened durably when the call returns.
    """

    def names(self) -> tuple[str, ...]:
        """The keys, sorted. Needs no key to the values."""

    def get(self, key: str) -> Secret:
        """The value.

        Raises:
            errors.SecretNotFound: there is none of that key; it names the nearest one.
            errors.KeyLost, errors.KeyExposed: the values cannot be decrypted, or should not be.
            errors.SecretsDamaged: what was stored was changed.

        """

    def put(self, key: str, value: str, *, replace: bool = False) -> None:
        """Adds a secret; with `replace`, also in the place of one.

        Raises:
            errors.SecretInvalid: the key or the value cannot be kept; see `check`.
            errors.SecretExists: there is one of that key, and `replace` is false.
            errors.KeyLost: there are values already, and the key to them is not to be had.

        """

    def remove(self, key: str) -> None:
        """Forgets the value. Needs no key to it.

        Raises:
            errors.SecretNotFound: there is none of that key.

        """


def check(key: str, value: str) -> None:
    """Refuses a key that is not a plain name, and a value that no variable could hold.

    Raises:
        errors.SecretInvalid: says why, never the value.

    """
    check_key(key)
    if not value:
        raise errors.SecretInvalid(key, "the value is empty")
    if "\0" in value:
        raise errors.SecretInvalid(
            key, "the value holds a NUL byte, which no variable can: store it as base64"
        )
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise errors.SecretInvalid(key, "the value is no text: store it as base64") from None
    if size > LONGEST:
        raise errors.SecretInvalid(
            key, f"the value has {size} bytes, more than the {LONGEST} that a variable may have"
        )


def check_key(key: str) -> None:
    """Refuses a key that is not a plain name.

    Raises:
        errors.SecretInvalid: always of the key.

    """
    if not _KEY.fullmatch(key):
        raise errors.SecretInvalid(
            key,
            "a key is made of letters, digits and `.`, `_`, `/`, `-`, "
            "begins with a letter or a digit, and has at most 253 characters",
        )


def absent(key: str, known: tuple[str, ...]) -> errors.SecretNotFound:
    """The error for a key that is not among those `known`."""
    from difflib import get_close_matches

    near = get_close_matches(key, known, n=1)
    return errors.SecretNotFound(key, near[0] if near else "")


class MemorySecrets:
    """Secrets of this process alone, in plain memory."""

    def __init__(self) -> None:
        self._values: dict[str, Secret] = {}
        self._lock = Lock()

    def names(self) -> tuple[str, ...]:
        """See `Secrets`."""
        with self._lock:
            return tuple(sorted(self._values))

    def get(self, key: str) -> Secret:
        """See `Secrets`."""
        with self._lock:
            try:
                return self._values[key]
            except KeyError:
                raise absent(key, tuple(self._values)) from None

    def put(self, key: str, value: str, *, replace: bool = False) -> None:
        """See `Secrets`."""
        check(key, value)
        with self._lock:
            if key in self._values and not replace:
                raise errors.SecretExists(key)
            self._values[key] = Secret(value)

    def remove(self, key: str) -> None:
        """See `Secrets`."""
        with self._lock:
            if self._values.pop(key, None) is None:
                raise absent(key, tuple(self._values))
