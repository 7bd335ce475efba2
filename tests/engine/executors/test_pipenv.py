import json
from pathlib import Path

import pytest

from ame import errors, project
from ame.engine.executors import dotenv
from engine.executors import tools
from engine.executors.steps import HERE, Steps

PIPFILE = f"""
[[source]]
name = "own"
url = "ADDRESS"
verify_ssl = false
[packages]
six = "*"
[dev-packages]
idna = "*"
[requires]
python_version = "{HERE}"
"""
SCRIPTS = """
[scripts]
greet = "python -c 'import sys; print(sys.argv[1:])' hello"
both = ["echo 'a  b'", "echo two"]
called = {call = "mine:say('hi')"}
"""


def pipenv(command: str) -> project.Pipenv:
    return project.Pipenv(command=command)


def by_hand(steps: Steps, **default: object) -> None:
    meta = {"requires": {"python_version": HERE}, "sources": []}
    steps.write({"Pipfile.lock": json.dumps({"_meta": meta, "default": default})})


@pytest.mark.slow
def test_a_lock_of_pipenv_is_installed_as_pipenv_syncs_it(
    steps: Steps, address: str, pipenv: Path
) -> None:
    steps.write({"Pipfile": PIPFILE.replace("ADDRESS", address)})
    tools.lock(pipenv, steps.folder)
    executor = project.Pipenv(
        command="python -c \"import six, importlib.util as u; print(six, u.find_spec('idna'))\""
    )

    assert steps.start(executor).endswith("None")
    assert steps.prepare(executor).cached
    lock = steps.folder / "Pipfile.lock"
    lock.write_text(lock.read_text().replace("sha256:4", "sha256:5"))
    with pytest.raises(errors.EnvironmentFailed) as caught:
        steps.prepare(executor)
    assert "hash" in "".join(caught.value.lines).lower()


def test_markers_leave_out_what_is_for_another_machine(steps: Steps) -> None:
    by_hand(
        steps,
        six={"version": "==1.17.0", "markers": "python_version > '3'"},
        colorama={"version": "*", "sys_platform": "== 'win32'"},
    )

    steps.write({"there.py": "import importlib.util as u, six; print(u.find_spec('colorama'))"})

    assert steps.start(pipenv("python there.py")) == "None"


def test_scripts_of_the_pipfile_are_put_in_place_of_the_first_word(steps: Steps) -> None:
    by_hand(steps)
    steps.write({"Pipfile": SCRIPTS, "mine.py": "def say(word): print(word)"})

    assert steps.start(pipenv("greet"), "a b") == "['hello', 'a b']"
    assert steps.start(pipenv("both"), ";") == "a  b\ntwo ;"
    assert steps.start(pipenv("called")) == "hi"


def test_variables_of_dotenv_and_before_the_command_are_set(steps: Steps) -> None:
    by_hand(steps)
    steps.write({".env": "A=one\nAME_REPORT=elsewhere"})

    said = steps.start(
        pipenv("B=\"x y\" python -c \"import os; print(os.environ['A'], os.environ['B'])\"")
    )

    assert said == "one x y"
    assert "AME_REPORT" not in steps.prepare(pipenv("true")).variables
    assert any("AME_REPORT" in note for note in steps.notes)


def test_no_part_of_the_command_reaches_a_shell(steps: Steps) -> None:
    by_hand(steps)

    assert steps.start(pipenv("echo $HOME ';' id")) == "$HOME ; id"


def test_a_missing_lock_is_named_with_what_to_do(steps: Steps) -> None:
    with pytest.raises(errors.DependenciesInvalid, match=r"Pipfile\.lock: .*; run `pipenv lock`"):
        steps.prepare(pipenv("true"))


def test_a_lock_that_is_no_json_is_refused(steps: Steps) -> None:
    steps.write({"Pipfile.lock": "{"})

    with pytest.raises(errors.DependenciesInvalid, match="run `pipenv lock`"):
        steps.prepare(pipenv("true"))


def test_dotenv_is_read_with_its_quotes_comments_and_references(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# first\nA=bare # said\nexport B='${A} #'\nC=\"${A}\\n${HOME}\"\nD=${NO:-else}\nE=\n"
    )

    assert dotenv.read(tmp_path / ".env", {"HOME": "/h"}) == {
        "A": "bare",
        "B": "${A} #",
        "C": "bare\n/h",
        "D": "else",
        "E": "",
    }
    assert dotenv.read(tmp_path / ".env", {"PIPENV_DONT_LOAD_ENV": "1"}) == {}
