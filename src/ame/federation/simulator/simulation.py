"""A job, run here: the server in this process, the sites in a few others."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ame.federation import build
from ame.federation.exchange.watcher import Nobody, Watched
from ame.federation.run.server import Server
from ame.federation.simulator import parts, preload
from ame.federation.simulator.crew import Crew
from ame.federation.simulator.lanes import Lanes
from ame.federation.simulator.logs import Logs
from ame.federation.simulator.setup import JOB, Places, Setup, lay_out
from ame.federation.simulator.sites import SimulatedSites

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.federation.exchange.watcher import Watcher
    from ame.federation.program import Program

_BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
CROWD = 10_000
"""With more sites than these, those without a script are made anew for each task, and have neither
a folder of their own nor a log until they print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a simulation."""

    workspace: Path
    sites: tuple[str, ...]
    seconds: float


def simulate(
    program: Program,
    *,
    workspace: Path | str,
    sites: int | Sequence[str] | None = None,
    threads: int | None = None,
    seed: int = 0,
    isolate: bool = False,
    blas_threads: int = 1,
    watcher: Watcher | None = None,
) -> Result:
    """Runs a job, and returns when it is over."""
    began = time.monotonic()
    names = program.site_names(sites)
    lanes = min(threads or len(os.sched_getaffinity(0)), len(names))
    root = Path(workspace).absolute()
    root.mkdir(parents=True, exist_ok=True)
    (root / JOB).mkdir(exist_ok=True)
    for name in names:
        Places(root, name).log.unlink(missing_ok=True)
    code, codes = lay_out(program, root)
    files = [file for app in program.apps() for file in app.files]
    temporary = tempfile.mkdtemp(prefix="ame-")
    setup = Setup(
        program=program,
        temporary=temporary,
        workspace=str(root),
        seed=seed,
        path=tuple(os.path.abspath(each) for each in sys.path),  # noqa: PTH100
        modules=preload.modules_of(files),
        crowd=len(names) > CROWD,
        sites=names if len(names) <= CROWD else (),
        code=code,
        codes=codes,
    )
    watching = watcher or Nobody()
    crew = Crew(setup, variables=_variables(blas_threads))
    simulated = SimulatedSites(
        crew,
        Lanes(crew, names, lanes=lanes, isolate=isolate, note=watching.note),
        logs=Logs(root, watching),
        watcher=watching,
    )
    try:
        _lead(program, simulated, root, seed, watching)
    finally:
        simulated.close()
        shutil.rmtree(temporary, ignore_errors=True)
    return Result(workspace=root, sites=names, seconds=time.monotonic() - began)


def _lead(program: Program, sites: SimulatedSites, root: Path, seed: int, watcher: Watcher) -> None:
    """Makes the server's parts, and has it run."""
    places = Places(root, "server")
    places.app.mkdir(parents=True, exist_ok=True)
    build.lay_out(program.server.files, places.custom)
    variables = {"JOB_ID": JOB, "WORKSPACE": str(places.folder), "SITE_NAME": "server"}
    with build.Code(places.custom, files=program.server.files, packages=program.packages) as code:
        server = Server(
            parts.of_server(program.server, code, variables),
            Watched(sites, watcher),
            job=JOB,
            root=places.folder,
            min_clients=program.min_clients,
            mandatory_clients=program.mandatory_clients,
            seed=seed,
            watcher=watcher,
        )
        server.run()


def _variables(blas_threads: int) -> dict[str, str]:
    """The environment of the workers: this one's, with the threads of numeric libraries set."""
    return {**os.environ, **dict.fromkeys(_BLAS, str(blas_threads))}
