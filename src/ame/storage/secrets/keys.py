"""Where the key to the stored secrets is kept: the keyring of the system, or a file."""

import hashlib
from pathlib import Path
from typing import Protocol

from ame import errors
from ame.storage.secrets import private

LENGTH = 32
_SERVICE = "ame-tasks"


def name_of(key: bytes) -> str:
    """What a key is found by. It tells nothing of a random key."""
    return hashlib.sha256(b"ame key\0" + key).hexdigest()[:32]


class Keys(Protocol):
    """Keys by name, each of `LENGTH` random bytes."""

    @property
    def place(self) -> str:
        """Where they are, in words."""

    def read(self, name: str) -> bytes | None:
        """The key; None when it is not there.

        Raises:
            errors.Denied: the place cannot be read, or could be read by others.

        """

    def add(self, key: bytes) -> None:
        """Keeps a key beside those that are there."""

    def drop(self, name: str) -> None:
        """Forgets a key. One that is not there is passed over."""


class KeyFile:
    """A file of mode 0600 with one key a line, in hexadecimal."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def place(self) -> str:
        """See `Keys`."""
        return str(self._file)

    def read(self, name: str) -> bytes | None:
        """See `Keys`."""
        return self._read().get(name)

    def add(self, key: bytes) -> None:
        """See `Keys`."""
        self._write(self._read() | {name_of(key): key})

    def drop(self, name: str) -> None:
        """See `Keys`."""
        kept = self._read()
        kept.pop(name, None)
        self._write(kept)

    def _read(self) -> dict[str, bytes]:
        try:
            lines = private.read(self._file).decode().split()
            keys = [bytes.fromhex(line) for line in lines]
        except FileNotFoundError:
            return {}
        except PermissionError as error:
            raise errors.Denied(
                f"{self._file}: this key cannot be read: {error.strerror}"
            ) from None
        except ValueError:
            raise errors.SecretsDamaged(self._file, "this is no file of keys") from None
        return {name_of(key): key for key in keys}

    def _write(self, keys: dict[str, bytes]) -> None:
        private.write(self._file, "".join(f"{key.hex()}\n" for key in keys.values()).encode())


class Keyring:
    """The keyring of the system, through the package `keyring`."""

    place = "the keyring of this system"

    def read(self, name: str) -> bytes | None:
        """See `Keys`."""
        try:
            import keyring
            import keyring.errors
        except ImportError:
            raise errors.ExtraMissing("keyring", "a key kept in a keyring") from None
        try:
            written = keyring.get_password(_SERVICE, name)
        except keyring.errors.KeyringError as error:
            raise errors.Denied(
                f"{self.place} does not give the key of the secrets: {error}: unlock it"
            ) from error
        return bytes.fromhex(written) if written else None

    def add(self, key: bytes) -> None:
        """See `Keys`."""
        import keyring
        import keyring.errors

        try:
            keyring.set_password(_SERVICE, name_of(key), key.hex())
        except keyring.errors.KeyringError as error:
            raise errors.Denied(f"{self.place} does not take a key: {error}: unlock it") from error

    def drop(self, name: str) -> None:
        """See `Keys`."""
        import keyring
        import keyring.errors

        try:
            keyring.delete_password(_SERVICE, name)
        except keyring.errors.PasswordDeleteError:
            return


def has_keyring() -> bool:
    """Whether the package is installed and has found a keyring that it recommends."""
    try:
        import keyring

        return keyring.get_keyring().priority >= 1
    except (ImportError, RuntimeError):
        return False
