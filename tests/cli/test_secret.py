import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ame as package

SOURCE = str(Path(package.__file__).parents[1])
VALUE = "tip-top/Secret+42"
AME = [sys.executable, "-c", "from ame.cli import main; main()"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def variables(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": SOURCE,
        "AME_HOME": str(home),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def ame(home: Path, *arguments: str, given: str | bytes = "") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*AME, "secret", *arguments],
        input=given.encode() if isinstance(given, str) else given,
        capture_output=True,
        env=variables(home),
    )


def terminal(home: Path, *arguments: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Runs `ame secret` on a terminal; gives each answer once its question is shown."""
    child, screen = pty.fork()
    if child == 0:
        os.execve(sys.executable, [*AME, "secret", *arguments], variables(home))
    shown, at = "", 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            part = os.read(screen, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part.decode()
        if answers and answers[0][0] in shown[at:]:
            at = len(shown)
            os.write(screen, f"{answers.pop(0)[1]}\n".encode())
    os.close(screen)
    _, status = os.waitpid(child, 0)
    assert not answers
    return os.waitstatus_to_exitcode(status), shown


def stored(home: Path, key: str) -> str:
    program = (
        "import sys; from pathlib import Path; from ame.storage.secrets import EncryptedSecrets\n"
        "sys.stdout.write(EncryptedSecrets(Path(sys.argv[1])).get(sys.argv[2]))"
    )
    read = subprocess.run(
        [sys.executable, "-c", program, str(home), key],
        capture_output=True,
        env=variables(home),
        check=True,
    )
    return read.stdout.decode()


def test_a_secret_is_asked_for_hidden_and_twice_on_a_terminal(home: Path) -> None:
    code, shown = terminal(
        home,
        "add",
        answers=[("the secret key", "token"), ("the secret value", VALUE), ("Again", VALUE)],
    )

    assert code == 0, shown
    assert "Stored secret `token`" in shown
    assert VALUE not in shown
    assert stored(home, "token") == VALUE


def test_two_answers_that_differ_are_asked_for_again(home: Path) -> None:
    code, shown = terminal(
        home,
        "add",
        "token",
        answers=[
            ("the secret value", "one-one"),
            ("Again", "two-two"),
            ("the secret value", VALUE),
            ("Again", VALUE),
        ],
    )

    assert code == 0, shown
    assert "do not match" in shown
    assert not [word for word in ("one-one", "two-two", VALUE) if word in shown]
    assert stored(home, "token") == VALUE


def test_a_value_that_is_repeated_wrongly_thrice_is_not_stored(home: Path) -> None:
    wrong = [("the secret value", "one-one"), ("Again", "two-two")]
    code, shown = terminal(home, "add", "token", answers=wrong * 3)

    assert code == 3, shown
    assert "nothing was stored" in shown


@pytest.mark.parametrize("given", [VALUE, f"{VALUE}\n", f"{VALUE}\r\n"])
def test_a_secret_is_read_from_a_pipe_without_its_last_end_of_line(home: Path, given: str) -> None:
    added = ame(home, "create", "token", given=given)

    assert (added.returncode, added.stdout, added.stderr) == (0, b"Stored secret `token`\n", b"")
    assert stored(home, "token") == VALUE


def test_only_one_end_of_line_is_removed(home: Path) -> None:
    ame(home, "add", "token", given=f"{VALUE}\n\n")

    assert stored(home, "token") == f"{VALUE}\n"


def test_a_secret_is_read_from_a_file_as_it_is(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(f"{VALUE}\n")

    assert ame(home, "add", "token", "--from-file", str(file)).returncode == 0
    assert stored(home, "token") == f"{VALUE}\n"


def test_keys_are_listed_and_values_are_not(home: Path) -> None:
    ame(home, "add", "token", given=VALUE)
    ame(home, "add", "a/b", given=VALUE)

    assert ame(home, "list").stdout == b"Key\na/b\ntoken\n"
    assert json.loads(ame(home, "list", "--format", "json").stdout) == [
        {"key": "a/b"},
        {"key": "token"},
    ]


def test_a_secret_is_replaced_only_when_that_is_asked_for(home: Path) -> None:
    ame(home, "add", "token", given="first")

    refused = ame(home, "add", "token", given=VALUE)
    assert (refused.returncode, stored(home, "token")) == (5, "first")
    assert b"--replace" in refused.stderr

    assert ame(home, "add", "token", "--replace", given=VALUE).returncode == 0
    assert stored(home, "token") == VALUE


def test_a_secret_is_deleted_when_it_is_meant(home: Path) -> None:
    ame(home, "add", "token", given=VALUE)

    assert ame(home, "delete", "token").returncode == 2
    assert terminal(home, "delete", "token", answers=[("Delete secret `token`?", "n")])[0] == 130
    assert ame(home, "list").stdout == b"Key\ntoken\n"
    assert ame(home, "delete", "token", "--yes").stdout == b"Deleted secret `token`\n"
    assert ame(home, "list").stdout == b"Key\n"
    assert ame(home, "delete", "token", "--yes").returncode == 4


def test_rotation_keeps_the_values(home: Path) -> None:
    ame(home, "add", "token", given=VALUE)

    assert ame(home, "rotate").stdout == b"Secrets encrypted with a new key: 1\n"
    assert stored(home, "token") == VALUE


def test_what_cannot_be_stored_is_refused(home: Path) -> None:
    assert ame(home, "add", given=VALUE).returncode == 2
    assert ame(home, "add", "token").returncode == 3
    assert ame(home, "add", "a b", given=VALUE).returncode == 3
    not_text = ame(home, "add", "token", given=b"\xff\xfe")
    assert (not_text.returncode, b"base64" in not_text.stderr) == (3, True)
    missing = ame(home, "add", "token", "--from-file", "/nowhere/at/all")
    assert (missing.returncode, b"/nowhere/at/all" in missing.stderr) == (2, True)
    assert ame(home, "add", "token", VALUE).returncode == 2
    assert ame(home, "list").stdout == b"Key\n"


def test_a_value_that_is_too_short_to_be_masked_is_told(home: Path) -> None:
    added = ame(home, "add", "pin", given="123")

    assert added.returncode == 0
    assert b"not masked" in added.stderr


def test_no_command_shows_a_value_or_keeps_it_readable(home: Path) -> None:
    outcomes = [
        ame(home, "add", "token", given=VALUE),
        ame(home, "add", "token", given=VALUE),
        ame(home, "add", "bad key", given=VALUE),
        ame(home, "add", "token", "--replace", given=VALUE),
        ame(home, "list"),
        ame(home, "list", "--format", "json"),
        ame(home, "rotate"),
        ame(home, "delete", "tokn", "--yes"),
    ]
    (home / "secrets.key").chmod(0o644)
    outcomes.append(ame(home, "add", "other", given=VALUE))
    (home / "secrets.key").chmod(0o600)
    (home / "secrets.key").write_text("moon\n")
    outcomes.append(ame(home, "rotate"))
    (home / "secrets.json").write_text("moon\n")
    outcomes.append(ame(home, "list"))

    assert [each.returncode for each in outcomes] == [0, 5, 3, 0, 0, 0, 0, 4, 8, 9, 9]
    assert not [each for each in outcomes if VALUE.encode() in each.stdout + each.stderr]
    assert not [file for file in home.iterdir() if VALUE.encode() in file.read_bytes()]


def test_to_list_keys_imports_nothing_heavy(home: Path) -> None:
    program = (
        "import sys; sys.argv = ['ame', 'secret', 'list']\n"
        "from ame.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'cryptography', 'keyring', 'hvac', 'requests', 'pydantic', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=variables(home), check=True
    )

    assert out.stdout == b"Key\n[]\n"
