import os
import subprocess
import sys
from pathlib import Path

import pytest

import ame as package
from ame.cli.main import root

SOURCE = str(Path(package.__file__).parents[1])
FILE = """\
project: demo
tasks:
  - name: train
    executor:
      !custom
      command: echo made > model.txt
    artifacts:
      paths: [model.txt]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "ame.yml").write_text(FILE)
    return tmp_path


def ame(place: Path, *arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from ame.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        cwd=place,
        env={**os.environ, "PYTHONPATH": SOURCE, "AME_HOME": str(place / "home"), **variables},
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr or "✓" in done.stderr
    return done.stdout


def offered(place: Path, line: str) -> list[str]:
    """What a shell offers at the end of a line; the last word has been begun."""
    program = "import sys; sys.argv[0] = 'ame'; from ame.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=place,
        env={
            **os.environ,
            "PYTHONPATH": SOURCE,
            "AME_HOME": str(place / "home"),
            "_AME_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
        },
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return [each.split(",", 1)[1] for each in done.stdout.splitlines() if each]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_asks_ame(place: Path, shell: str) -> None:
    script = ame(place, "completion", shell)

    assert f"_AME_COMPLETE={shell}_complete" in script


def test_the_script_for_bash_is_taken_by_bash_and_completes_a_command(place: Path) -> None:
    bin_ = place / "bin"
    bin_.mkdir()
    (bin_ / "ame").write_text(f"#!{sys.executable}\nfrom ame.cli import main\nmain()\n")
    (bin_ / "ame").chmod(0o755)
    lines = (
        'eval "$(ame completion bash)"',
        "COMP_WORDS=(ame task ca) COMP_CWORD=2",
        "_ame_completion ame",
        'echo "${COMPREPLY[@]}"',
    )

    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        cwd=place,
        env={**os.environ, "PYTHONPATH": SOURCE, "PATH": f"{bin_}:{os.environ['PATH']}"},
    )

    assert done.stdout.split() == ["cancel"], done.stderr


def test_commands_and_options_are_offered(place: Path) -> None:
    assert set(root.list_commands(root.make_context("ame", ["task"]))) <= set(
        offered(place, "ame ")
    )
    assert offered(place, "ame task li") == ["list"]
    assert "--resume" in offered(place, "ame task run --")


def test_names_of_tasks_runs_and_artifacts_are_offered(place: Path) -> None:
    ame(place, "task", "run", "train")

    assert offered(place, "ame task run t") == ["train"]
    task, run = offered(place, "ame task view t")
    assert task == "train"
    assert run.startswith("train-")
    assert offered(place, "ame task run --resume train-") == [run]
    assert offered(place, "ame artifact get train mo") == ["model.txt"]
    assert offered(place, "ame ds remove d") == []


def test_where_there_is_nothing_nothing_is_offered_and_no_database_is_made(place: Path) -> None:
    (place / "ame.yml").write_text("tasks: [")

    assert offered(place, "ame task run t") == []
    assert offered(place, "ame task view t") == []
    assert offered(place, "ame secret delete t") == []
    assert not (place / "home" / "runs.db").exists()
