"""The Python environment that an MLflow project describes: `python_env.yaml` or `conda.yaml`."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from ame import errors
from ame.engine.executors.dependencies.requirements import Requirements
from ame.engine.executors.dependencies.wanted import Wanted

_CONDA = re.compile(r"(python|pip|setuptools|wheel)\s*(==|=|<=|>=|<|>|!=)?\s*([\d.]+)?.*")


def read(
    content: Mapping[str, object], file: str, folder: Path, note: Callable[[str], None]
) -> tuple[str, Wanted]:
    """The Python version, empty where none is said, and the packages that `file` leads to.

    Of a conda environment, Python and the packages for pip are taken, as by MLflow without conda;
    `note` is told of the others. A project that describes no environment has an empty one.

    Raises:
        errors.DependenciesInvalid: a file is missing or wrong.
        errors.DependencyUnsupported: the project asks for a container.

    """
    if "docker_env" in content:
        remedy = "give the executor an `image`"
        raise errors.DependencyUnsupported(file, "`docker_env`", remedy)
    if "python_env" in content and "conda_env" in content:
        fault = "it has both `python_env` and `conda_env`"
        raise errors.DependenciesInvalid(file, fault, "remove one of them")
    named = {"python_env": content.get("python_env"), "conda_env": content.get("conda_env")}
    if not any(named.values()):
        named = {
            "python_env": "python_env.yaml" if (folder / "python_env.yaml").exists() else None,
            "conda_env": "conda.yaml" if (folder / "conda.yaml").exists() else None,
        }
    requirements = Requirements(folder)
    python = ""
    if name := named["python_env"]:
        described = load(folder / str(name), str(name))
        python = str(described.get("python") or "")
        for key in ("build_dependencies", "dependencies"):
            requirements.add(_texts(described.get(key)), shown=str(name), below=folder)
    elif name := named["conda_env"]:
        python, lines, others = _conda(load(folder / str(name), str(name)))
        if others:
            note(f"{name}: without conda, these are not installed: {', '.join(others)}")
        requirements.add(lines, shown=str(name), below=folder)
    return python, requirements.wanted


def load(path: Path, shown: str) -> dict[str, object]:
    """The mapping in a YAML file, every scalar as it is written: 3.10 stays 3.10.

    Raises:
        errors.DependenciesInvalid: the file is missing, or is not such.

    """
    try:
        content: object = yaml.load(path.read_bytes(), Loader=yaml.BaseLoader)  # noqa: S506
    except FileNotFoundError:
        raise errors.DependenciesInvalid(shown, "the file is missing", "write it") from None
    except yaml.YAMLError as error:
        raise errors.DependenciesInvalid(shown, str(error), "correct it") from None
    return table(content, shown, "")


def table(value: object, file: str, place: str) -> dict[str, object]:
    """A mapping of the file; an empty value is an empty one."""
    if isinstance(value, dict):
        return {str(name): each for name, each in value.items()}
    if value in (None, ""):
        return {}
    raise errors.DependenciesInvalid(file, f"{place or 'it'} is not a mapping", "correct it")


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _conda(described: Mapping[str, object]) -> tuple[str, list[str], list[str]]:
    """The Python version, the lines for pip, and the packages that only conda has."""
    python, lines, others = "", [], []
    dependencies = described.get("dependencies")
    for each in dependencies if isinstance(dependencies, list) else []:
        if isinstance(each, dict):
            lines += _texts(each.get("pip"))
        elif match := _CONDA.fullmatch(str(each)):
            name, operator, version = match.groups(default="")
            if name == "python":
                python = version
            elif operator:
                lines.append(f"{name}{'==' if operator == '=' else operator}{version}")
        else:
            others.append(str(each))
    return python, lines, others
