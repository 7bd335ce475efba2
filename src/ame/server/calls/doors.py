"""Who may call what."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.server.calls.rates import Rates

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ame.protocol.calls import Call

MANAGING: Final = frozenset(
    {"BuildArtifacts", "BuildTaskGroup", "CancelTask", "CreateTask", "GetTaskById"}
)
"""Calls that only operators make."""
UNKEPT: Final = (errors.BucketUnusable, errors.DatabaseUnusable, errors.FilesUnusable)
DAMAGED: Final = (errors.BlobDamaged, errors.DatabaseDamaged)
"""What is wrong with that in which a server keeps things; these name the place."""


def digest(secret: str) -> bytes:
    """What is kept of a key or a token."""
    return hashlib.sha256(secret.encode()).digest()


def outside(error: errors.Error) -> errors.Error:
    """What those hear of an error who do not manage: nothing of where a server keeps things."""
    if isinstance(error, UNKEPT):
        return errors.KeepingFailed()
    return errors.KeptDamaged() if isinstance(error, DAMAGED) else error


@dataclass(slots=True, kw_only=True)
class Doors:
    """Keys of devices, tokens of operators, and how often one caller may come."""

    keys: Collection[bytes] = ()
    """Digests of api keys, one of which a device has to show; empty: anyone may come."""
    operators: Collection[bytes] = ()
    """Digests of the tokens of those who manage."""
    open: bool = False
    """Whether anyone may manage: for trying things out on one machine."""
    rates: Rates = field(default_factory=Rates)
    """How often one caller may come."""
    proxies: Collection[str] = ()
    """Networks of proxies that are believed whom they speak for."""

    def admit(self, call: Call, headers: Mapping[str, str]) -> None:
        """Lets a call in.

        Raises:
            errors.Unauthenticated: it shows no key, no token, or a wrong one.
        """
        if call.name in MANAGING:
            self.admit_operator(headers)
        else:
            self.admit_device(headers)

    def admit_device(self, headers: Mapping[str, str]) -> None:
        """Lets one in who does what others manage.

        Raises:
            errors.Unauthenticated: keys are asked for, and it shows none, or a wrong one.
        """
        if self.keys:
            _shown("x-goog-api-key", headers.get("x-goog-api-key", ""), self.keys)

    def admit_operator(self, headers: Mapping[str, str]) -> None:
        """Lets one in who manages.

        Raises:
            errors.Unauthenticated: they show no token, or a wrong one.
        """
        if not self.open:
            scheme, _, token = headers.get("authorization", "").partition(" ")
            _shown("an operator's token", token if scheme == "Bearer" else "", self.operators)


def _shown(what: str, secret: str, known: Collection[bytes]) -> None:
    shown = digest(secret)
    # all are compared, so that the time tells nothing
    if not secret or not sum(hmac.compare_digest(shown, each) for each in known):
        raise errors.Unauthenticated(f"{what} is missing or wrong")
