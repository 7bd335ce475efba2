import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

import ame as package

SOURCE = str(Path(package.__file__).parents[1])
VALUE = "tip-top/Secret+42"
FILE = """\
project: demo
tasks:
  - name: show
    executor:
      !custom
      command: |
        echo "it is $TOKEN"
        printf %s "$TOKEN" | base64
        printf %s "$TOKEN" > kept.txt
        date > other.txt
    secrets:
      - !ame
        key: token
        injectAs: TOKEN
    artifacts:
      saveChangedFiles: true
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "ame.yml").write_text(FILE)
    return tmp_path


def ame(place: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from ame.cli import main; main()", *arguments],
        input=given,
        capture_output=True,
        text=True,
        cwd=place / "project",
        env={
            **os.environ,
            "PYTHONPATH": SOURCE,
            "AME_HOME": str(place / "home"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        },
    )


def test_a_run_gets_its_secret_and_neither_shows_nor_keeps_it(place: Path) -> None:
    assert ame(place, "secret", "add", "token", given=VALUE).returncode == 0

    ran = ame(place, "task", "run", "show", "--fit", "--logs")
    logs = ame(place, "task", "logs", "show")

    assert ran.returncode == 0, ran.stderr
    assert logs.stdout.count("***") == 2
    shown = {"output": (ran.stdout + ran.stderr + logs.stdout + logs.stderr).encode()}
    for file in place.rglob("*"):
        if file.is_file() and file.parts[-3] != "blobs":  # what a task writes itself is handed on
            shown[str(file)] = file.read_bytes()
    for form in (VALUE.encode(), b64encode(VALUE.encode())):
        assert not [name for name, content in shown.items() if form in content]


def test_a_file_that_holds_a_secret_is_no_artifact(place: Path) -> None:
    ame(place, "secret", "add", "token", given=VALUE)
    ame(place, "task", "run", "show", "--fit")

    listed = ame(place, "artifact", "list", "show")

    assert listed.returncode == 0, listed.stderr
    assert "other.txt" in listed.stdout
    assert "kept.txt" not in listed.stdout


def test_a_missing_secret_stops_the_run_before_anything_starts(place: Path) -> None:
    ran = ame(place, "task", "run", "show", "--fit")

    assert ran.returncode == 4
    assert "task `show`: there is no secret `token`: run `ame secret add token`" in ran.stderr
    assert ame(place, "task", "list", "--format", "json").stdout == "[]\n"
