import pytest

from ame import errors, project
from engine.executors.steps import HERE, Steps

MLPROJECT = """
name: digits
python_env: python_env.yaml
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.5}
      name: string
      data: {type: path, default: data.csv}
    command: "python show.py {alpha} {name} {data}"
  other:
    command: "echo other"
"""
SHOW = "import sys, six; print('|'.join(sys.argv[1:]))"


@pytest.fixture
def digits(steps: Steps) -> Steps:
    steps.write(
        {
            "MLproject": MLPROJECT,
            "python_env.yaml": f"python: {HERE}\ndependencies:\n- -r requirements.txt",
            "requirements.txt": "six",
            "data.csv": "1",
            "show.py": SHOW,
        }
    )
    return steps


def test_the_main_entry_point_runs_with_defaults_and_with_what_is_given(digits: Steps) -> None:
    said = digits.start(project.Mlflow(), "-P", "name=it's; id", "-P", "extra=1", "tail")

    assert said == f"0.5|it's; id|{digits.folder}/data.csv|--extra|1|tail"


def test_another_entry_point_can_be_named(digits: Steps) -> None:
    assert digits.start(project.Mlflow(), "-e", "other") == "other"


def test_the_executors_command_replaces_that_of_main(digits: Steps) -> None:
    executor = project.Mlflow(command="echo {name} | tr a o")

    assert digits.start(executor, "-P", "name=a b") == "o b"


def test_a_command_with_braces_needs_no_project_file(steps: Steps) -> None:
    executor = project.Mlflow(command="x=1; echo ${x}", python_version=HERE)

    assert steps.start(executor) == "1"


def test_of_a_conda_environment_python_and_pips_packages_are_taken(steps: Steps) -> None:
    steps.write(
        {
            "MLproject": "conda_env: env.yaml\nentry_points: {main: {command: python show.py}}",
            "env.yaml": f"dependencies: [python={HERE}, numpy=1.2, pip, {{pip: [six]}}]",
            "show.py": SHOW,
        }
    )

    assert steps.start(project.Mlflow()) == ""
    assert "env.yaml: without conda, these are not installed: numpy=1.2" in steps.notes


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ((), "no value for the parameter `name`"),
        (("-P", "name=a", "-P", "data=gone"), "`data` is `gone`, which is not there"),
        (("-e", "nothing"), "no entry point `nothing`"),
    ],
)
def test_what_is_missing_is_named(digits: Steps, arguments: tuple[str, ...], fault: str) -> None:
    with pytest.raises(errors.DependenciesInvalid, match=fault):
        digits.prepare(project.Mlflow(), *arguments)


def test_a_parameter_without_a_value_is_refused(digits: Steps) -> None:
    with pytest.raises(errors.CommandInvalid, match="NAME=VALUE"):
        digits.prepare(project.Mlflow(), "-P", "name")


def test_a_project_that_wants_a_container_is_told_of_image(steps: Steps) -> None:
    steps.write({"MLproject": "docker_env: {image: x}\nentry_points: {main: {command: 'true'}}"})

    with pytest.raises(errors.DependencyUnsupported, match="give the executor an `image`"):
        steps.prepare(project.Mlflow())
