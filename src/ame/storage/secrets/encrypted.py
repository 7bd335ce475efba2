"""Secrets in a file of the state folder, encrypted with AES-256-GCM.

The file is JSON: its format, where its key is kept and under which name, and for each secret a
nonce and the encrypted value. Format, name of the key and name of the secret are bound to each
value, so that an entry moved to another name or another file is refused.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ame import errors, runs
from ame.runs.secrets import absent, check, check_key
from ame.storage.secrets import private
from ame.storage.secrets.keys import LENGTH, KeyFile, Keyring, Keys, has_keyring, name_of

_FORMAT = 1
_NONCE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """What the file holds: `values` are nonce and encrypted value in one."""

    kept: str = ""
    key: str = ""
    values: Mapping[str, bytes] = field(default_factory=dict)


class EncryptedSecrets:
    """The secrets of one state folder. See `runs.Secrets`."""

    def __init__(self, folder: Path) -> None:
        """`folder` need not exist. Nothing is read before it is asked for."""
        self._file = folder / "secrets.json"
        self._lock = folder / "secrets.lock"
        self._key_file = folder / "secrets.key"

    def names(self) -> tuple[str, ...]:
        """See `runs.Secrets`."""
        return tuple(sorted(self._read().values))

    def get(self, key: str) -> runs.Secret:
        """See `runs.Secrets`."""
        check_key(key)
        document = self._read()
        if key not in document.values:
            raise absent(key, tuple(document.values))
        found = self._keys(document).read(document.key)
        if found is None:  # a rotation may have come between the two readings
            document = self._read()
            if key not in document.values:
                raise absent(key, tuple(document.values))
            found = self._key(document)
        return self._decrypt(document, found, key)

    def put(self, key: str, value: str, *, replace: bool = False) -> None:
        """See `runs.Secrets`."""
        check(key, value)
        with private.locked(self._lock):
            document = self._read()
            if key in document.values and not replace:
                raise errors.SecretExists(key)
            document, found = self._keyed(document)
            self._write(_with(document, found, key, value))

    def remove(self, key: str) -> None:
        """See `runs.Secrets`."""
        with private.locked(self._lock):
            document = self._read()
            if key not in document.values:
                raise absent(key, tuple(document.values))
            rest = {name: each for name, each in document.values.items() if name != key}
            self._write(replace(document, values=rest))

    def rotate(self) -> int:
        """Encrypts all values anew with a new key, forgets the old one; gives their number.

        Ended at any point, it leaves the values readable with a key that is there.
        """
        with private.locked(self._lock):
            old = self._read()
            if not old.values:
                return 0
            found = self._key(old)
            values = {name: self._decrypt(old, found, name) for name in old.values}
            keys = self._keys(old)
            key = os.urandom(LENGTH)
            keys.add(key)
            new = replace(old, key=name_of(key), values={})
            for name, value in values.items():
                new = _with(new, key, name, value)
            self._write(new)
            keys.drop(old.key)
            return len(values)

    def _keys(self, document: _Document) -> Keys:
        match document.kept:
            case "keyring":
                return Keyring()
            case _:
                return KeyFile(self._key_file)

    def _key(self, document: _Document) -> bytes:
        keys = self._keys(document)
        found = keys.read(document.key)
        if found is None:
            raise errors.KeyLost(self._file, keys.place)
        return found

    def _keyed(self, document: _Document) -> tuple[_Document, bytes]:
        """The document and its key, which is made when there is none and no value needs one."""
        if document.values:
            return document, self._key(document)
        if document.key and (found := self._keys(document).read(document.key)):
            return document, found
        key = os.urandom(LENGTH)
        if has_keyring():
            with suppress(errors.Denied):  # locked, or of no use: the file serves
                Keyring().add(key)
                return _Document(kept="keyring", key=name_of(key)), key
        KeyFile(self._key_file).add(key)
        return _Document(kept="file", key=name_of(key)), key

    def _decrypt(self, document: _Document, key: bytes, name: str) -> runs.Secret:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        stored = document.values[name]
        try:
            plain = AESGCM(key).decrypt(stored[:_NONCE], stored[_NONCE:], _bound(document, name))
        except (InvalidTag, ValueError):
            raise errors.SecretsDamaged(
                self._file, f"the stored value of `{name}` was changed"
            ) from None
        return runs.Secret(plain.decode())

    def _read(self) -> _Document:
        try:
            written = json.loads(self._file.read_bytes())
            if written["format"] != _FORMAT:
                raise errors.Unsupported(
                    f"{self._file}: this file has format {written['format']}, "
                    f"and this ame reads format {_FORMAT}: use the version that wrote it"
                )
            return _Document(
                kept={"file": "file", "keyring": "keyring"}[written["kept"]],
                key=str(written["key"]),
                values={
                    str(name): b64decode(value, validate=True)
                    for name, value in written["secrets"].items()
                },
            )
        except FileNotFoundError:
            return _Document()
        except (ValueError, KeyError, TypeError, AttributeError):
            raise errors.SecretsDamaged(self._file, "this is no file of secrets") from None

    def _write(self, document: _Document) -> None:
        written = {
            "format": _FORMAT,
            "kept": document.kept,
            "key": document.key,
            "secrets": {
                name: b64encode(document.values[name]).decode() for name in sorted(document.values)
            },
        }
        private.write(self._file, json.dumps(written, indent=1).encode() + b"\n")


def _bound(document: _Document, name: str) -> bytes:
    return json.dumps([_FORMAT, document.key, name]).encode()


def _with(document: _Document, key: bytes, name: str, value: str) -> _Document:
    """The document with one value, encrypted with a fresh nonce."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE)
    stored = nonce + AESGCM(key).encrypt(nonce, value.encode(), _bound(document, name))
    return replace(document, values={**document.values, name: stored})
