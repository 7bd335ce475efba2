"""Whether devices of the On-Device Personalization dialect are what they claim to be.

A device names itself by a key of its own choice, and shows once, by a chain of certificates over
a challenge of ours, that the key belongs to a genuine device; then the key is let in for a while.

Sources: the headers, statuses and reasons are those of that dialect's server; the chain is that
of Android's key attestation, whose extension 1.3.6.1.4.1.11129.2.1.17 holds the challenge.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ame import errors
from ame.protocol.pb import common
from ame.server.ledger import populations
from ame.server.visits.pace import SOON

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from google.protobuf.message import Message

    from ame.protocol.calls import Call
    from ame.server.fleet import Fleet

ASKED: Final = frozenset({"CreateTaskAssignment", "ReportResult"})
"""Calls that a device has to have attested itself for."""
EXTENSION: Final = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.1.17")
CHALLENGE: Final = 3600.0
"""Seconds for which a challenge stays the same; it is good as long again."""
LONGEST: Final = 10
"""Certificates of a chain."""


class Verifier(Protocol):
    """Says whether a chain of certificates attests a genuine device. It may take its time.

    A form of one's own, such as one that asks a service, is handed to `app.running`.
    """

    async def genuine(self, chain: Sequence[bytes], challenge: bytes) -> bool:
        """`chain` is in DER, the device's own certificate first.

        Raises:
            errors.Unavailable: that cannot be said at the moment.
            errors.Invalid: the chain cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """The check that stands before these calls; without a verifier everyone passes."""

    fleet: Fleet
    verifier: Verifier | None = None

    def asks(self, call: Call) -> bool:
        """Whether anything is to be shown before a call."""
        return self.verifier is not None and call.name in ASKED

    async def refused(self, call: Call, headers: Mapping[str, str]) -> tuple[int, Message] | None:
        """Status and reply for a device that is not let in; none for one that is."""
        if self.verifier is None or not self.asks(call):
            return None
        fleet, own = self.fleet, headers.get("odp-authorization-key", "")
        digest, now = hashlib.sha256(own.encode()).hexdigest(), fleet.clock()
        known = await fleet.database.read(lambda rows: populations.allowed(rows, digest, now))
        if own and known:
            return None
        shown = headers.get("odp-authentication-key", "")
        if not own or not shown:
            info = common.RejectionInfo(reason="UNAUTHENTICATED")
            challenge = self.challenge(own, now)
            info.auth_metadata.key_attestation_metadata.challenge = challenge
            return 401, call.reply(rejection_info=info)
        try:
            chain = chain_in(shown)
            good = [
                await self.verifier.genuine(chain, self.challenge(own, at))
                for at in (now, now - CHALLENGE)
            ]
        except errors.Unavailable:
            return 200, _rejected(call, "UNAUTHORIZED")
        except errors.Error:
            return 200, _rejected(call, "UNAUTHENTICATED")
        if not any(good):
            return 403, _rejected(call, "UNAUTHORIZED")
        until = now + fleet.settings.attested_seconds
        await fleet.database.do(lambda rows: populations.allow(rows, digest, until, now))
        return None

    def challenge(self, own: str, now: float) -> bytes:
        """What the device of this key is to have attested. Nothing is kept of it."""
        about = f"{hashlib.sha256(own.encode()).hexdigest()}.{int(now // CHALLENGE)}"
        return self.fleet.tokens.make("challenge", about).rpartition(".")[2].encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """Verifies chains against roots that are trusted, here in the process."""

    roots: Collection[x509.Certificate]
    revoked: Callable[[], Collection[int]] = tuple
    """Serial numbers of certificates that are trusted no more."""

    @classmethod
    def read(cls, pem: bytes, revoked: Callable[[], Collection[int]] = tuple) -> Chains:
        """With the roots of a file.

        Raises:
            ValueError: it holds none.
        """
        return cls(roots=x509.load_pem_x509_certificates(pem), revoked=revoked)

    async def genuine(self, chain: Sequence[bytes], challenge: bytes) -> bool:
        """See `Verifier`."""
        return await asyncio.to_thread(self._genuine, chain, challenge)

    def _genuine(self, chain: Sequence[bytes], challenge: bytes) -> bool:
        try:
            read = [x509.load_der_x509_certificate(each) for each in chain]
            said = read[0].extensions.get_extension_for_oid(EXTENSION).value
        except x509.ExtensionNotFound:
            return False
        except (ValueError, x509.UnsupportedGeneralNameType) as error:
            raise errors.RequestMalformed(f"no chain of certificates: {error}") from None
        held = said.value if isinstance(said, x509.UnrecognizedExtension) else b""
        if challenge_in(held) != challenge:
            return False
        gone = self.revoked()
        if any(each.serial_number in gone for each in read):
            return False
        now = datetime.now(UTC)
        issuers = [*read[1:], *self._roots_of(read[-1])]
        if len(issuers) < len(read):
            return False
        for own, issuer in zip(read, issuers, strict=False):
            if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
                return False
            try:
                own.verify_directly_issued_by(issuer)
            except (ValueError, TypeError, InvalidSignature):
                return False
        return all(map(_issues, read[1:]))

    def _roots_of(self, last: x509.Certificate) -> list[x509.Certificate]:
        """The trusted root that issued the last of a chain, which may be that root itself."""
        return [each for each in self.roots if each.subject == last.issuer][:1]


def _issues(certificate: x509.Certificate) -> bool:
    """Whether a certificate may issue others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def chain_in(shown: str) -> list[bytes]:
    """The certificates that a device shows, in DER.

    Raises:
        errors.RequestMalformed: there are none, or too many.
    """
    try:
        said: Any = json.loads(shown)
        made = [b64decode(each, validate=True) for each in said]
    except (ValueError, TypeError, RecursionError) as error:
        raise errors.RequestMalformed(f"no chain of certificates: {error}") from None
    if not 0 < len(made) <= LONGEST:
        raise errors.RequestMalformed(f"a chain of {len(made)} certificates")
    return made


def challenge_in(extension: bytes) -> bytes:
    """The challenge in a description of a key: the fifth element of its sequence, in DER."""
    try:
        rest, _ = _element(extension)
        for _ in range(4):
            _, rest = _element(rest)
        own = rest[:1] == b"\x04"
        return _element(rest)[0] if own else b""
    except IndexError:
        return b""


def _element(data: bytes) -> tuple[bytes, bytes]:
    """The content of the first element of DER, and what follows it.

    Raises:
        IndexError: it is cut off.
    """
    size, begin = data[1], 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(data[2:begin], "big")
    if begin + size > len(data):
        raise IndexError
    return data[begin : begin + size], data[begin + size :]


def _rejected(call: Call, reason: str) -> Message:
    info = common.RejectionInfo(reason=reason)
    info.retry_window.delay_min.FromSeconds(int(SOON.least))
    info.retry_window.delay_max.FromSeconds(int(SOON.most))
    return call.reply(rejection_info=info)
