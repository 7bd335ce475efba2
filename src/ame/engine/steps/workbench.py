"""The workbench of a run: where each step is done, from its files to its results."""

import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ame import errors, process, runs
from ame.engine import plan
from ame.engine.backends.places import Machine, Place
from ame.engine.home import Home
from ame.engine.reports import log
from ame.engine.reports.metrics import Metrics
from ame.engine.secrets.disclosure import Disclosure
from ame.engine.steps import attempt, reuse, variables
from ame.engine.watcher import Watcher
from ame.engine.workspace import tree
from ame.engine.workspace.flow import Flow
from ame.engine.workspace.folder import Workspace
from ame.engine.workspace.spares import Spares
from ame.runs import leases


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all steps of a run share."""

    run: runs.Run
    plan: plan.Plan
    home: Home
    supervisor: process.Supervisor
    secrets: Mapping[str, Mapping[str, str]]
    """For each step that has any, the values of its secrets by variable."""
    flow: Flow
    watcher: Watcher
    fresh: bool = False
    """Whether cached steps are done again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A step that has begun, with its first attempt, and what it holds of the machine."""

    step: runs.Step
    attempt: runs.Attempt
    lease: leases.Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A step in its final state, and what is to be saved with it."""

    step: runs.Step
    records: tuple[runs.Record, ...] = ()


