import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.null
import keyring.errors
import pytest

import ame
from ame import errors
from ame.storage.secrets import EncryptedSecrets

SOURCE = {
    "PYTHONPATH": str(Path(ame.__file__).parents[1]),
    "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
}


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    none = keyring.backends.null.Keyring()  # type: ignore[no-untyped-call]  # keyring's own
    keyring.set_keyring(none)
    yield
    keyring.set_keyring(none)


@pytest.fixture
def secrets(tmp_path: Path) -> EncryptedSecrets:
    return EncryptedSecrets(tmp_path)


def change(folder: Path, **values: str) -> None:
    file = folder / "secrets.json"
    written = json.loads(file.read_text())
    written["secrets"].update(values)
    file.write_text(json.dumps(written))


def entries(folder: Path) -> dict[str, str]:
    values: dict[str, str] = json.loads((folder / "secrets.json").read_text())["secrets"]
    return values


def test_no_file_holds_the_value_and_only_the_user_can_read_them(
    secrets: EncryptedSecrets, tmp_path: Path
) -> None:
    secrets.put("token", "tip-top-secret")

    files = list(tmp_path.iterdir())
    assert {file.name for file in files} == {"secrets.json", "secrets.key", "secrets.lock"}
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        assert b"tip-top" not in file.read_bytes()


def test_the_same_value_is_never_encrypted_alike(secrets: EncryptedSecrets, tmp_path: Path) -> None:
    seen = set()
    for _ in range(5):
        secrets.put("token", "same", replace=True)
        seen.add(entries(tmp_path)["token"])

    assert len(seen) == 5


def test_a_changed_byte_is_found_out(secrets: EncryptedSecrets, tmp_path: Path) -> None:
    secrets.put("token", "value")
    stored = b64decode(entries(tmp_path)["token"])

    for place in range(len(stored)):
        damaged = bytes(b ^ (i == place) for i, b in enumerate(stored))
        change(tmp_path, token=b64encode(damaged).decode())
        with pytest.raises(errors.SecretsDamaged, match=r"secrets\.json: .*`token`"):
            secrets.get("token")


def test_two_entries_cannot_be_swapped(secrets: EncryptedSecrets, tmp_path: Path) -> None:
    secrets.put("one", "1")
    secrets.put("two", "2")
    kept = entries(tmp_path)

    change(tmp_path, one=kept["two"], two=kept["one"])

    for key in kept:
        with pytest.raises(errors.SecretsDamaged):
            secrets.get(key)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 1}', "\xff", '"x"', '{"format":1,"kept":"moon"}']
)
def test_a_file_that_is_none_of_ours_is_named(
    secrets: EncryptedSecrets, tmp_path: Path, text: str
) -> None:
    (tmp_path / "secrets.json").write_text(text, encoding="latin-1")

    with pytest.raises(errors.SecretsDamaged, match=r"secrets\.json"):
        secrets.names()


