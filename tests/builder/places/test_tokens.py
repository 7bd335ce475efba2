"""Tokens of service accounts, from a server that stands for Google's."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ame import errors
from ame.builder.places import tokens

ACCOUNT = "builder@tests.iam.gserviceaccount.com"
ALLOWED = "/v1/allowed"


class Google(BaseHTTPRequestHandler):
    """Gives tokens of accounts; refuses where the path does not say that it is allowed."""

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["content-length"]))
        until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.path == "/token":
            self.answer(200, {"access_token": "mine", "expires_in": 3600})
        elif not self.path.startswith(ALLOWED):
            self.answer(403, {"error": {"message": "iam.serviceAccounts.getAccessToken denied"}})
        else:
            scope = json.loads(asked)["scope"][0]
            told = f"{self.headers['authorization']} becomes {scope}"
            self.answer(200, {"accessToken": told, "expireTime": until})

    def answer(self, status: int, said: object) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *about: object) -> None:
        pass


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its address; the application-default credentials are an account that it knows."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), Google) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        about = {
            "type": "service_account",
            "project_id": "tests",
            "private_key_id": "1",
            "private_key": key.decode(),
            "client_email": "person@tests.iam.gserviceaccount.com",
            "token_uri": f"{url}/token",
        }
        (tmp_path / "credentials.json").write_text(json.dumps(about))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "credentials.json"))
        yield url
        server.shutdown()


def test_a_person_becomes_a_service_account(google: str) -> None:
    token = tokens.access_token(ACCOUNT, "a-scope", endpoint=f"{google}{ALLOWED}")

    assert token == "Bearer mine becomes a-scope"


def test_who_may_not_become_one_is_told_which_role_is_missing(google: str) -> None:
    with pytest.raises(errors.AccountDenied, match="Service Account Token Creator"):
        tokens.access_token(ACCOUNT, endpoint=f"{google}/v1/denied")


def test_without_credentials_there_is_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "no.json"))

    with pytest.raises(errors.AccountDenied, match=ACCOUNT):
        tokens.access_token(ACCOUNT)


@pytest.mark.parametrize(
    ("server", "local"),
    [
        ("http://localhost:8082/", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("https://tasks.example", False),
        ("https://tasks.example/localhost", False),
    ],
)
def test_a_server_on_this_machine_is_asked_without_an_account(server: str, local: bool) -> None:
    assert tokens.is_local(server) is local
