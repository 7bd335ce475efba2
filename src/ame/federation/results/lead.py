"""A federated job led as a run: recorded from its start to its end, whoever does its work."""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import ame
from ame import errors, process, runs
from ame.federation.exchange.watcher import Watcher
from ame.federation.results import outcome, tables
from ame.federation.results.journal import KIND, Journal, Place
from ame.federation.results.models import Models
from ame.federation.results.recorder import Recorder
from ame.federation.results.tally import SERVER, Round
from ame.federation.results.terminal import Terminal
from ame.process import git
from ame.process.interrupts import Interrupts
from ame.runs.words import duration
from ame.storage import home, sqlite

_NAMED = 5
"""Lost sites in the reason of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be led, and how it is shown."""

    job: str
    """The job's name."""
    sites: Sequence[str]
    workspace: Path | None = None
    """Where the job's files go; by default a folder of the run's own in the state folder."""
    spec: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """What was asked for, as JSON takes it: enough to ask for it again."""
    folder: Path = field(default_factory=Path.cwd)
    """Where the job's script was started."""
    arguments: tuple[str, ...] = ()
    """Those of the job's script."""
    resumes: str = ""
    """The run that this one continues."""
    resumable: Callable[[Path], bool] = lambda _workspace: False
    """Whether another one could continue what this one leaves in the workspace."""
    logs: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a job."""

    run: runs.Run
    workspace: Path
    rounds: tuple[Round, ...]
    metrics: tuple[runs.Metric, ...]
    """All numbers, of the server and of every site, by round (`iteration`)."""
    models: Mapping[str, Path]
    """`best` and `last`, as safetensors; what there is of them."""
    lost: tuple[str, ...] = ()
    """The sites that were lost in a round, but for those that were told to stay away."""
    error: errors.Error | None = None
    """Why it failed."""


Work = Callable[[Watcher, Path], None]
"""Does the job: told who watches, and its workspace. It returns when the job
is done and raises an `errors.Error` where it is not; a KeyboardInterrupt ends all that it began."""


def lead(wish: Wish, work: Work) -> Result:
    """Does the job and keeps all that comes of it; prints its progress and its tables.

    A job that fails is a result with an `error`, which has been shown.

    Raises:
        KeyboardInterrupt: it was asked to stop. What was done is kept.
    """
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            stack.enter_context(Interrupts())
        kept = home.home()
        store = sqlite.Database(kept / "runs.db")
        stack.callback(store.close)
        place = Place(store=store, home=kept, run=_run(wish))
        workspace = (wish.workspace or place.folder / "workspace").absolute()
        workspace.mkdir(parents=True, exist_ok=True)
        terminal = stack.enter_context(Terminal(logs=wish.logs, quiet=wish.quiet))
        recorder = Recorder(Journal(place), terminal, Models(workspace / "models"))
        stack.enter_context(_logged(recorder))
        return _led(wish, work, recorder, workspace)


def _led(wish: Wish, work: Work, recorder: Recorder, workspace: Path) -> Result:
    journal, terminal = recorder.journal, recorder.terminal
    run = journal.begin(wish.sites)
    os.environ["AME_RUN"] = run.name  # what this job leaves running is found by it
    sites = f"{len(wish.sites)} site{'s' * (len(wish.sites) != 1)}"
    terminal.say(f"▶ {wish.job}  {sites}  {run.name}", "blue")
    state, reason, error = runs.State.SUCCEEDED, "", None
    try:
        work(recorder, workspace)
    except errors.Error as failed:
        stopped = isinstance(failed, errors.FlowerRunStopped)
        state = runs.State.CANCELLED if stopped else runs.State.FAILED
        reason, error = str(failed), failed
    except BaseException as failed:
        asked = isinstance(failed, KeyboardInterrupt)
        state = runs.State.CANCELLED if asked else runs.State.FAILED
        outcome.write(recorder, workspace, wish.resumes)
        reason = str(failed) or type(failed).__name__
        ame.fail(reason)
        run = journal.end(run, state, reason)
        terminal.say(_end(run, wish, workspace), "red")
        raise
    models = outcome.write(recorder, workspace, wish.resumes)
    lost = recorder.tally.lost_sites()
    if lost and not reason:
        reason = f"without {', '.join(lost[:_NAMED])}" + ", …" * (len(lost) > _NAMED)
    if reason:
        ame.fail(reason)
    result = Result(
        run=journal.end(run, state, reason),
        workspace=workspace,
        rounds=tuple(recorder.tally.rounds),
        lost=lost,
        metrics=journal.place.store.metrics(run.name),
        models=models,
        error=error,
    )
    if result.rounds:
        terminal.say(f"\n{tables.text(recorder.tally)}\n")
    terminal.say(_end(result.run, wish, workspace, error), "red" if error else "green")
    if result.rounds or result.metrics:
        terminal.say(f"results and models: {workspace}")
    return result


@contextmanager
def _logged(recorder: Recorder) -> Iterator[None]:
    """What parts of the job say by `logging` in this process goes into the server's log."""
    logger, handler = logging.getLogger(), _Log(recorder)
    ours = logging.getLogger("ame.federation")
    before = ours.level
    logger.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        ours.setLevel(before)


class _Log(logging.Handler):
    def __init__(self, recorder: Recorder) -> None:
        super().__init__(logging.INFO)
        self._recorder = recorder
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Adds a line."""
        line = f"{self.format(record)}\n"
        self._recorder.printed(SERVER, line.encode(errors="backslashreplace"))


def _run(wish: Wish) -> runs.Run:
    commit, dirty = git.describe(wish.folder)
    return runs.Run(
        name=runs.name(wish.job, os.urandom(6)),
        task=wish.job,
        project=os.environ.get("AME_PROJECT", ""),
        kind=KIND,
        created=datetime.now(UTC),
        owner=str(process.own_identity()),
        folder=str(wish.folder),
        commit=commit,
        dirty=dirty,
        arguments=wish.arguments,
        resumes=wish.resumes,
        spec=json.dumps(dict(wish.spec), default=str),
    )


def _end(run: runs.Run, wish: Wish, workspace: Path, error: errors.Error | None = None) -> str:
    """The last line: how it ended, and what can be done."""
    took = ""
    if run.started and run.ended:
        took = f"  {duration((run.ended - run.started).total_seconds())}"
    text = f"{run.name} {run.state}{took}"
    if run.reason:
        text += f": {run.reason}"
    begins_anew = run.state is runs.State.SUCCEEDED or isinstance(error, errors.NothingToResume)
    if not begins_anew and wish.resumable(workspace):
        text += f"\n`ame fed run --resume {run.name}` continues from its last round"
    return text