def test_a_file_of_a_later_format_is_not_touched(secrets: EncryptedSecrets, tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text('{"format": 2}')

    with pytest.raises(errors.Unsupported, match="format 2"):
        secrets.put("token", "value")
    assert (tmp_path / "secrets.json").read_text() == '{"format": 2}'


def test_a_key_that_others_can_read_is_refused_until_it_is_closed(
    secrets: EncryptedSecrets, tmp_path: Path
) -> None:
    secrets.put("token", "value")
    key = tmp_path / "secrets.key"
    for mode in (0o640, 0o604, 0o620):
        key.chmod(mode)
        with pytest.raises(errors.KeyExposed, match=f"chmod 600 {key}"):
            secrets.get("token")

    key.chmod(0o600)
    assert secrets.get("token") == "value"


def test_a_lost_key_leaves_the_names_and_lets_one_start_anew(
    secrets: EncryptedSecrets, tmp_path: Path
) -> None:
    secrets.put("token", "value")
    (tmp_path / "secrets.key").unlink()

    with pytest.raises(errors.KeyLost, match=r"secrets\.key"):
        secrets.get("token")
    with pytest.raises(errors.KeyLost):
        secrets.put("other", "value")
    assert secrets.names() == ("token",)

    secrets.remove("token")
    secrets.put("token", "again")
    assert secrets.get("token") == "again"


def test_the_key_of_another_store_does_not_serve(secrets: EncryptedSecrets, tmp_path: Path) -> None:
    secrets.put("token", "value")
    EncryptedSecrets(tmp_path / "other").put("token", "value")
    (tmp_path / "other" / "secrets.key").replace(tmp_path / "secrets.key")

    with pytest.raises(errors.KeyLost):
        secrets.get("token")


def test_a_key_file_of_something_else_is_named(secrets: EncryptedSecrets, tmp_path: Path) -> None:
    secrets.put("token", "value")
    (tmp_path / "secrets.key").write_text("not hexadecimal\n")

    with pytest.raises(errors.SecretsDamaged, match=r"secrets\.key"):
        secrets.get("token")


def test_rotation_changes_the_key_and_keeps_the_values(
    secrets: EncryptedSecrets, tmp_path: Path
) -> None:
    assert secrets.rotate() == 0
    secrets.put("one", "1")
    secrets.put("two", "2")
    key, kept = (tmp_path / "secrets.key").read_text(), entries(tmp_path)

    assert secrets.rotate() == 2

    assert (secrets.get("one"), secrets.get("two")) == ("1", "2")
    assert (tmp_path / "secrets.key").read_text() != key
    assert len((tmp_path / "secrets.key").read_text().split()) == 1
    assert not set(entries(tmp_path).values()) & set(kept.values())


def test_a_rotation_that_was_killed_half_way_loses_nothing(
    secrets: EncryptedSecrets, tmp_path: Path
) -> None:
    secrets.put("token", "value")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    secrets.rotate()
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    both = before["secrets.key"] + after["secrets.key"]

    for document in (before, after):
        (tmp_path / "secrets.json").write_bytes(document["secrets.json"])
        (tmp_path / "secrets.key").write_bytes(both)
        assert secrets.get("token") == "value"


def test_several_processes_may_write_at_once(secrets: EncryptedSecrets, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ame.storage.secrets import EncryptedSecrets\n"
        "store = EncryptedSecrets(Path(sys.argv[1]))\n"
        "for n in range(5): store.put(f'p{sys.argv[2]}-{n}', sys.argv[2])\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(n)], env=SOURCE)
        for n in range(4)
    ]

    assert [each.wait() for each in started] == [0] * 4
    assert {key: secrets.get(key) for key in secrets.names()} == {
        f"p{p}-{n}": str(p) for p in range(4) for n in range(5)
    }


class Ring(keyring.backend.KeyringBackend):
    """A keyring of this process."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's own
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.entries.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("none")


@pytest.fixture
def ring() -> Ring:
    ring = Ring()
    keyring.set_keyring(ring)
    return ring


def test_a_keyring_keeps_the_key_where_there_is_one(
    secrets: EncryptedSecrets, tmp_path: Path, ring: Ring
) -> None:
    secrets.put("token", "value")

    assert not (tmp_path / "secrets.key").exists()
    assert secrets.get("token") == "value"
    secrets.rotate()
    assert secrets.get("token") == "value"
    assert len(ring.entries) == 1


def test_a_keyring_that_lost_the_key_or_is_locked_is_named(
    secrets: EncryptedSecrets, ring: Ring
) -> None:
    secrets.put("token", "value")

    ring.locked = True
    with pytest.raises(errors.Denied, match=r"keyring.*locked"):
        secrets.get("token")
    ring.locked = False
    ring.entries.clear()
    with pytest.raises(errors.KeyLost, match="the keyring of this system"):
        secrets.get("token")


def test_a_keyring_that_takes_no_key_leaves_the_file(
    secrets: EncryptedSecrets, tmp_path: Path, ring: Ring
) -> None:
    ring.locked = True

    secrets.put("token", "value")

    assert secrets.get("token") == "value"
    assert (tmp_path / "secrets.key").exists()


def test_a_keyring_that_appears_later_does_not_hide_the_key_in_the_file(
    secrets: EncryptedSecrets,
) -> None:
    secrets.put("token", "value")
    keyring.set_keyring(Ring())

    assert secrets.get("token") == "value"
