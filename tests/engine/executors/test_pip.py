import pytest

from ame import errors, project
from engine.executors.steps import HERE, Steps

SIX = "import six; print(six.__version__)"


def pip(code: str = SIX) -> project.Pip:
    return project.Pip(python_version=HERE, command=f'python -c "{code}"')


def test_the_packages_of_a_requirements_file_are_there(steps: Steps) -> None:
    steps.write(
        {"requirements.txt": "six==1.16.0  # old\n-r more/list.txt", "more/list.txt": "idna"}
    )

    assert steps.start(pip("import six, idna; print(six.__version__)")) == "1.16.0"


def test_the_same_content_finds_the_same_environment(steps: Steps) -> None:
    steps.write({"requirements.txt": "six"})

    first, second = steps.prepare(pip()), steps.prepare(pip())

    assert (first.cached, second.cached) == (False, True)
    assert first.environment == second.environment
    assert first.variables == second.variables


def test_a_change_in_a_file_that_is_reached_makes_another_environment(steps: Steps) -> None:
    steps.write({"requirements.txt": "six\n-c limits.txt", "limits.txt": "six==1.16.0"})
    assert steps.start(pip()) == "1.16.0"

    steps.write({"limits.txt": "six==1.17.0"})

    assert steps.start(pip()) == "1.17.0"


def test_a_comment_or_a_blank_line_changes_nothing(steps: Steps) -> None:
    steps.write({"requirements.txt": "six==1.17.0"})
    before = steps.prepare(pip()).environment

    steps.write({"requirements.txt": "# pinned\n\nsix==1.17.0   # yes\n"})

    assert steps.prepare(pip()).environment == before


def test_a_missing_requirements_file_is_named_with_what_to_do(steps: Steps) -> None:
    with pytest.raises(errors.DependenciesInvalid, match=r"requirements\.txt: the file is missing"):
        steps.prepare(pip())


def test_a_failed_install_ends_with_the_last_lines_of_the_tool_and_leaves_nothing(
    steps: Steps,
) -> None:
    steps.write({"requirements.txt": "six==99"})

    with pytest.raises(errors.EnvironmentFailed, match="uv pip install exited with 1") as caught:
        steps.prepare(pip())

    assert any("six==99" in line for line in caught.value.lines)
    assert not list(steps.home.glob("*/*/"))


LIB = """
[project]
name = "lib"
version = "1"
dependencies = ["six"]
[project.scripts]
lib = "lib:main"
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
"""


def test_an_editable_project_is_imported_from_the_workspace(steps: Steps) -> None:
    steps.write(
        {
            "requirements.txt": "-e ./lib",
            "lib/pyproject.toml": LIB,
            "lib/src/lib.py": "import six\ndef main(): print('first')",
        }
    )
    command = project.Pip(python_version=HERE, command="lib")
    assert steps.start(command) == "first"

    steps.write({"lib/src/lib.py": "def main(): print('second')"})

    assert steps.prepare(command).cached
    assert steps.start(command) == "second"


@pytest.mark.slow
def test_a_local_project_is_installed_as_a_copy_and_anew_when_it_changes(steps: Steps) -> None:
    steps.write(
        {
            "requirements.txt": "./lib",
            "lib/pyproject.toml": LIB,
            "lib/src/lib.py": "def main(): print(__file__)",
        }
    )
    command = project.Pip(python_version=HERE, command="lib")
    assert steps.start(command).startswith(str(steps.home))
    assert sorted(path.name for path in (steps.folder / "lib").rglob("*")) == [
        "lib.py",
        "pyproject.toml",
        "src",
    ]

    steps.write({"lib/src/lib.py": "def main(): print('second')"})

    assert steps.start(command) == "second"


@pytest.mark.slow
def test_what_uv_does_not_know_is_installed_by_pip(steps: Steps) -> None:
    steps.write({"requirements.txt": "six==1.16.0 --config-settings=a=b\n-c limits.txt"})
    steps.write({"limits.txt": "six<2"})

    assert steps.start(pip()) == "1.16.0"
    assert "Successfully installed six-1.16.0" in steps.output
