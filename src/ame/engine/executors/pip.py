"""`!pip`: a virtual environment with the packages of `requirements.txt`; shell text in it.

uv installs, from the indexes that pip is set up with; where a file uses what only pip knows, pip
does. The environment is that of the content of all files reached.
"""

from ame import project
from ame.engine.executors.dependencies.requirements import Requirements
from ame.engine.executors.dependencies.wanted import recipe
from ame.engine.executors.ready import Bench, Ready


def prepare(executor: project.Pip, bench: Bench) -> Ready:
    """The command, in the environment of `requirements.txt`."""
    requirements = Requirements(bench.folder)
    requirements.read("requirements.txt")
    wanted = requirements.wanted
    interpreter = bench.interpreter(executor.python_version)
    environment = bench.get(recipe("pip", interpreter, wanted.content(), lambda: wanted))
    return bench.ready(bench.shell(executor.command), environment, wanted.roots)
