"""Tokens of service accounts, asked for as Google's services are."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ame import errors
from ame.builder.places import tokens
from ame.protocol.pb import task_builder as pb
from builder import configs
from parts import sample
from parts.fleet import Fleet
from parts.servers import google as parts
from parts.servers.google import Google, Request

ACCOUNT = "builder@tests.iam.gserviceaccount.com"


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with parts.google(tmp_path) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def asked(google: Google, host: str) -> list[Request]:
    return [each for each in google.asked if each.host == host]


def test_a_person_becomes_a_service_account(google: Google) -> None:
    token = tokens.access_token(ACCOUNT, "a-scope")

    assert token == f"{ACCOUNT} for a-scope"
    (request,) = asked(google, parts.IAM)
    assert request.path == f"{parts.ACCOUNTS}{ACCOUNT}:generateAccessToken"
    said = json.loads(request.body)
    assert (said["scope"], said["lifetime"]) == (["a-scope"], "300s")


def test_a_person_says_to_be_a_service_account(google: Google) -> None:
    token = tokens.id_token(ACCOUNT, "https://builder.example/build")

    said = parts.said(token)
    assert (said["email"], said["aud"]) == (ACCOUNT, "https://builder.example/build")
    request = asked(google, parts.IAM)[-1]
    assert request.path == f"{parts.ACCOUNTS}{ACCOUNT}:generateIdToken"
    assert json.loads(request.body)["includeEmail"] is True


@pytest.mark.parametrize("kind", ["access", "id"])
def test_who_may_not_become_one_is_told_which_role_is_missing(google: Google, kind: str) -> None:
    google.denied.add(ACCOUNT)

    ask = tokens.access_token if kind == "access" else tokens.id_token

    with pytest.raises(errors.AccountDenied, match="Service Account Token Creator"):
        ask(ACCOUNT, "https://builder.example")


def test_without_credentials_there_is_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "no.json"))

    with pytest.raises(errors.AccountDenied, match=ACCOUNT):
        tokens.access_token(ACCOUNT)


@pytest.mark.parametrize(
    ("arguments", "who"),
    [(("--impersonate_service_account", ACCOUNT), ACCOUNT), ((), "this machine")],
)
def test_a_builder_elsewhere_is_told_who_asks(
    tmp_path: Path, google: Google, arguments: tuple[str, ...], who: str
) -> None:
    def answer(_: Request) -> bytes:
        error = pb.ErrorInfo(error_type=pb.ErrorType.INVALID_REQUEST, error_message="heard")
        return pb.BuildTaskResponse(error_info=error).SerializeToString()

    google.others["builder.example"] = answer
    (tmp_path / "task.pbtxt").write_text(configs.VALID)
    here = Fleet(folder=tmp_path, url="https://nowhere.example")

    said = here.ame(
        *("build", "--task_builder_server", "https://builder.example", *arguments),
        *("--saved_model", "gs://models/a", "--task_config", tmp_path / "task.pbtxt"),
        code=1,
        **google.environment,
    )

    assert "INVALID_REQUEST; Error message: heard" in said
    (request,) = asked(google, "builder.example")
    token = parts.said(request.headers["authorization"].removeprefix("Bearer "))
    where = "https://builder.example/taskbuilder/v1:build-task-group"
    assert (token["email"], token["aud"]) == (who, where)


@pytest.mark.slow
def test_a_server_of_tasks_elsewhere_is_asked_as_the_account(
    tmp_path: Path, google: Google
) -> None:
    google.others["tasks.example"] = lambda _: b"no message \xff"
    (tmp_path / "task.pbtxt").write_text(configs.VALID)
    here = Fleet(folder=tmp_path, url="https://nowhere.example")

    said = here.ame(
        *("build", "--task_management_server", "https://tasks.example"),
        *("--gcp_service_account", ACCOUNT, "--gcp_target_scope", "a-scope"),
        *("--saved_model", sample.MODEL, "--task_config", tmp_path / "task.pbtxt"),
        code=1,
        **google.environment,
    )

    assert "Server returned unreadable response." in said
    (request,) = asked(google, "tasks.example")
    assert request.headers["authorization"] == f"Bearer {ACCOUNT} for a-scope"


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
