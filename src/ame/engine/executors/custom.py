"""`!custom`: the command as it is, as shell text.

With a `pythonVersion`, `python` is of that version, in an environment without packages; without
one, the machine's environment is left as it is.
"""

from ame import project
from ame.engine.executors.ready import Bench, Ready


def prepare(executor: project.Custom, bench: Bench) -> Ready:
    """The command, in the machine's environment or in an empty one."""
    argv = bench.shell(executor.command)
    if not executor.python_version:
        return Ready(argv=argv, variables=bench.importing())
    from ame.engine.executors.dependencies.wanted import Wanted, recipe

    interpreter = bench.interpreter(executor.python_version)
    return bench.ready(argv, bench.get(recipe("custom", interpreter, (), Wanted)))
