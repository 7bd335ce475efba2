import hashlib
import json
import re
from pathlib import Path

import pytest

from ame import errors, project
from ame.engine.environments import allows
from engine.executors import tools
from engine.executors.steps import HERE, Steps

PYPROJECT = """
[tool.poetry]
name = "mine"
version = "0.3"
description = ""
authors = []
packages = [{include = "mine", from = "src"}]
[tool.poetry.scripts]
hello = "mine.cli:main"
[[tool.poetry.source]]
name = "own"
url = "ADDRESS/"
[tool.poetry.dependencies]
python = "^3.10"
six = "^1.16"
colorama = {version = "*", markers = "sys_platform == 'win32'"}
lib = {path = "lib", develop = true}
attrs = {version = "*", optional = true}
[tool.poetry.extras]
more = ["attrs"]
[tool.poetry.group.dev.dependencies]
idna = "*"
[tool.poetry.group.docs]
optional = true
[tool.poetry.group.docs.dependencies]
iniconfig = "*"
"""
LIB = """
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
[tool.poetry]
name = "lib"
version = "2"
description = ""
authors = []
"""
CLI = """
import importlib.metadata, sys
def main(): print(importlib.metadata.version("mine"), sys.argv[1:])
"""
THERE = """
import importlib.metadata as m, importlib.util as u, lib, mine
print([n for n in ("six", "idna", "attr", "iniconfig", "colorama") if u.find_spec(n)])
print(lib.__file__, mine.__file__, m.version("six"))
"""


def poetry(command: str) -> project.Poetry:
    return project.Poetry(python_version=HERE, command=command)


@pytest.fixture
def locked(steps: Steps, address: str, poetry: Path) -> Steps:
    steps.write(
        {
            "pyproject.toml": PYPROJECT.replace("ADDRESS", address),
            "src/mine/__init__.py": "",
            "src/mine/cli.py": CLI,
            "lib/pyproject.toml": LIB,
            "lib/lib/__init__.py": "",
            "there.py": THERE,
        }
    )
    tools.lock(poetry, steps.folder)
    return steps


@pytest.mark.slow
def test_a_lock_of_poetry_is_installed_as_poetry_does_and_the_project_enters_by_path(
    locked: Steps,
) -> None:
    there, paths = locked.start(poetry("python there.py")).splitlines()

    assert there == "['six', 'idna']"
    assert paths.split() == [
        f"{locked.folder}/lib/lib/__init__.py",
        f"{locked.folder}/src/mine/__init__.py",
        "1.17.0",
    ]
    assert locked.start(poetry("hello 'a b'"), "c d") == "0.3 ['a b', 'c d']"
    assert locked.prepare(poetry("hello")).cached


@pytest.mark.slow
def test_two_workspaces_share_an_environment_and_run_each_its_own_code(
    locked: Steps, tmp_path: Path
) -> None:
    before = locked.prepare(poetry("hello")).environment
    other = Steps(tmp_path / "other", locked.home)
    for file in locked.folder.rglob("*"):
        if file.is_file():
            other.write({str(file.relative_to(locked.folder)): file.read_text()})
    other.write({"src/mine/cli.py": "def main(): print('other')"})

    assert other.prepare(poetry("hello")).environment == before
    assert other.start(poetry("hello")) == "other"
    other.environments.close()


@pytest.mark.slow
def test_a_lock_from_before_poetry_2_is_read_by_poetry_itself(
    locked: Steps, old_poetry: Path
) -> None:
    (locked.folder / "poetry.lock").unlink()
    tools.lock(old_poetry, locked.folder)
    assert "groups" not in (locked.folder / "poetry.lock").read_text()

    assert locked.start(poetry("python there.py")).startswith("['six', 'idna']")
    assert any("before Poetry 2" in note for note in locked.notes)


@pytest.mark.slow
def test_a_package_whose_content_is_not_what_was_locked_is_refused(locked: Steps) -> None:
    text = (locked.folder / "poetry.lock").read_text()
    locked.write({"poetry.lock": re.sub("sha256:[0-9a-f]{8}", "sha256:00000000", text)})

    with pytest.raises(errors.EnvironmentFailed) as caught:
        locked.prepare(poetry("hello"))
    assert "hash" in "".join(caught.value.lines).lower()


