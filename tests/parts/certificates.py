"""Certificates for tests: an authority, and those that it vouches for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HERE = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One who has a key, and a certificate for it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def issue(
        self,
        name: str,
        *,
        hosts: Sequence[str] = HERE,
        ca: bool = False,
        extension: x509.ExtensionType | None = None,
    ) -> Holder:
        """Another one, whom this one vouches for."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.certificate.subject
        builder = _builder(name, key, issuer, self.key, hosts=hosts, ca=ca)
        if extension is not None:
            builder = builder.add_extension(extension, critical=False)
        return Holder(key=key, certificate=builder.sign(self.key, hashes.SHA256()))

    def write(self, certificate: Path, key: Path | None = None) -> None:
        """The certificate as PEM, and the key, where a file is named for it."""
        pem = serialization.Encoding.PEM
        certificate.write_bytes(self.certificate.public_bytes(pem))
        if key is not None:
            form, open_ = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            key.write_bytes(self.key.private_bytes(pem, form, open_))


def authority(name: str = "authority", *, hosts: Sequence[str] = ()) -> Holder:
    """One who vouches for itself; for `hosts` it may speak, too."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, key, _named(name), key, hosts=hosts, ca=True)
    return Holder(key=key, certificate=builder.sign(key, hashes.SHA256()))


def _builder(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    *,
    hosts: Sequence[str],
    ca: bool,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_usage(ca=ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
        )
    )
    if hosts:
        names = x509.SubjectAlternativeName([_host(each) for each in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
