import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from project.writing import write


def ame(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    source = Path(__file__).parents[2] / "src"
    variables = {**os.environ, "AME_HOME": str(folder / ".home"), "PYTHONPATH": str(source)}
    return subprocess.run(
        [sys.executable, "-c", "from ame.cli import main; main()", *argv],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("words", [("init",), ("project", "init")])
def test_init_writes_a_project_that_is_valid(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert ame(tmp_path, *words, "digits").stdout.startswith("Project initialised")

    assert (tmp_path / "ame.yml").read_text().startswith("name: digits\n")
    assert ame(tmp_path, "validate").returncode == 0


def test_init_leaves_a_project_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "ame.yaml").write_text("name: mine\n")

    done = ame(tmp_path, "init", "other")

    assert done.returncode == 5
    assert "left as it is" in done.stderr
    assert [file.name for file in tmp_path.glob("ame.*")] == ["ame.yaml"]


def test_init_refuses_a_name_that_no_project_can_have(tmp_path: Path) -> None:
    done = ame(tmp_path, "init", "a b")

    assert done.returncode == 3
    assert "no project can be called that" in done.stderr
    assert not (tmp_path / "ame.yml").exists()


@pytest.mark.parametrize("words", [("validate",), ("project", "validate")])
def test_validate_prints_every_fault_on_a_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    write(tmp_path, "tasks:\n  - name: a\n    comand: x\n  - name: a\n    taskRef: b\n")

    done = ame(tmp_path, *words)

    assert done.returncode == 3
    lines = done.stderr.splitlines()
    assert [line.removeprefix(f"{tmp_path}/").partition(": ")[0] for line in lines] == [
        "ame.yml:2:5",
        "ame.yml:3:5",
        "ame.yml:4:5",
        "ame.yml:5:14",
    ]


def test_validate_finds_what_tasks_refer_to(tmp_path: Path) -> None:
    write(tmp_path, "tasks: [{name: a, taskRef: b}]")

    done = ame(tmp_path, "project", "validate", "--format", "json")

    assert done.returncode == 3
    (fault,) = json.loads(done.stdout)["faults"]
    assert (fault["line"], fault["column"], fault["path"]) == (1, 28, "tasks[0].taskRef")
    assert "has no task `b`; it has: `a`" in fault["message"]


def test_validate_of_a_good_file_says_so(tmp_path: Path) -> None:
    folder = write(tmp_path / "there", "name: a")

    assert "is valid" in ame(tmp_path, "validate", str(folder)).stdout
    done = ame(folder, "validate", "--format", "json")
    assert json.loads(done.stdout) == {"valid": True, "faults": []}


def test_validate_without_a_project_says_how_to_begin(tmp_path: Path) -> None:
    done = ame(tmp_path, "validate")

    assert done.returncode == 4
    assert "ame init NAME" in done.stderr


def test_a_project_that_was_added_is_found_by_others(tmp_path: Path) -> None:
    shared = "name: shared\ntemplates: [{name: t, executor: !custom {command: x}}]"
    write(tmp_path / "shared", shared)
    write(tmp_path, "name: main\ntasks: [{name: a, fromTemplate: shared.t}]")

    assert "`ame project add DIR`" in ame(tmp_path, "validate").stderr
    assert ame(tmp_path, "project", "add", "shared").stdout.startswith("shared is registered at ")
    assert ame(tmp_path, "validate").returncode == 0


def test_the_schema_is_printed_for_editors(tmp_path: Path) -> None:
    for words in ((), ("--tags-as-keys",)):
        schema = json.loads(ame(tmp_path, "project", "schema", *words).stdout)
        Draft202012Validator.check_schema(schema)
        assert schema["properties"]["tasks"]["description"]


def test_validate_imports_nothing_heavy(tmp_path: Path) -> None:
    write(tmp_path, "name: a")
    heavy = "pydantic sqlite3 cryptography asyncio rich ame.engine"
    program = (
        "import sys; sys.argv[1:] = ['validate']\n"
        "from ame.cli import main\n"
        "try: main()\n"
        f"finally: print([name for name in '{heavy}'.split() if name in sys.modules])"
    )
    source = Path(__file__).parents[2] / "src"

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "AME_HOME": str(tmp_path / ".home"), "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
    )

    assert done.stdout.splitlines()[-1] == "[]", done
