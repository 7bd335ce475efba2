"""What does a federated job: our simulator, Flower, or NVFLARE; and how it is asked to.

`FedJob.simulator_run` and `ame fed run` meet here: what the command line asks for goes before what
the script says.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from ame import errors
from ame.federation.codes import KINDS, Code
from ame.federation.job import checks
from ame.federation.program import Program

if TYPE_CHECKING:
    from ame.federation.exchange.watcher import Watcher
    from ame.federation.results import Result

Engine = Literal["ame", "flower", "nvflare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a job is to be done. What is None was not said."""

    clients: int | Sequence[str] | None = None
    """How many, or their names."""
    threads: int | None = None
    """Worker processes."""
    gpu: str | None = None
    """GPUs that sites share: `0,1`."""
    workspace: Path | None = None
    seed: int | None = None
    isolate: bool | None = None
    """Whether each site has a process of its own."""
    dropout: float | None = None
    """The part of sites that stays away from a round, by the seed: from 0 to 1."""
    stragglers: float | None = None
    """The part of sites that is slow in a round, by the seed: from 0 to 1."""
    slowdown: float | None = None
    """How many times as long those take."""
    deadline: float | None = None
    """After how many times the usual time a site is lost."""
    log_config: str | None = None
    """How much of what `ame` itself says is logged."""
    engine: Engine | None = None
    superlink: str | None = None
    """Of the engine `flower`: where a SuperLink is, `HOST:PORT`, or `http://HOST:PORT` for one
    that speaks no TLS; None: one is started here."""
    root_certificates: Path | None = None
    """By which the SuperLink's certificate is checked."""
    logs: bool | None = None
    """Whether what sites print is shown."""
    quiet: bool | None = None
    resume: str | None = None
    """The run to continue."""
    tolerant: bool | None = None
    """Whether a job that is done is well, though sites were lost."""

    def over(self, other: Self) -> Self:
        """These, and what they do not say as the others say it."""
        return replace(other, **self.said())  # type: ignore[arg-type]  # its own fields

    def said(self) -> dict[str, object]:
        """What is not None."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(slots=True, kw_only=True)
class Command:
    """What a command line asks of a script's jobs, and what came of them."""

    options: Options = field(default_factory=Options)
    only_gather: bool = False
    """Whether jobs are not to be done, only to be had."""
    target: str = ""
    """The script, or the job's folder."""
    arguments: tuple[str, ...] = ()
    """Those of the script."""
    programs: list[tuple[Program, Options]] = field(default_factory=list)
    """The jobs, each with what was said for it."""
    results: "list[Result]" = field(default_factory=list)
    exported: list[Path] = field(default_factory=list)
    """Folders that the script wrote for NVFLARE."""


_commands: list[Command] = []
_CHANCES = ("dropout", "stragglers", "slowdown", "deadline")
_SIMULATED = ("threads", "gpu", "isolate", *_CHANCES, "log_config")
"""What can be said of simulated sites alone."""
_SLOWDOWN = 10.0


@contextmanager
def under(command: Command) -> Iterator[Command]:
    """While it is open, jobs are done as this command says."""
    _commands.append(command)
    try:
        yield command
    finally:
        _commands.remove(command)


def exported(folder: Path) -> None:
    """Notes for the command, if there is one, that its script has exported a job."""
    if _commands:
        _commands[-1].exported.append(folder)


def run(program: Program, options: Options) -> "Result | None":
    """Does a job, with all that is told of it recorded; None under a command that only gathers.

    Raises:
        errors.Invalid: options contradict the job or each other.
        KeyboardInterrupt: it was asked to stop.
    """
    command = (
        _commands[-1]
        if _commands
        else Command(
            target=os.path.abspath(sys.argv[0]) if sys.argv and sys.argv[0] else "",  # noqa: PTH100  # `-c`
            arguments=tuple(sys.argv[1:]),
        )
    )
    options = command.options.over(options)
    command.programs.append((program, options))
    if command.only_gather:
        return None
    from ame.federation import results

    sites = program.site_names(options.clients)
    checks.clients(program, sites)
    _check(program, options)
    wish = results.Wish(
        job=program.name,
        sites=sites,
        workspace=options.workspace,
        spec=_spec(command, options),
        arguments=command.arguments,
        resumes=options.resume or "",
        resumable=lambda workspace: _resumable(program, options, workspace),
        logs=bool(options.logs),
        quiet=bool(options.quiet),
    )

    def work(watcher: "Watcher", workspace: Path) -> None:
        _work(program, sites, options, watcher, workspace)

    result = results.lead(wish, work)
    command.results.append(result)
    return result


