"""From an executor as data to a command that can be started."""

from collections.abc import Callable
from pathlib import Path

from ame import project
from ame.engine import environments
from ame.engine.executors.ready import Bench, Ready


def prepare(
    executor: project.Executor,
    *,
    folder: Path,
    arguments: tuple[str, ...] = (),
    environments: environments.Environments,
    run: environments.Run,
    note: Callable[[str], None],
) -> Ready:
    """Makes or finds what the executor's command needs in the workspace `folder`.

    Raises:
        errors.DependenciesInvalid: a file that lists packages is missing, wrong or out of date.
        errors.DependencyUnsupported: such a file asks for what ame does not install.
        errors.CommandInvalid: the command cannot be split into words.
        errors.PythonMissing: the Python version is not to be had.
        errors.EnvironmentFailed: an installer failed.
        errors.Cancelled: the run was stopped meanwhile.

    """
    bench = Bench(folder=folder, arguments=arguments, environments=environments, run=run, note=note)
    match executor:
        case project.Custom():
            from ame.engine.executors import custom

            return custom.prepare(executor, bench)
        case project.Pip():
            from ame.engine.executors import pip

            return pip.prepare(executor, bench)
        case project.Poetry():
            from ame.engine.executors import poetry

            return poetry.prepare(executor, bench)
        case project.Pipenv():
            from ame.engine.executors import pipenv

            return pipenv.prepare(executor, bench)
        case project.Mlflow():
            from ame.engine.executors import mlflow

            return mlflow.prepare(executor, bench)
        case project.Flower():
            from ame.engine.executors import flower

            return flower.prepare(executor, bench)