def begin(step: runs.Step, lease: leases.Lease, now: datetime) -> Begun:
    """The step as it begins."""
    attempt = runs.Attempt(run=step.run, step=step.name, number=1, started=now)
    return Begun(
        step=replace(step, state=runs.State.RUNNING, started=now), attempt=attempt, lease=lease
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Try:
    """How one attempt ended, and what it left."""

    state: runs.State
    reason: str = ""
    ended: process.Exit | None = None
    outputs: tree.Tree | None = None
    artifacts: tree.Tree | None = None


class Workbench:
    """Does steps, each in a workspace of its own. Calls may come from many threads at once."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._folder = shared.home.folder / "runs" / shared.run.name
        """Where the run keeps its logs, and its workspaces as long as they are needed."""
        self._works, self._reports = self._folder / "work", self._folder / "reports"
        for folder in (self._works, self._reports):
            folder.mkdir(parents=True, exist_ok=True)
        self._given = {
            **shared.home.settings.environment,
            **variables.of_run(
                shared.home.settings,
                home=shared.home.folder,
                run=shared.run.name,
                task=shared.run.task,
                project=shared.run.project,
            ),
        }
        self._lock = threading.Lock()
        self._stopping = False
        self._machine = Machine(
            supervisor=shared.supervisor,
            environments=shared.home.environments,
            inherited=variables.inherited(),
        )
        self._attempts: dict[str, attempt.Attempt] = {}
        self._logs: dict[str, log.Log] = {}
        values = [value for each in shared.secrets.values() for value in each.values()]
        self._secrets = Disclosure(values)
        self._metrics = Metrics(
            shared.run.name,
            shared.home.store,
            shared.watcher,
            variables.tracking_uri(shared.home.settings, shared.home.folder),
        )
        self._spares = Spares(shared.home.blobs)
        self._laid: dict[str, Path] = {}
        """The workspaces of steps, until they are cleared."""
        self._nothing = ""
        """The tree without files, once it is kept: most steps leave that."""

    def look_up(self, step: runs.Step) -> Done | runs.Step:
        """The step as an earlier one with the same key has left it; else itself, with its key."""
        try:
            return self._look_up(step)
        except (errors.Error, OSError) as error:
            reason, now = self._secrets.hide(str(error)), _now()
            failed = replace(step, state=runs.State.FAILED, reason=reason, started=now, ended=now)
            return Done(step=failed)

    def do(self, begun: Begun) -> Done:
        """Does a step, as often as its task allows. Its workspace stays until `clear`."""
        try:
            return self._do(begun)
        except (errors.Error, OSError) as error:
            ended = _ended(begun.attempt, self._failed(str(error)))
            step = _with(begun.step, ended, limits=begun.step.limits)
            return Done(step=step, records=(ended,))

    def clear(self, step: runs.Step) -> None:
        """Removes the workspace of a step that is done, unless it is kept for another."""
        folder = self._laid.pop(step.name, None)
        if folder is not None:
            self._spares.clear(folder)

    def close(self) -> None:
        """Removes the workspaces that were kept for steps to come. Nothing is done here after."""
        self._spares.close()

    def stop(self, *, now: bool = False) -> None:
        """Ends all that is running, and what comes later at once; with `now`, without asking."""
        with self._lock:
            self._stopping = True
            attempts = list(self._attempts.values())
        for each in attempts:
            threading.Thread(target=each.stop, kwargs={"now": now}).start()

    def look(self) -> None:
        """Takes in and shows what running steps have told since the last call."""
        with self._lock:
            logs = list(self._logs.values())
        for each in logs:
            each.look()
        self._metrics.read()

    def _look_up(self, step: runs.Step) -> Done | runs.Step:
        shared = self._shared
        files = shared.flow.into(step.name)
        returned = shared.flow.returned(step.name)
        key = reuse.key(shared.plan.steps[step.name], files, returned, shared.run.arguments)
        step = replace(step, key=key)
        earlier = None if shared.fresh else shared.home.store.reusable(key)
        outputs = None if earlier is None else shared.home.kept(earlier.outputs)
        if earlier is None or outputs is None:
            return step
        shared.flow.out_of(step.name, outputs)
        reason = f"from the cache: {earlier.run}"
        step, records = reuse.taken_over(earlier, step, reason, shared.home.store)
        return Done(step=step, records=records)

    def _do(self, begun: Begun) -> Done:
        shared, name = self._shared, begun.step.name
        task = shared.plan.steps[name].task
        files = shared.flow.into(name)
        while True:
            trying, tried = self._try(begun, files)
            ended = _ended(begun.attempt, tried, trying.process)
            number = ended.number
            if tried.state is not runs.State.FAILED or number > task.retries:
                break
            shared.watcher.note(
                f"{name}: {tried.reason}; trying again ({number} of {task.retries})"
            )
            step = replace(begun.step, limits=trying.limited)
            self.clear(step)
            again = replace(begun.attempt, number=number + 1, started=_now())
            shared.home.store.save(step, ended, again)
            begun = replace(begun, step=step, attempt=again)
        outputs = self._keep(tried.outputs)
        step = _with(begun.step, ended, limits=trying.limited, outputs=outputs)
        return Done(step=step, records=(ended, *_artifacts(step, tried.artifacts or {})))

    def _try(self, begun: Begun, files: tree.Tree) -> tuple[attempt.Attempt, _Try]:
        """One attempt, from the laying of the workspace to its results."""
        shared, name, number = self._shared, begun.step.name, begun.attempt.number
        report = self._reports / f"{begun.step.index}.{number}"
        written = log.Log(
            self._folder / f"{begun.step.index}/log.{number}",
            masked=self._secrets.stream(),
            show=lambda line: shared.watcher.line(name, line),
        )
        trying = attempt.Attempt(
            self._place(begun, report),
            written,
            grace=shared.home.settings.grace,
            started=lambda child: shared.home.store.save(replace(begun.attempt, process=child)),
        )
        try:
            with closing(written):
                with self._lock:
                    if self._stopping:
                        return trying, _Try(state=runs.State.CANCELLED, reason=STOPPED)
                    self._attempts[name] = trying
                    self._logs[name] = written
                return trying, self._carry_out(begun, files, report, trying, written)
        finally:
            self._forget(name)
            self._metrics.end(name, number)

    def _carry_out(
        self,
        begun: Begun,
        files: tree.Tree,
        report: Path,
        trying: attempt.Attempt,
        written: log.Log,
    ) -> _Try:
        shared, claim = self._shared, begun.lease.claim
        planned = shared.plan.steps[begun.step.name]
        folder = self._laid[begun.step.name] = self._works / str(begun.step.index)
        limits = process.Limits(
            memory=claim.memory, cpu=claim.cpu, storage=claim.storage, folder=folder
        )
        try:
            workspace = self._spares.lay(planned.folder, files, folder)
            self._metrics.begin(planned.name, report)
            ended = trying.run(
                planned.task,
                folder=folder,
                variables=self._variables(begun, report),
                limits=limits,
                arguments=shared.run.arguments if not planned.scope else (),
            )
            reason = attempt.reason(ended, limits)
            if reason:
                told = self._metrics.reason(planned.name)
                return self._failed(f"{reason}: {told}" if told else reason, ended)
            return self._gather(planned, workspace, ended, written)
        except errors.Cancelled:
            return _Try(state=runs.State.CANCELLED, reason=STOPPED)
        except (errors.Error, OSError) as error:
            written.note(str(error))
            return self._failed(str(error))

    def _forget(self, name: str) -> None:
        with self._lock:
            self._attempts.pop(name, None)
            self._logs.pop(name, None)

    def _gather(
        self,
        planned: plan.PlannedStep,
        workspace: Workspace,
        ended: process.Exit,
        written: log.Log,
    ) -> _Try:
        """Takes in what a command that succeeded has made."""
        shared = self._shared
        outputs = workspace.changes(shared.home.blobs, ours=shared.flow.returned(planned.name))
        artifacts: tree.Tree = {}
        wanted = planned.task.artifacts
        if wanted is not None:
            artifacts = workspace.collect(wanted.paths, outputs, shared.home.blobs)
            if wanted.save_changed_files:
                artifacts = {**outputs, **artifacts}
        artifacts, leaks = self._secrets.sift(artifacts, shared.home.blobs)
        for path in leaks:
            refused = f"`{path}` holds the value of a secret: it is not saved as an artifact"
            written.note(refused)
            shared.watcher.note(f"{planned.name}: {refused}")
        shared.flow.out_of(planned.name, outputs)
        self._spares.keep(planned.folder, workspace, outputs)
        return _Try(
            state=runs.State.SUCCEEDED,
            ended=ended,
            outputs=outputs,
            artifacts=artifacts,
        )

    def _failed(self, reason: str, ended: process.Exit | None = None) -> _Try:
        return _Try(state=runs.State.FAILED, reason=self._secrets.hide(reason), ended=ended)

    def _place(self, begun: Begun, report: Path) -> Place:
        """Where the step's command runs: in a container, if its executor names an image."""
        shared, step = self._shared, begun.step
        executor = shared.plan.steps[step.name].task.executor
        if executor is None or not executor.image:
            return self._machine
        from ame.engine.backends.container import Container

        report.touch()
        kept = shared.home.folder / "mlflow"
        kept.mkdir(exist_ok=True)
        return Container(
            shared.home.containers,
            shared.supervisor,
            home=shared.home.folder,
            site=shared.home.site,
            labels={"run": step.run, "step": step.name, "owner": shared.run.owner},
            mounts=(report, kept),
            gpus=begun.lease.gpus,
        )

    def _variables(self, begun: Begun, report: Path) -> dict[str, str]:
        """The variables of the step itself; what comes later wins."""
        name = begun.step.name
        task = self._shared.plan.steps[name].task
        return {
            **self._given,
            **variables.of_attempt(begun.attempt, report=report, gpus=begun.lease.gpus),
            **{each.key: each.value for each in task.environment},
            **self._shared.secrets.get(name, {}),
        }

    def _keep(self, outputs: tree.Tree | None) -> str:
        if outputs is None:
            return ""
        if outputs:
            return self._shared.home.blobs.put_bytes(tree.encode(outputs))
        if not self._nothing:
            self._nothing = self._shared.home.blobs.put_bytes(tree.encode(outputs))
        return self._nothing


STOPPED = "the run was stopped"


def _ended(attempt: runs.Attempt, tried: _Try, process: str = "") -> runs.Attempt:
    """The attempt as it ended."""
    exit_ = tried.ended
    return replace(
        attempt,
        state=tried.state,
        reason=tried.reason,
        ended=_now(),
        process=process,
        exit_code=None if exit_ is None else exit_.code,
        peak_memory=None if exit_ is None else exit_.peak_memory,
        cpu_seconds=None if exit_ is None else exit_.cpu_seconds,
    )


def _with(step: runs.Step, last: runs.Attempt, *, limits: str, outputs: str = "") -> runs.Step:
    """The step as its last attempt has left it."""
    return replace(
        step,
        state=last.state,
        reason=last.reason,
        ended=last.ended,
        limits=limits,
        outputs=outputs,
    )


def _artifacts(step: runs.Step, files: tree.Tree) -> list[runs.Artifact]:
    return [
        runs.Artifact(
            run=step.run,
            step=step.name,
            path=path,
            digest=file.digest,
            size=file.size,
            mode=file.mode,
        )
        for path, file in files.items()
    ]


def _now() -> datetime:
    return datetime.now(UTC)
