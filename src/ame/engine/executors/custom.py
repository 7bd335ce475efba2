"""`!custom`: the command as it is, as shell text.

With a `pythonVersion`, `python` is of that version, in an environment without packages; without
one, the machine's environment is left as it is.
"""

import os

from ame import project
from ame.engine.executors.ready import Bench, Ready


def prepare(executor: project.Custom, bench: Bench) -> Ready:
    """The command, in the machine's environment or in an empty one."""
    argv = bench.shell(executor.command)
    if not executor.python_version:
        return Ready(argv=argv, variables=_with_ame(bench))
    from ame.engine.executors.dependencies.wanted import Wanted, recipe

    interpreter = bench.interpreter(executor.python_version)
    return bench.ready(argv, bench.get(recipe("custom", interpreter, (), Wanted)))


def _with_ame(bench: Bench) -> dict[str, str]:
    """Lets Python import the module `ame` after all that it imports from already."""
    site = bench.environments.site
    if site is None:
        return {}
    before = bench.environments.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join(filter(None, (before, str(site))))}
