"""`!pip`: a virtual environment with the packages of `requirements.txt`; shell text in it.

uv installs, from the indexes that pip is set up with; where a file uses what only pip knows, pip
does. The environment is that of the content of all files reached.
"""

from pathlib import Path

from ame import project
from ame.engine import environments
from ame.engine.executors import pipconf
from ame.engine.executors.ready import Bench, Ready
from ame.engine.executors.requirements import Requirements


def prepare(executor: project.Pip, bench: Bench) -> Ready:
    """The command, in the environment of `requirements.txt`."""
    requirements = Requirements(folder=bench.folder)
    requirements.read("requirements.txt")
    environment = get(requirements, "pip", bench.interpreter(executor.python_version), bench)
    return Ready(
        argv=bench.shell(executor.command),
        variables=bench.inside(environment, roots(requirements)),
        environment=environment.id,
        cached=environment.cached,
    )


def roots(requirements: Requirements) -> list[Path]:
    """The folders of the projects that enter by path."""
    return [root for each in requirements.packages for root in each.roots]


def get(
    requirements: Requirements, kind: str, interpreter: environments.Interpreter, bench: Bench
) -> environments.Environment:
    """The environment with these requirements."""

    def make(installer: environments.Installer) -> None:
        lines, constraints = requirements.copied(installer.scratch)
        if requirements.pip:
            installer.install_by_pip(lines, constraints)
        else:
            variables = pipconf.variables(bench.environments.environ)
            installer.install(lines, constraints, variables=variables)
        for each in requirements.packages:
            each.install(installer)

    recipe = environments.Recipe(
        kind=kind, interpreter=interpreter, content=[*requirements.content()], make=make
    )
    return bench.get(recipe)
