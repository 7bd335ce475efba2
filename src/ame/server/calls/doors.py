"""Who may call what."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ame.protocol.calls import Call

MANAGING: Final = frozenset(
    {"BuildArtifacts", "BuildTaskGroup", "CancelTask", "CreateTask", "GetTaskById"}
)
"""Calls that only operators make."""
REMEMBERED: Final = 100_000
"""Of how many callers the rate is known."""


def digest(secret: str) -> bytes:
    """What is kept of a key or a token."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(slots=True, kw_only=True)
class Doors:
    """Keys of devices, tokens of operators, and how often one caller may come."""

    keys: Collection[bytes] = ()
    """Digests of api keys, one of which a device has to show; empty: anyone may come."""
    operators: Collection[bytes] = ()
    """Digests of the tokens of those who manage."""
    open: bool = False
    """Whether anyone may manage: for trying things out on one machine."""
    per_second: float = 0.0
    """How many calls a second one address may make, on average; 0: as many as it likes."""
    burst: float = 50.0
    """How many it may make at once."""
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

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

    def slow(self, address: str, now: float) -> None:
        """Counts a call of an address.

        Raises:
            errors.CallsTooMany: it makes more than it may.
        """
        if not self.per_second:
            return
        left, at = self._buckets.pop(address, (self.burst, now))
        left = min(self.burst, left + (now - at) * self.per_second)
        self._buckets[address] = (max(left - 1, 0.0), now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if left < 1:
            raise errors.CallsTooMany(self.per_second)


def _shown(what: str, secret: str, known: Collection[bytes]) -> None:
    shown = digest(secret)
    # all are compared, so that the time tells nothing
    if not secret or not sum(hmac.compare_digest(shown, each) for each in known):
        raise errors.Unauthenticated(f"{what} is missing or wrong")