def _check(program: Program, options: Options) -> None:
    """Refuse what the engine does not take, before there is a run."""
    if options.resume is not None and (why := _begins_anew(program, options)):
        raise errors.NothingToResume(str(options.workspace), why)
    match options.engine or "ame":
        case "ame":
            from ame.federation.simulator import chances, simulation

            simulation.check(
                threads=options.threads, gpu=options.gpu, log_config=options.log_config
            )
            told = {name: getattr(options, name) for name in _CHANCES}
            chances.Chances(**{name: each for name, each in told.items() if each is not None})
        case "flower":
            if refused := [name for name in _SIMULATED if getattr(options, name) is not None]:
                remedy = f"`{refused[0]}` is of simulated sites; leave it out"
                raise errors.EngineMissing("flower", remedy)


def _work(
    program: Program,
    sites: Sequence[str],
    options: Options,
    watcher: "Watcher",
    workspace: Path,
) -> None:
    match options.engine or "ame":
        case "ame":
            from ame.federation.simulator import simulate

            simulate(
                program,
                workspace=workspace,
                sites=sites,
                threads=options.threads,
                gpu=options.gpu,
                seed=options.seed or 0,
                isolate=bool(options.isolate),
                resume=options.resume is not None,
                dropout=options.dropout or 0.0,
                stragglers=options.stragglers or 0.0,
                slowdown=_SLOWDOWN if options.slowdown is None else options.slowdown,
                deadline=options.deadline,
                log_config=options.log_config,
                watcher=watcher,
            )
        case "nvflare":
            from ame.federation import nvflare

            nvflare.run(
                program,
                sites,
                workspace=workspace,
                threads=options.threads,
                gpu=options.gpu,
                watcher=watcher,
            )
        case "flower":
            from ame.federation import flower

            link = None
            if options.superlink is not None:
                link = flower.link(options.superlink, options.root_certificates)
            flower.run(
                program,
                workspace=workspace,
                sites=sites,
                superlink=link,
                seed=options.seed or 0,
                resume=options.resume is not None,
                watcher=watcher,
            )


def _resumable(program: Program, options: Options, workspace: Path) -> bool:
    """Whether `--resume` would go on with what a run has left there."""
    if _begins_anew(program, options):
        return False
    if _is_app(program, options):
        return options.superlink is not None
    from ame.federation.simulator import resume

    return resume.there(workspace)


def _begins_anew(program: Program, options: Options) -> str:
    """Why no run of this job can be continued, if none can."""
    if options.engine == "nvflare":
        return "NVFLARE's simulator continues none"
    led = [workflow.of_peers for workflow in program.server.workflows]
    if led and all(led):
        return "the sites of this job lead themselves, and its server keeps no round of theirs"
    return ""


def _is_app(program: Program, options: Options) -> bool:
    """Whether it is an app that Flower itself runs, and knows the standing of."""
    if options.engine != "flower":
        return False
    from ame.federation.flower.apps import app

    return app.alone(program) is not None


def code(result: "Result", *, tolerant: bool = False) -> Code:
    """What a job's end comes to."""
    if result.error is None:
        return Code.WITHOUT if result.lost and not tolerant else Code.DONE
    if isinstance(result.error, errors.ComponentFailed):
        return Code.RAISED
    kinds = [
        each.losses[site].kind
        for each in reversed(result.rounds)
        for site in each.asked  # in this order, not in that of time
        if site in each.losses
    ]
    if isinstance(result.error, errors.TooFewResults) and kinds:
        return KINDS.get(kinds[0], Code.FAILED)
    return Code.FAILED


def _spec(command: Command, options: Options) -> Mapping[str, object]:
    """What a run keeps of how it was asked for."""
    said = {**options.said(), "workspace": options.workspace and str(options.workspace.absolute())}
    return {"target": command.target, "arguments": list(command.arguments), "options": said}
