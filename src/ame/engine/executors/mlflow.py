"""`!mlflow`: what `mlflow run .` does with the file `MLproject`.

Reading that file, making its environment and filling in its parameters needs no MLflow. The run
that it opens does: that of the project's environment, else one in an environment of its own.

The entry point is `main`, or what `-e NAME` after `--` says; `-P NAME=VALUE` gives a parameter;
`--run-name`, `--experiment-name` and `--experiment-id` are what they are to `mlflow run`; all other
arguments follow the command. The executor's `command` replaces that of `main`.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ame import errors, project
from ame.engine import environments
from ame.engine.executors import mlflow_run
from ame.engine.executors.dependencies import mlflow_env
from ame.engine.executors.dependencies.wanted import Wanted, recipe
from ame.engine.executors.ready import Bench, Ready

_MAIN = "main"
_TOOL = ("mlflow-skinny>=3", "sqlalchemy", "alembic")
_OPTIONS = {
    "-P": "parameter",
    "--param-list": "parameter",
    "-e": "entry",
    "--entry-point": "entry",
    "--run-name": "run_name",
    "--experiment-name": "experiment_name",
    "--experiment-id": "experiment_id",
}


def prepare(executor: project.Mlflow, bench: Bench) -> Ready:
    """The command of the entry point, in the environment that the project describes."""
    given = _Given.read(bench.arguments)
    file, content = _mlproject(bench.folder)
    python, wanted = mlflow_env.read(content, file, bench.folder, bench.note)
    python = executor.python_version or python or bench.environments.own().version
    point = _entry_point(executor, content, file, given, bench.folder)
    environment = bench.get(
        recipe("mlflow", bench.interpreter(python), wanted.content(), lambda: wanted)
    )
    command = bench.shell(point.command, given.rest)
    described = {"tags": _tags(given.entry), "parameters": point.parameters, **given.options}
    opener = environment if environment.has("mlflow") else _tool(bench)
    program = Path(mlflow_run.__file__).read_text(encoding="utf-8")
    argv = (opener.python, "-I", "-c", program, json.dumps(described), *command)
    return bench.ready(argv, environment, wanted.roots)


def _tool(bench: Bench) -> environments.Environment:
    """MLflow, in an environment of its own."""
    interpreter = bench.environments.own()
    return bench.get(recipe("tool", interpreter, _TOOL, lambda: Wanted(lines=[*_TOOL])))


def _tags(entry: str) -> dict[str, str]:
    """What `mlflow run` tells of a run that it opens."""
    return {
        "mlflow.source.type": "PROJECT",
        "mlflow.project.entryPoint": entry,
        "mlflow.project.env": "virtualenv",
        "mlflow.project.backend": "local",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """An entry point, ready to be run."""

    command: str
    """Shell text, its parameters filled in."""
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What the arguments say, as those of `mlflow run`."""

    entry: str
    parameters: Mapping[str, str]
    options: Mapping[str, str]
    """Of the run of MLflow."""
    rest: tuple[str, ...]

    @classmethod
    def read(cls, arguments: Sequence[str]) -> "_Given":
        """Raises errors.CommandInvalid for an option or a parameter without a value."""
        parameters: dict[str, str] = {}
        options: dict[str, str] = {}
        rest: list[str] = []
        words = iter(arguments)
        for word in words:
            name, value = _split(word)
            kind = _OPTIONS.get(name)
            if kind is None:
                rest.append(word)
                continue
            value = next(words, None) if value is None else value
            if value is None:
                raise errors.CommandInvalid(word, f"give `{name}` a value")
            if kind != "parameter":
                options[kind] = value
                continue
            key, equals, value = value.partition("=")
            if not equals:
                raise errors.CommandInvalid(word, "write a parameter as `-P NAME=VALUE`")
            if key in parameters:
                raise errors.CommandInvalid(word, f"give the parameter `{key}` once")
            parameters[key] = value
        entry = options.pop("entry", _MAIN)
        return cls(entry=entry, parameters=parameters, options=options, rest=tuple(rest))


def _split(word: str) -> tuple[str, str | None]:
    """An option's name, and its value if that stands in the same word."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name, value if equals else None
    return word[:2], word[2:] or None


def _mlproject(folder: Path) -> tuple[str, dict[str, object]]:
    """The name of the project's file and its content, every scalar as it is written."""
    file = next((each.name for each in folder.iterdir() if each.name.lower() == "mlproject"), "")
    return file or "MLproject", mlflow_env.load(folder / file, file) if file else {}


def _entry_point(
    executor: project.Mlflow,
    content: Mapping[str, object],
    file: str,
    given: _Given,
    folder: Path,
) -> _Point:
    """The entry point that is asked for.

    Raises:
        errors.DependenciesInvalid: there is no such entry point, or a parameter lacks a value.

    """
    entry = given.entry
    points = mlflow_env.table(content.get("entry_points"), file, "entry_points")
    point = mlflow_env.table(points.get(entry), file, f"entry_points.{entry}")
    command = str(point.get("command") or "")
    if entry == _MAIN and executor.command:
        command = executor.command
    elif entry.endswith((".py", ".sh")) and entry not in points:
        program = "python" if entry.endswith(".py") else "bash"
        command = f"{program} {shlex.quote(entry)}"
    if not command:
        others = f", or choose one of: {', '.join(points)}" if points else ""
        remedy = f"give it a command{others}"
        raise errors.DependenciesInvalid(file, f"no entry point `{entry}` to run", remedy)
    declared = mlflow_env.table(point.get("parameters"), file, f"entry_points.{entry}.parameters")
    values = {
        name: _value(name, declared[name], given.parameters, file, folder) for name in declared
    }
    further = {name: value for name, value in given.parameters.items() if name not in declared}
    if executor.command and entry == _MAIN and not declared:
        filled = command
    else:
        filled = _filled(command, values, file)
    words = (f"--{shlex.quote(name)} {shlex.quote(value)}" for name, value in further.items())
    return _Point(command=" ".join((filled, *words)), parameters=values | further)


def _value(name: str, declared: object, given: Mapping[str, str], file: str, folder: Path) -> str:
    """A parameter's value, checked and completed by its type."""
    typed = {"type": declared} if isinstance(declared, str) else declared
    described = mlflow_env.table(typed, file, name)
    value = given.get(name, described.get("default"))
    if value is None:
        remedy = f"add `-- -P {name}=VALUE`, or give it a default"
        raise errors.DependenciesInvalid(file, f"no value for the parameter `{name}`", remedy)
    text = str(value)
    kind = described.get("type", "string")
    if kind == "uri" and "://" not in text and not text.startswith("file:"):
        raise errors.DependenciesInvalid(file, f"`{name}` is `{text}`, no URI", "write a URI")
    if kind != "path":
        return text
    if "://" in text and not text.startswith("file:"):
        remedy = "make it a `uri`, or a data set of the task"
        raise errors.DependencyUnsupported(file, f"fetching `{text}` for `{name}`", remedy)
    path = folder / text.removeprefix("file://")
    if not path.exists():
        fault = f"`{name}` is `{text}`, which is not there"
        raise errors.DependenciesInvalid(file, fault, "correct the path")
    return str(path)


def _filled(command: str, values: Mapping[str, str], file: str) -> str:
    """The command with each `{name}` replaced by its quoted value."""
    try:
        return command.format(**{name: shlex.quote(value) for name, value in values.items()})
    except (KeyError, IndexError, ValueError) as error:
        fault = f"the command `{command}` has a placeholder without a parameter: {error}"
        raise errors.DependenciesInvalid(file, fault, "declare it, or write `{{` for `{`") from None
