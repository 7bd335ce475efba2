"""What every place that keeps secrets promises."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ame import errors, runs
from ame.storage.secrets import EncryptedSecrets

FORMS: dict[str, Callable[[Path], runs.Secrets]] = {
    "memory": lambda _: runs.MemorySecrets(),
    "encrypted": EncryptedSecrets,
}


@pytest.fixture(params=FORMS)
def secrets(request: pytest.FixtureRequest, tmp_path: Path) -> runs.Secrets:
    return FORMS[request.param](tmp_path / "state")


def test_a_value_comes_back_as_it_was_put(secrets: runs.Secrets) -> None:
    values = {"plain": "abc", "team/db.pass-1": " caf\u00e9 \U0001f511\n\r\t", "long": "x" * 65536}
    for key, value in values.items():
        secrets.put(key, value)

    assert {key: secrets.get(key) for key in values} == values
    assert secrets.names() == ("long", "plain", "team/db.pass-1")


def test_a_store_without_secrets_has_no_names(secrets: runs.Secrets) -> None:
    assert secrets.names() == ()


def test_a_value_is_not_shown_by_repr(secrets: runs.Secrets) -> None:
    secrets.put("token", "tip-top-secret")

    value = secrets.get("token")

    assert "tip-top" not in repr(value) + repr({"TOKEN": value}) + f"{value!r}"
    assert str(value) == "tip-top-secret"


def test_an_unknown_key_is_named_with_the_nearest_one(secrets: runs.Secrets) -> None:
    secrets.put("database_password", "x1")

    with pytest.raises(errors.SecretNotFound, match=r"`database_pasword`.*`database_password`"):
        secrets.get("database_pasword")
    with pytest.raises(errors.SecretNotFound, match="ame secret add other"):
        secrets.get("other")


def test_a_secret_is_replaced_only_when_that_is_asked_for(secrets: runs.Secrets) -> None:
    secrets.put("token", "first")

    with pytest.raises(errors.SecretExists, match="--replace token"):
        secrets.put("token", "second")
    assert secrets.get("token") == "first"

    secrets.put("token", "second", replace=True)
    assert secrets.get("token") == "second"


def test_a_removed_secret_is_gone(secrets: runs.Secrets) -> None:
    secrets.put("token", "first")
    secrets.remove("token")

    assert secrets.names() == ()
    with pytest.raises(errors.SecretNotFound):
        secrets.get("token")
    with pytest.raises(errors.SecretNotFound):
        secrets.remove("token")
    secrets.put("token", "again")
    assert secrets.get("token") == "again"


@pytest.mark.parametrize("key", ["", ".hidden", "a b", "a\nb", "-x", "caf\u00e9", "x" * 254, "a$b"])
def test_a_key_that_is_no_plain_name_is_refused(secrets: runs.Secrets, key: str) -> None:
    with pytest.raises(errors.SecretInvalid, match="a key is made of"):
        secrets.put(key, "value")


@pytest.mark.parametrize(
    ("value", "why"),
    [("", "empty"), ("a\0b", "NUL"), ("x" * 65537, "65537 bytes"), ("\udcff", "no text")],
)
def test_a_value_that_no_variable_could_hold_is_refused(
    secrets: runs.Secrets, value: str, why: str
) -> None:
    with pytest.raises(errors.SecretInvalid, match=why) as caught:
        secrets.put("token", value)
    assert not value or value not in str(caught.value)
    assert secrets.names() == ()


def test_of_many_writers_at_once_none_loses(secrets: runs.Secrets) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: secrets.put(f"k{n}", f"value {n}"), range(24)))

    assert {key: secrets.get(key) for key in secrets.names()} == {
        f"k{n}": f"value {n}" for n in range(24)
    }
