"""A job, run here: the server in this process, the sites in a few others."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ame import errors
from ame.federation import build
from ame.federation.exchange.watcher import Nobody, Watched
from ame.federation.flare import alias
from ame.federation.run.ledger import Ledger
from ame.federation.run.server import Server
from ame.federation.simulator import gpus, parts, preload
from ame.federation.simulator.chances import Chances, Fate
from ame.federation.simulator.crew import Crew
from ame.federation.simulator.lanes import AHEAD, AHEAD_OF_CROWDS, Lanes
from ame.federation.simulator.logs import Logs
from ame.federation.simulator.resume import Keeper, Kept, forget
from ame.federation.simulator.setup import JOB, Places, Setup, lay_out, sources, spent, spread
from ame.federation.simulator.sites import SimulatedSites
from ame.federation.simulator.worker.generators import Generators, seed_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ame.federation.exchange.sites import Sites
    from ame.federation.exchange.watcher import Watcher
    from ame.federation.program import Program
    from ame.federation.run.server import ServerParts

CROWD = 10_000
"""With more sites than these, those without a script are made anew for each task, and have neither
a folder of their own nor a log until they print."""
_MANY = 100
"""With so many sites the disk's part in making their folders is felt."""
_BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_TENSORFLOW = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_LEVELS = {"concise": "WARNING", "full": "INFO", "verbose": "DEBUG"}
_MARK = ".ame"
"""Lies in the folders that a simulation makes, so that the next one knows them for its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """How sites share processes."""

    lanes: int = 1
    """How many processes there are for sites to share."""
    gpus: Sequence[str] = ()
    """The groups of GPUs, of which each process sees one."""
    isolate: bool = False
    """Whether each site has a process of its own all the same."""
    blas_threads: int = 1
    """Threads of numeric libraries in each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a simulation that came to its end."""

    workspace: Path
    sites: tuple[str, ...]
    seconds: float


def simulate(
    program: Program,
    *,
    workspace: Path | str,
    sites: int | Sequence[str] | None = None,
    threads: int | None = None,
    gpu: str | None = None,
    seed: int = 0,
    isolate: bool = False,
    resume: bool = False,
    dropout: float = 0.0,
    stragglers: float = 0.0,
    slowdown: float = 10.0,
    deadline: float | None = None,
    blas_threads: int = 1,
    log_config: str | None = None,
    watcher: Watcher | None = None,
) -> Result:
    """Runs a job, and returns when it is over and nothing of it is left but files.

    The same program, sites and seed give the same result to the bit, whatever the `threads`; not if
    scripts are processes of their own, start threads, ask the clock, or change packages.

    Args:
        program: the job.
        workspace: the folder for logs and models. What else lies there stays.
        sites: how many, or their names; None where the job names all.
        threads: processes that sites share, one script at a time. None: one a GPU group or core.
        gpu: `0,1`, or groups as in `[0,1],[2]`: a worker sees one group.
        seed: what the generators of sites and server begin with.
        isolate: whether each script has a process of its own, and in it the main thread.
        resume: whether to go on after the last complete round in the workspace; scripts start anew.
        dropout: the part of orders that sites do not answer, by the seed.
        stragglers: the part of sites that are slow, by the seed.
        slowdown: how many times as long as others those take; nobody sleeps for it.
        deadline: after how many times the usual time a site is lost; None: never.
        blas_threads: threads of numeric libraries in each worker.
        log_config: `concise`, `full`, `verbose`, or a level of `logging`, for what ame says.
        watcher: told what happens.

    Raises:
        errors.SimulationInvalid, errors.SitesUnclear: an argument cannot be.
        errors.NothingToResume, errors.SimulatorFailed: there is no run to continue, or no worker.
        errors.Error: what `run.server.Server.run` raises.
    """
    began, names = time.monotonic(), program.site_names(sites)
    chances = Chances(dropout=dropout, stragglers=stragglers, slowdown=slowdown, deadline=deadline)
    groups = check(threads=threads, gpu=gpu, blas_threads=blas_threads, log_config=log_config)
    lanes = min(threads or len(groups) or len(os.sched_getaffinity(0)), len(names))
    shared = Shared(lanes=lanes, gpus=groups, isolate=isolate, blas_threads=blas_threads)
    root, watching = Path(workspace).absolute(), watcher or Nobody()
    kept = Kept.read(root, program.name) if resume else Kept(job=program.name)
    with _logged(log_config):
        make_room(root, names, resume=resume)
        made = sites_of(program, names, root, watching, shared, chances, seed=seed, first=kept.done)
        with made as simulated:
            lead(program, simulated, root, watcher=watching, seed=seed, kept=kept, resume=resume)
    return Result(workspace=root, sites=names, seconds=time.monotonic() - began)


def check(
    *,
    threads: int | None = None,
    gpu: str | None = None,
    blas_threads: int = 1,
    log_config: str | None = None,
) -> Sequence[str]:
    """The groups of GPUs, of arguments that `simulate` takes.

    Raises:
        errors.SimulationInvalid: it does not take one of them.

    """
    for name, number in (("threads", threads), ("blas_threads", blas_threads)):
        if number is not None and number < 1:
            raise errors.SimulationInvalid(name, f"is {number}; it must be 1 or more")
    _level(log_config)
    return gpus.groups(gpu)


@contextmanager
def sites_of(
    program: Program,
    names: Sequence[str],
    workspace: Path,
    watcher: Watcher,
    shared: Shared,
    chances: Chances = Chances(),  # noqa: B008 (frozen)
    *,
    seed: int = 0,
    first: int = 0,
    among: Sequence[str] | None = None,
) -> Iterator[SimulatedSites]:
    """Sites in a few processes of this machine, ready for orders; in the end they are closed.

    `among`: the names of all sites of the job, where others are elsewhere. The rest is as
    `simulate` says; `make_room` has been called for the workspace.
    """
    with ExitStack() as ending:
        temporary = ending.enter_context(_folder_for_a_while())
        setup = replace(
            _setup(program, workspace, among or names, temporary=temporary, seed=seed, first=first),
            alone=among is not None,
        )
        crew = Crew(setup, variables=_variables(shared.blas_threads), gpus=shared.gpus)
        simulated = SimulatedSites(
            crew,
            Lanes(
                crew,
                names,
                lanes=shared.lanes,
                isolate=shared.isolate,
                note=watcher.note,
                lost=watcher.lost,
                ahead=AHEAD_OF_CROWDS if setup.crowd else AHEAD,
            ),
            logs=Logs(workspace, watcher),
            watcher=watcher,
            fate=Fate(chances, seed, first),
        )
        ending.callback(simulated.close)
        yield simulated


def lead(
    program: Program,
    sites: Sites,
    workspace: Path,
    *,
    watcher: Watcher,
    seed: int = 0,
    kept: Kept,
    resume: bool = False,
) -> None:
    """Makes the server's parts in this process, and has it run over these sites.

    Raises:
        errors.Error: what `run.server.Server.run` raises.

    """
    places = Places(str(workspace), "server")
    files, custom = program.server.files, Path(places.custom)
    build.lay_out(files, custom)
    build.lay_out(files, Path(places.config), of="config")
    variables = places.variables(program.server)
    with (
        _generators(seed_of(seed, "server", kept.done)),
        build.Code(custom, files=files, packages=program.packages) as code,
    ):
        made = parts.of_server(program.server, code, variables)

        def server(of: ServerParts) -> Server:
            made = Server(
                of,
                Watched(sites, watcher),
                job=JOB,
                root=Path(places.folder),
                min_clients=program.min_clients,
                mandatory_clients=program.mandatory_clients,
                seed=seed,
                watcher=watcher,
            )
            made.engine.ledger = Ledger(spent(workspace))
            return made

        if resume:
            made = kept.restore(made, server(made).engine.new_context())
        keeper = Keeper(workspace, made, kept)
        server(replace(made, components={**made.components, "": keeper})).run()


def _setup(
    program: Program, root: Path, names: Sequence[str], *, temporary: str, seed: int, first: int
) -> Setup:
    code, codes = lay_out(program, root)
    apps = [app for app in program.apps() if app is not program.server]
    files = [file for app in apps for file in app.files]
    return Setup(
        program=program,
        workspace=str(root),
        temporary=temporary,
        seed=seed,
        first=first,
        path=(
            *(os.path.abspath(each) for each in sys.path),  # noqa: PTH100
            *((str(alias.FOLDER),) if alias.active() else ()),  # `nvflare` is ours there, too
        ),
        modules=(*preload.modules_of(files), *preload.forms_of(apps)),
        crowd=len(names) > CROWD,
        sites=tuple(names) if len(names) <= CROWD else (),
        code=code,
        codes=codes,
        sources=sources(program, code, codes),
    )


def make_room(root: Path, names: Sequence[str], *, resume: bool) -> None:
    """Makes the folders, and removes what an earlier run has left in those that were its own.

    Raises:
        errors.SimulationInvalid: there is something in a place of ours that is not ours.

    """
    root.mkdir(parents=True, exist_ok=True)
    if _MANY <= len(names) <= CROWD:
        spread(root)
    job, app = root / JOB, Path(Places(str(root), "server").app)
    for folder in (job, app.parent):
        if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).exists():
            raise errors.SimulationInvalid(
                "workspace", f"has a folder {folder} that no simulation made; move it away"
            )
    if not resume:
        forget(root)
        spent(root).unlink(missing_ok=True)
        shutil.rmtree(app.parent, ignore_errors=True)
        for name in {each.name for each in root.iterdir()}.intersection(names):
            Path(Places(str(root), name).log).unlink(missing_ok=True)
    app.mkdir(parents=True, exist_ok=True)
    job.mkdir(exist_ok=True)
    for folder in (job, app.parent):
        (folder / _MARK).touch()


@contextmanager
def _folder_for_a_while() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="ame-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _generators(seed: int) -> Iterator[None]:
    """Generators of this process that begin with a seed, and are as before in the end."""
    before = Generators(0)
    before.save()
    Generators(seed).restore()
    try:
        yield
    finally:
        before.restore()


@contextmanager
def _logged(config: str | None) -> Iterator[None]:
    """How much is logged of what ame does."""
    level = _level(config)
    if level is None:
        yield
        return
    log = logging.getLogger("ame")
    before = log.level
    log.setLevel(level)
    try:
        yield
    finally:
        log.setLevel(before)


def _variables(blas_threads: int) -> dict[str, str]:
    """The environment of the workers: this one's, with the threads of numeric libraries set."""
    return {**os.environ, **dict.fromkeys((*_BLAS, *_TENSORFLOW), str(blas_threads))}


def _level(config: str | None) -> int | None:
    if config is None:
        return None
    level = logging.getLevelNamesMapping().get(_LEVELS.get(config.lower(), config.upper()))
    if level is None:
        known = ", ".join([*_LEVELS, "or a level such as INFO"])
        raise errors.SimulationInvalid("log_config", f"is {config!r}; give {known}")
    return level