@pytest.mark.slow
def test_a_lock_of_another_pyproject_is_refused(locked: Steps) -> None:
    text = (locked.folder / "pyproject.toml").read_text()
    locked.write({"pyproject.toml": text.replace("^1.16", "^1.15")})

    with pytest.raises(errors.DependenciesInvalid, match=r"changed significantly.*poetry lock"):
        locked.prepare(poetry("hello"))


def by_hand(steps: Steps, pyproject: str, relevant: dict[str, object], packages: str = "") -> None:
    digest = hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()
    lock = f'{packages}\n[metadata]\nlock-version = "2.1"\ncontent-hash = "{digest}"\n'
    steps.write({"pyproject.toml": pyproject, "poetry.lock": lock})


STANDARD = '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.10"\n'
RELEVANT: dict[str, object] = {
    "project": {"requires-python": ">=3.10"},
    "tool": {"poetry": {}},
}


def test_a_project_described_by_the_standard_table_works_too(steps: Steps) -> None:
    by_hand(steps, STANDARD + '[project.scripts]\nmine = "mine:main"\n', RELEVANT)
    steps.write({"mine.py": "def main(): print('mine')"})

    assert steps.start(poetry("mine")) == "mine"


def test_no_part_of_the_command_reaches_a_shell(steps: Steps) -> None:
    by_hand(steps, STANDARD, RELEVANT)

    assert steps.start(poetry("echo $HOME ';' id"), "| cat") == "$HOME ; id | cat"


@pytest.mark.parametrize("command", ["", "python 'train.py"])
def test_a_command_that_is_no_list_of_words_is_refused(steps: Steps, command: str) -> None:
    with pytest.raises(errors.CommandInvalid):
        steps.prepare(poetry(command))


def test_a_python_that_the_project_refuses_is_refused(steps: Steps) -> None:
    relevant = {"project": {"requires-python": ">=4"}, "tool": {"poetry": {}}}
    by_hand(steps, STANDARD.replace("3.10", "4"), relevant)

    with pytest.raises(errors.DependenciesInvalid, match="it asks for Python >=4"):
        steps.prepare(poetry("true"))


def test_a_package_without_hashes_is_refused(steps: Steps) -> None:
    package = '[[package]]\nname = "six"\nversion = "1.17.0"\ngroups = ["main"]\nfiles = []\n'
    by_hand(steps, STANDARD, RELEVANT, package)

    with pytest.raises(errors.DependenciesInvalid, match="`six` has no hashes"):
        steps.prepare(poetry("true"))


def test_an_optional_group_is_left_out_however_its_name_is_spelled(steps: Steps) -> None:
    group = {"Big_Docs": {"optional": True, "dependencies": {"none": "*"}}}
    relevant = RELEVANT | {"tool": {"poetry": {"group": group}}}
    written = (
        "[tool.poetry.group.Big_Docs]\noptional = true\n"
        '[tool.poetry.group.Big_Docs.dependencies]\nnone = "*"\n'
    )
    package = '[[package]]\nname = "none"\nversion = "1"\ngroups = ["big-docs"]\nfiles = []\n'
    by_hand(steps, STANDARD + written, relevant, package)

    assert steps.start(poetry("echo done")) == "done"


def test_a_missing_lock_is_named_with_what_to_do(steps: Steps) -> None:
    steps.write({"pyproject.toml": STANDARD})

    with pytest.raises(errors.DependenciesInvalid, match=r"poetry\.lock: .*; run `poetry lock`"):
        steps.prepare(poetry("true"))


@pytest.mark.parametrize(
    ("constraint", "yes", "no"),
    [
        ("^3.9", "3.13.0", "3.8.18"),
        ("^3.9", "3.9.0", "4.0.0"),
        ("~3.10", "3.10.13", "3.11.0"),
        (">=3.9,<3.12", "3.11.7", "3.12.1"),
        (">=3.9 <3.12", "3.11.7", "3.12.1"),
        ("3.10.*", "3.10.1", "3.11.1"),
        ("<3.9 || >=3.11", "3.11.0", "3.10.0"),
        ("!=3.11.*", "3.10.1", "3.11.7"),
        ("<=3.11", "3.11.7", "3.12.0"),
        (">3.10", "3.11.0", "3.10.9"),
        ("~=3.10", "3.12.0", "3.9.0"),
    ],
)
def test_a_python_constraint_is_read_as_poetry_does(constraint: str, yes: str, no: str) -> None:
    assert allows(constraint, yes)
    assert not allows(constraint, no)
    assert allows("*", no)
