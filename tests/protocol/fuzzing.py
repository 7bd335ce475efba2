"""Decoders of what others send, fuzzed with the help of what their code covers.

usage: python fuzzing.py TARGET FOLDER [OPTIONS]

TARGET is one of `TARGETS`, FOLDER holds what is tried first; OPTIONS are libFuzzer's. It ends
badly where a decoder raises anything but an error of ours.
"""

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # it has none

with atheris.instrument_imports(
    include=["ame.protocol", "ame.server.calls.attestation", "ame.server.visits.payloads"]
):
    import numpy as np
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from ame import errors
    from ame.protocol import calls, payloads
    from ame.protocol.pb import federated_api
    from ame.protocol.tensors import alike, checkpoint, fcv1
    from ame.protocol.wires import http
    from ame.server.calls import attestation
    from ame.server.visits import payloads as opened

LIMIT = 1 << 16
"""Values that a decoder may make at most; bytes that a body may become."""
SMALL = {"server/w": np.arange(6, dtype=np.float32).reshape(2, 3), "text": np.array([b"a", b"b"])}
KEY = opened.Key(id="a", private=X25519PrivateKey.from_private_bytes(bytes(range(32))), made=0)
UPLOADS = (checkpoint.to_bytes(SMALL), fcv1.to_bytes(SMALL))


def tensors(data: bytes) -> None:
    """Both forms of uploads."""
    for layout in (checkpoint, fcv1):
        for array in layout.read(data, limit=LIMIT).values():
            assert array.size <= LIMIT


def laid_out_alike(data: bytes) -> None:
    """An upload that is laid out as one before it: both ways of reading it say the same."""
    known = alike.Alike()
    known.read(UPLOADS[0], limit=LIMIT)
    try:
        quick = known.read(data, limit=LIMIT)
    except errors.Error:
        quick = None
    try:
        slow = checkpoint.read(data, limit=LIMIT)
    except errors.Error:
        slow = None
    assert (quick is None) == (slow is None)
    if quick is not None and slow is not None:
        assert quick.keys() == slow.keys()
        for name, array in quick.items():
            one, other = (
                each.tolist() if each.dtype == object else each.tobytes()
                for each in (array, slow[name])
            )
            assert one == other


def bodies(data: bytes) -> None:
    """A request over HTTP: its call by the first byte, its headers by the second."""
    if len(data) < 2:
        return
    call = calls.CALLS[data[0] % len(calls.CALLS)]
    headers = {
        "content-type": ("application/json", "application/x-protobuf", "")[data[1] % 3],
        "content-encoding": ("gzip", "", "identity")[data[1] // 3 % 3],
    }
    path = call.filled(dict.fromkeys(call.names, "operations/x"))
    http.read(call.method, path, "", headers, data[2:], limit=LIMIT)


def paths(data: bytes) -> None:
    """The path of a request."""
    words = data.decode("latin-1")
    for method in ("GET", "POST", "PUT"):
        calls.find(method, words)


def chains(data: bytes) -> None:
    """What a device shows of itself."""
    assert len(attestation.challenge_in(data)) <= len(data)
    for each in attestation.chain_in(data.decode("latin-1")):
        assert isinstance(each, bytes)


def sealed(data: bytes) -> None:
    """An encrypted payload."""
    said = opened.read(data)
    if said is not None:
        assert opened.decrypted(said, KEY) == b"x"
    http.unpacked(data, "gzip", limit=LIMIT)


TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "tensors": (tensors, UPLOADS),
    "laid_out_alike": (laid_out_alike, UPLOADS[:1]),
    "bodies": (
        bodies,
        (
            b"\x00\x00{}",
            b"\x02\x01" + federated_api.TaskEligibilityInfo(version=1).SerializeToString(),
            b"\x02\x02" + gzip.compress(b"{}"),
            b"\x10\x00" + json.dumps({"task": {"info": {"trafficWeight": "1"}}}).encode(),
        ),
    ),
    "paths": (paths, tuple(call.path.encode() for call in calls.CALLS)),
    "chains": (chains, (b"\x30\x05\x02\x01\x03\x04\x00", b'["AAAA", "/w=="]')),
    "sealed": (sealed, (payloads.sealed(b"x", KEY.id, KEY.public), gzip.compress(b"x"))),
}


def main(target: str, folder: Path, options: list[str]) -> None:
    """Fuzzes one target until it is told to end, or something is found."""
    decode, first = TARGETS[target]
    for number, content in enumerate(first):
        (folder / f"first-{number}").write_bytes(content)

    def once(data: bytes) -> None:
        try:
            decode(data)
        except errors.Error:
            return

    atheris.Setup([sys.argv[0], str(folder), *options], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
