"""Certificates that are trusted no more: a list that others keep up to date in a file.

Source: the form is that of Android's list of revoked attestation keys: JSON with `entries`, whose
names are serial numbers in hexadecimal digits.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


class Revocations:
    """The serial numbers in a file, which is read again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        """Reads it.

        Raises:
            errors.RevocationsUnreadable: it is not there, or not of this form.
        """
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._serials: Collection[int] = ()
        self.serials()

    def serials(self) -> Collection[int]:
        """Those of the file as it is now.

        Raises:
            errors.RevocationsUnreadable: it is not there, or not of this form.
        """
        try:
            found = self._path.stat()
            seen = found.st_mtime_ns, found.st_size
            if seen != self._seen:
                said: Any = json.loads(self._path.read_text())
                self._serials = frozenset(int(number, 16) for number in said["entries"])
                self._seen = seen
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise errors.RevocationsUnreadable(self._path, str(error)) from None
        return self._serials
