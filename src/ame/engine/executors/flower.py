"""`!flower`: an app of Flower's, done by `ame fed run` in the environment of `ame` itself.

That keeps the app's own run, reports its metrics and its progress to the step, and says why it has
failed. What follows `--` on the command line goes before the app's run configuration.
"""

import sys
from collections.abc import Iterator

from ame import project
from ame.engine.executors.ready import Bench, Ready


def prepare(executor: project.Flower, bench: Bench) -> Ready:
    """The command that does the app, in the machine's environment."""
    settings = (f"{name}={value}" for name, value in executor.run_config)
    return Ready(
        argv=(
            *(sys.executable, "-P", "-m", "ame", "fed", "run", executor.app),
            *_options(executor),
            *("--", *settings, *bench.arguments),
        ),
        variables=bench.importing(),
    )


def _options(executor: project.Flower) -> Iterator[str]:
    yield from ("--workspace", executor.results)
    if executor.sites:
        yield from ("--clients", executor.sites)
    if executor.tolerate:
        yield "--tolerate"
    match executor.backend:
        case "simulation":
            return
        case "superlink":
            yield from ("--engine", "flower")
        case address:
            yield from ("--engine", "flower", "--superlink", address)
    if executor.root_certificates:
        yield from ("--root-certificates", executor.root_certificates)
