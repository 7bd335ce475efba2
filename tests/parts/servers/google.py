"""A stand-in for Google's services and a fleet's servers beyond this machine, in their own names.

Clients reach it as they would the real ones: through the proxy and the certificates that the
environment names. So nothing in a client knows that it is another one.
"""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from parts import certificates

OAUTH, IAM = "oauth2.googleapis.com", "iamcredentials.googleapis.com"
ACCOUNTS = "/v1/projects/-/serviceAccounts/"
OTHERS = "builder.example", "tasks.example"
PERSON = "token-of-a-person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client sent."""

    host: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Google:
    """It runs."""

    environment: dict[str, str]
    """By which clients reach it."""
    metadata: str
    """Host and port of what a machine of theirs asks about itself."""
    asked: list[Request] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    """Accounts that nobody may be."""
    others: dict[str, Callable[[Request], bytes]] = field(default_factory=dict)
    """What other hosts answer."""

    def answer(self, request: Request) -> tuple[int, bytes]:
        """As the documents of these services say."""
        self.asked.append(request)
        if request.host in self.others:
            return 200, self.others[request.host](request)
        if request.host == OAUTH:
            return 200, json.dumps({"access_token": PERSON, "expires_in": 3600}).encode()
        if request.host == self.metadata:
            return self._about_this_machine(request)
        account, _, deed = request.path.removeprefix(ACCOUNTS).rpartition(":")
        if request.headers.get("authorization") != f"Bearer {PERSON}":
            return 401, json.dumps({"error": {"code": 401, "status": "UNAUTHENTICATED"}}).encode()
        if account in self.denied:
            message = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource"
            return 403, json.dumps({"error": {"code": 403, "message": message}}).encode()
        said = json.loads(request.body)
        if deed == "generateIdToken":
            return 200, json.dumps({"token": token(account, said["audience"])}).encode()
        until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = f"{account} for {' '.join(said['scope'])}"
        return 200, json.dumps({"accessToken": told, "expireTime": until}).encode()

    def _about_this_machine(self, request: Request) -> tuple[int, bytes]:
        split = urlsplit(request.path)
        if split.path.endswith("/identity"):
            (audience,) = parse_qs(split.query)["audience"]
            return 200, token("this machine", audience).encode()
        return 200, json.dumps({"email": "machine@tests", "aliases": ["default"]}).encode()


def token(account: str, audience: str) -> str:
    """An ID token, not signed."""
    until = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
    parts = {"alg": "RS256"}, {"aud": audience, "email": account, "exp": until}
    coded = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in parts]
    return ".".join([*(each.rstrip("=") for each in coded), "c2lnbmVk"])


def said(token: str) -> dict[str, Any]:
    """What an ID token says."""
    middle = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return found


@contextmanager
def google(folder: Path) -> Iterator[Google]:
    """It, with a person who has credentials for it."""
    secured = _certificates(folder)

    class Handler(BaseHTTPRequestHandler):
        """A proxy that is itself what one asks it for; and, asked plainly, a machine's metadata."""

        protocol_version = "HTTP/1.1"
        tunnel = ""

        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.tunnel = self.path.partition(":")[0]
            self.connection = secured.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", 0)
            self.close_connection = False

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(
                host=self.tunnel or made.metadata,
                path=self.path,
                headers=headers,
                body=self.rfile.read(length),
            )
            status, body = made.answer(request)
            self.send_response(status)
            self.send_header("metadata-flavor", "Google")
            kind = "text/html" if b"{" not in body[:1] else "application/json"
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_GET  # noqa: N815 - names of its library

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def log_message(self, *about: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        address = f"127.0.0.1:{server.server_port}"
        made = Google(metadata=address, environment=_environment(folder, address))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


def _environment(folder: Path, address: str) -> dict[str, str]:
    person = {
        "type": "authorized_user",
        "client_id": "a-client",
        "client_secret": "a-secret",
        "refresh_token": "a-refresh-token",
    }
    (folder / "credentials.json").write_text(json.dumps(person))
    authority = str(folder / "authority.pem")
    return {
        "HTTPS_PROXY": f"http://{address}",
        "https_proxy": f"http://{address}",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "SSL_CERT_FILE": authority,
        "REQUESTS_CA_BUNDLE": authority,
        "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "credentials.json"),
        "GCE_METADATA_HOST": address,
        "GCE_METADATA_IP": address,
    }


def _certificates(folder: Path) -> ssl.SSLContext:
    """What it shows for all its names, by an authority of its own, which is written there."""
    own, key = folder / "authority.pem", folder / "key.pem"
    certificates.authority("tests", hosts=(OAUTH, IAM, *OTHERS)).write(own, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, key)
    return context
