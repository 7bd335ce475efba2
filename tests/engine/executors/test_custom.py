import pytest

from ame import errors, project
from engine.executors.steps import HERE, Steps


def test_a_command_is_shell_text_in_the_machines_own_environment(steps: Steps) -> None:
    ready = steps.prepare(project.Custom(command="echo one | tr o 0; echo two"))

    assert ready.environment == ""
    assert dict(ready.variables) == {}
    assert steps.start(project.Custom(command="echo one | tr o 0; echo two")) == "0ne\ntwo"


def test_arguments_reach_shell_text_as_words_whatever_is_in_them(steps: Steps) -> None:
    said = steps.start(project.Custom(command="printf '%s\\n'"), "a b", "$HOME", "'; id")

    assert said.splitlines() == ["a b", "$HOME", "'; id"]


def test_a_python_version_puts_that_python_first_on_the_path(steps: Steps) -> None:
    executor = project.Custom(command="python -c 'import sys; print(sys.prefix)'; which python")
    asked = project.Custom(command=executor.command, python_version=HERE)

    prefix, python = steps.start(asked).splitlines()

    assert prefix.startswith(str(steps.home))
    assert python == f"{prefix}/bin/python"


def test_pip_in_a_shared_environment_says_where_packages_belong(steps: Steps) -> None:
    said = steps.start(
        project.Custom(command="pip install six || echo refused", python_version=HERE)
    )

    assert "shared between runs" in said
    assert said.endswith("refused")


def test_a_python_that_is_not_there_is_refused_with_those_that_are(steps: Steps) -> None:
    with pytest.raises(errors.PythonMissing, match=r"3\.4 is not on this machine") as caught:
        steps.prepare(project.Custom(command="true", python_version="3.4"))

    assert any(found.startswith(f"{HERE}.") for found in caught.value.found)


def test_what_is_no_version_is_refused(steps: Steps) -> None:
    with pytest.raises(errors.PythonVersionInvalid, match=r"write `3\.11`"):
        steps.prepare(project.Custom(command="true", python_version="newest"))
