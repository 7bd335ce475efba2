"""Encrypted payloads: what a device hands in for the server's eyes alone.

Source: RFC 9180 (HPKE) in its base mode with X25519, HKDF-SHA256 and AES-128-GCM, the ciphertext
behind the encapsulated key, as Tink's RAW keys write it; the JSON around it is that of the
On-Device Personalization client.
"""

import json
from base64 import b64encode
from typing import Final

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM)


def sealed(plain: bytes, key_id: str, public: bytes, *, about: bytes = b"{}") -> bytes:
    """A payload for the holder of a key, as devices write it.

    Raises:
        ValueError: the key is none.
    """
    closed = SUITE.encrypt(plain, X25519PublicKey.from_public_bytes(public), about)
    return json.dumps(
        {
            "keyId": key_id,
            "encryptedPayload": b64encode(closed).decode(),
            "associatedData": b64encode(about).decode(),
        }
    ).encode()
