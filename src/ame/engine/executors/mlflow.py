"""`!mlflow`: what `mlflow run .` does with the file `MLproject`, without MLflow.

Reading that file, making its environment and filling in its parameters needs little; importing
MLflow for it takes seconds at each step. So they are done here. One thing is left to the script's
own `mlflow` calls: MLflow's run is opened by the first of them, not before the command starts.

The entry point is `main`, or what `-e NAME` after `--` says; `-P NAME=VALUE` gives a parameter; all
other arguments follow the command. The executor's `command` replaces that of `main`.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ame import errors, project
from ame.engine.executors.dependencies import mlflow_env
from ame.engine.executors.dependencies.wanted import recipe
from ame.engine.executors.ready import Bench, Ready

_MAIN = "main"


def prepare(executor: project.Mlflow, bench: Bench) -> Ready:
    """The command of the entry point, in the environment that the project describes."""
    given = _Given.read(bench.arguments)
    file, content = _mlproject(bench.folder)
    python, wanted = mlflow_env.read(content, file, bench.folder, bench.note)
    python = executor.python_version or python or bench.environments.own().version
    command = _entry_point(executor, content, file, given, bench.folder)
    environment = bench.get(
        recipe("mlflow", bench.interpreter(python), wanted.content(), lambda: wanted)
    )
    argv = bench.shell(command, given.rest)
    return bench.ready(argv, environment, wanted.roots)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What the arguments say, as those of `mlflow run`."""

    entry: str = ""
    parameters: Mapping[str, str]
    rest: tuple[str, ...]

    @classmethod
    def read(cls, arguments: Sequence[str]) -> "_Given":
        """Raises errors.CommandInvalid for a parameter without a value."""
        entry, parameters, rest = "", {}, []
        words = iter(arguments)
        for word in words:
            name, _, value = word.partition("=")
            if name in ("-P", "--param-list", "-e", "--entry-point"):
                value = value if name.startswith("--") and value else next(words, "")
            elif word.startswith("-P") and len(word) > 2:
                name, value = "-P", word[2:]
            else:
                rest.append(word)
                continue
            if name in ("-e", "--entry-point"):
                entry = value
                continue
            key, equals, value = value.partition("=")
            if not equals:
                raise errors.CommandInvalid(word, "write a parameter as `-P NAME=VALUE`")
            parameters[key] = value
        return cls(entry=entry, parameters=parameters, rest=tuple(rest))


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
) -> str:
    """The shell text of an entry point with its parameters filled in.

    Raises:
        errors.DependenciesInvalid: there is no such entry point, or a parameter lacks a value.

    """
    entry = given.entry or _MAIN
    points = mlflow_env.table(content.get("entry_points"), file, "entry_points")
    point = mlflow_env.table(points.get(entry), file, f"entry_points.{entry}")
    command = str(point.get("command") or "")
    if entry == _MAIN and executor.command:
        command = executor.command
    elif entry.endswith((".py", ".sh")) and entry not in points:
        program = "python" if entry.endswith(".py") else "bash"
        command = f"{program} {shlex.quote(entry)}"
    if not command:
        remedy = f"give it a command, or choose one of: {', '.join(points) or 'there are none'}"
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
    return " ".join((filled, *words))


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
