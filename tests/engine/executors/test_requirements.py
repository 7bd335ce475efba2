"""What a requirements file leads to. Nothing is installed here."""

from pathlib import Path

import pytest

from ame import errors
from ame.engine.executors.dependencies.requirements import Requirements
from ame.engine.executors.dependencies.wanted import Wanted


def wanted(folder: Path, text: str) -> Wanted:
    (folder / "requirements.txt").write_text(text)
    requirements = Requirements(folder)
    requirements.read("requirements.txt")
    return requirements.wanted


def project_in(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(text)
    return folder


PLAIN = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "mine"
version = "1.2"
dependencies = ["six"]
[project.optional-dependencies]
more = ["idna"]
[project.scripts]
mine = "mine.cli:main"
"""


def test_files_that_name_one_another_are_each_read_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.txt").write_text("idna\n-r ../requirements.txt\n-r third.txt")
    (tmp_path / "sub" / "third.txt").write_text("attrs")

    assert wanted(tmp_path, "six\n--requirement=sub/more.txt").lines == ["six", "idna", "attrs"]


def test_joined_lines_comments_and_hashes_are_read_as_pip_does(tmp_path: Path) -> None:
    text = "six==1.0 \\\n  --hash=sha256:ab \\\n  --hash=sha256:cd  # pinned\n# no\nx @ https://h/x#egg=x"

    assert wanted(tmp_path, text).lines == [
        "six==1.0   --hash=sha256:ab   --hash=sha256:cd",
        "x @ https://h/x#egg=x",
    ]


def test_a_local_folder_is_a_copy_keyed_by_its_content(tmp_path: Path) -> None:
    folder = project_in(tmp_path / "lib", PLAIN)
    before = list(wanted(tmp_path, "./lib[more] ; python_version > '3'").content())

    found = wanted(tmp_path, "./lib[more] ; python_version > '3'")
    assert found.lines == ["{0}[more] ; python_version > '3'"]
    assert found.paths == [folder]
    (folder / "mine.py").write_text("")
    assert list(wanted(tmp_path, "./lib[more] ; python_version > '3'").content()) != before


def test_an_editable_project_enters_by_path_with_what_it_requires(tmp_path: Path) -> None:
    folder = project_in(tmp_path / "lib", PLAIN)
    (folder / "src").mkdir()

    found = wanted(tmp_path, "-e ./lib[more]")

    assert found.lines == ["six", "idna"]
    assert found.roots == [folder / "src"]
    assert found.paths == []


@pytest.mark.parametrize(
    "change",
    [
        ('build-backend = "hatchling.build"', 'build-backend = "mesonpy"'),
        ('dependencies = ["six"]', 'dynamic = ["dependencies"]'),
    ],
)
def test_an_editable_project_that_must_be_built_is_a_copy(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    folder = project_in(tmp_path / "lib", PLAIN.replace(*change))

    found = wanted(tmp_path, "-e lib")

    assert (found.lines, found.paths, found.packages) == (["{0}"], [folder], [])


def test_options_that_only_pip_knows_are_left_to_pip(tmp_path: Path) -> None:
    assert wanted(tmp_path, "six --config-settings=a=b").by_pip
    assert not wanted(tmp_path, "six --hash=sha256:ab").by_pip


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.DependenciesInvalid, match=r"requirements\.txt: it names .*/gone"):
        wanted(tmp_path, "./gone")


def test_a_requirements_file_on_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.DependencyUnsupported, match="save that file in the project"):
        wanted(tmp_path, "-r https://example.org/requirements.txt")
