"""The jobs that a script or a job folder stands for."""

import os
import runpy
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path

import click

from ame import errors
from ame.federation import engines, flower
from ame.federation.program import Program


def do(target: Path, command: engines.Command, *, aside: bool = False) -> None:
    """Runs a script as `__main__`, or the job or the Flower app of a folder, under a command.

    `aside` lets standard output be: what the script prints there goes to standard error.

    Raises:
        click.exceptions.Exit: the script raised an error, which has been shown, or exited.
        errors.JobMissing: it defined no job, or has only exported one that was to be had.
        errors.ExtraMissing: the packages of federated jobs are not installed.
    """
    from ame.federation import extra, flare

    extra.check()
    out = sys.stderr if aside else sys.stdout
    with (
        engines.under(command),
        flare.activated(),
        redirect_stdout(out),
        ExitStack() as opened,
    ):
        if target.is_dir():
            if flower.is_app(target) and command.options.superlink is None:
                opened.enter_context(_packages(target, command.options.engine))
            engines.run(*_of(target, command.arguments))
        else:
            _run(target, command.arguments)
    for folder in command.exported:
        click.echo(f"exported to {folder}", err=True)
    if not command.programs and (command.only_gather or not command.exported):
        raise errors.JobMissing(target)


@contextmanager
def _packages(app: Path, engine: engines.Engine | None) -> Iterator[None]:
    """While it is open, what a Flower app lists is there to import."""
    from ame.engine.executors.dependencies import flower as dependencies
    from ame.engine.home import Home
    from ame.federation.flower.deployment import programs
    from ame.storage.home import home

    def tell(said: bytes) -> None:
        click.echo(said, nl=False, err=True)

    with Home(home()) as opened:
        ours = engine != "flower"
        found = dependencies.packages(app, opened, tell, environ=os.environ, ours=ours)
        if found is not None:
            programs.import_first(found)
        yield


def _of(folder: Path, arguments: tuple[str, ...]) -> tuple[Program, engines.Options]:
    """The job of an exported job's folder, or of a Flower app's."""
    if flower.is_app(folder):
        sites = flower.sites_of(folder)
        return flower.read(folder, flower.settings(arguments)), engines.Options(clients=sites)
    from ame.federation import export

    return export.read(folder), engines.Options()


def _run(script: Path, arguments: tuple[str, ...]) -> None:
    with _as_main(script, arguments):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except errors.RecipeFailed:
            pass  # it was told when it happened, and the job's result says how the command ends
        except errors.Error as error:
            place = _place(error, script)
            raise _ended(error, f"{place}: " if place else "") from error
        except Exception as error:
            if unfit := _unfit(error):
                raise _ended(unfit) from error
            click.echo("".join(_own(error, script)), err=True, nl=False)
            raise click.exceptions.Exit(1) from error


def _unfit(error: Exception) -> errors.CallUnfit | None:
    """What is wrong with the arguments of a call in the script, if it is that."""
    if not isinstance(error, TypeError):
        return None
    from ame.federation.job.capture import miscalls

    return miscalls.fault(error)


def _ended(error: errors.Error, before: str = "") -> click.exceptions.Exit:
    """Shows an error; the exit that is due."""
    from ame.cli import exits

    click.echo(f"error: {before}{error}", err=True)
    return click.exceptions.Exit(exits.code_of(error))


@contextmanager
def _as_main(script: Path, arguments: tuple[str, ...]) -> Iterator[None]:
    """What a script that is started finds: its arguments, and its folder to import from."""
    before, path = sys.argv, sys.path[:]
    sys.argv = [str(script), *arguments]
    sys.path[:] = [str(script.parent.absolute()), *(each for each in path if each)]
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before, path


def _own(error: BaseException, script: Path) -> list[str]:
    """The traceback from the script's first line on; none if the script cannot be read."""
    trace = error.__traceback__
    while trace is not None and Path(trace.tb_frame.f_code.co_filename) != script:
        trace = trace.tb_next
    return traceback.format_exception(type(error), error, trace)


def _place(error: BaseException, script: Path) -> str:
    """The line of the script from which the error came."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((f"{script}:{each.lineno}" for each in frames if each.filename == str(script)), "")
