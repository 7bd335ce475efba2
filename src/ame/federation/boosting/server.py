"""XGBoost's server of a federated training, in a process that ends with whoever started it.

`python -m ame.federation.boosting.server PORT SITES KEY CERTIFICATE`, its standard input held open.
"""

import datetime as dt
import ipaddress
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ame import errors

HOST = "localhost"
PATIENCE = 300.0
"""Seconds within which it must listen."""


@contextmanager
def started(sites: int, folder: Path) -> Iterator[tuple[str, str, str]]:
    """The server's address, its certificate and its key, as texts; it ends with the context.

    Raises:
        errors.JobInvalid (ValueError): the XGBoost that is installed has no such server.
        errors.EngineFailed: it does not listen in time.
    """
    import xgboost

    if not xgboost.build_info().get("USE_FEDERATED"):
        raise errors.JobInvalid(
            "the XGBoost that is installed is built without federated training: run "
            "`pip install xgboost` (`xgboost-cpu` has none), or grow trees by bagging"
        )
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    _certify(key, certificate)
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    log = folder / "server.log"
    command = [sys.executable, "-m", __name__, str(port), str(sites), str(key), str(certificate)]
    path = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        ) as child,
    ):
        try:
            _wait(port, child, log)
            yield f"{HOST}:{port}", certificate.read_text(), key.read_text()
        finally:
            child.kill()


def _wait(port: int, child: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and child.poll() is None:
        with socket.socket() as there:
            if there.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.02)
    raise errors.EngineFailed("XGBoost's server", f"it does not listen on port {port}", log)


def _certify(key: Path, certificate: Path) -> None:
    """Makes a key, and a certificate of it for this machine, good for a day."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    made = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(made.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(made, hashes.SHA256())
    )
    key.touch(mode=0o600)
    key.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _end_with_input() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    from xgboost.federated import run_federated_server

    threading.Thread(target=_end_with_input, daemon=True).start()
    port, sites, key, certificate = sys.argv[1:]
    run_federated_server(
        int(sites), int(port),
        server_key_path=key, server_cert_path=certificate, client_cert_path=certificate,
    )  # fmt: skip
