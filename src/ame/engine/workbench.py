"""The workbench of a run: where each step is done, from its files to its results."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from ame import errors, process, runs
from ame.engine import attempt, plan, reuse, variables
from ame.engine.backends.places import Machine, Place
from ame.engine.disclosure import Disclosure
from ame.engine.home import Home
from ame.engine.reports import log
from ame.engine.reports.metrics import Metrics
from ame.engine.watcher import Watcher
from ame.engine.workspace import tree
from ame.engine.workspace.flow import Flow
from ame.engine.workspace.folder import Workspace, remove
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

    @property
    def folder(self) -> Path:
        """Where the run keeps its logs, and its workspaces as long as they are needed."""
        return self.home.folder / "runs" / self.run.name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Try:
    """How one attempt ended, and what it left."""

    state: runs.State
    reason: str = ""
    ended: process.Exit | None = None
    limited: str = ""
    outputs: tree.Tree | None = None
    artifacts: tree.Tree | None = None


class Workbench:
    """Does steps, each in a workspace of its own. Calls may come from many threads at once."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
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
        self._spares: dict[Path, list[Workspace]] = defaultdict(list)
        """Workspaces that are to be had again, by their project."""
        self._spared: set[Path] = set()
        """Where those are, or were."""
        self._nothing = ""
        """The tree without files, once it is kept: most steps leave that."""

    def do(self, name: str, step: runs.Step, lease: leases.Lease) -> runs.Step:
        """Does the step, as often as its task allows; returns it in its final state, saved.

        Its workspace stays until `clear`.
        """
        try:
            return self._do(name, step, lease)
        except (errors.Error, OSError) as error:
            now = _now()
            failed = replace(
                step,
                state=runs.State.FAILED,
                reason=self._secrets.hide(str(error)),
                started=step.started or now,
                ended=now,
            )
            self._shared.home.store.save(failed)
            return failed

    def clear(self, step: runs.Step) -> None:
        """Removes the workspace of a step that is done, unless it is kept for another."""
        folder = self._shared.folder / str(step.index) / "work"
        if folder not in self._spared:
            remove(folder)

    def close(self) -> None:
        """Removes the workspaces that were kept for steps to come. Nothing is done here after."""
        for spare in chain(*self._spares.values()):
            remove(spare.folder)

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

    def _do(self, name: str, step: runs.Step, lease: leases.Lease) -> runs.Step:
        shared = self._shared
        planned = shared.plan.steps[name]
        files = shared.flow.into(name)
        key = ""
        if planned.task.cache:
            key = reuse.key(planned, files, shared.flow.returned(name), shared.run.arguments)
            reused = None if self._shared.fresh else self._reuse(replace(step, key=key))
            if reused is not None:
                return reused
        step = replace(step, key=key, state=runs.State.RUNNING, started=_now())
        shared.watcher.step(step)
        for number in range(1, planned.task.retries + 2):
            begun = runs.Attempt(run=step.run, step=name, number=number, started=_now())
            shared.home.store.save(step, begun)
            tried = self._try(planned, step, number, files, lease)
            step = self._record(step, begun, tried)
            if step.state.final:
                return step
            self.clear(step)
        raise AssertionError("the last attempt is final")

    def _try(
        self,
        planned: plan.PlannedStep,
        step: runs.Step,
        number: int,
        files: tree.Tree,
        lease: leases.Lease,
    ) -> _Try:
        """One attempt, from the laying of the workspace to its results."""
        shared = self._shared
        folder = shared.folder / str(step.index)
        folder.mkdir(parents=True, exist_ok=True)
        report = folder / f"report.{number}"
        limits = process.Limits(
            memory=lease.claim.memory,
            cpu=lease.claim.cpu,
            storage=lease.claim.storage,
            folder=folder / "work",
        )
        written = log.Log(
            folder / f"log.{number}",
            masked=self._secrets.stream(),
            show=lambda line: shared.watcher.line(step.name, line),
        )
        place = self._place(planned, step, report, lease)
        trying = attempt.Attempt(place, written, grace=shared.home.settings.grace)
        with ExitStack() as last:
            last.callback(self._metrics.end, step.name, number)
            last.callback(self._forget, step.name)
            last.callback(written.close)
            try:
                with self._lock:
                    if self._stopping:
                        return _Try(state=runs.State.CANCELLED, reason=STOPPED)
                    self._attempts[step.name] = trying
                    self._logs[step.name] = written
                workspace = self._lay(planned, files, folder / "work")
                self._metrics.begin(step.name, report)
                ended = trying.run(
                    planned.task,
                    folder=workspace.folder,
                    variables=self._variables(planned, step, number, report, lease),
                    limits=limits,
                    arguments=shared.run.arguments if not planned.scope else (),
                )
                reason = attempt.reason(ended, limits)
                if reason:
                    return self._failed(reason, ended, trying)
                return self._gather(planned, workspace, ended, trying, written)
            except errors.Cancelled:
                return _Try(state=runs.State.CANCELLED, reason=STOPPED, limited=trying.limited)
            except (errors.Error, OSError) as error:
                written.note(str(error))
                return self._failed(str(error), None, trying)

    def _lay(self, planned: plan.PlannedStep, files: tree.Tree, folder: Path) -> Workspace:
        """A workspace for the step: a spare one of the same project, or a new one."""
        blobs = self._shared.home.blobs
        with self._lock:
            spares = self._spares.get(planned.folder)
            spare = spares.pop() if spares else None
        if spare is not None:
            try:
                return spare.lay_again(files, folder, blobs)
            except OSError:
                remove(spare.folder)
                remove(folder)
        return Workspace.lay(files, folder, blobs)

    def _spare(self, planned: plan.PlannedStep, workspace: Workspace, outputs: tree.Tree) -> None:
        """Keeps the workspace of a step that is done for the next, unless it has grown large."""
        if sum(file.size for file in outputs.values()) <= _SMALL:
            with self._lock:
                self._spared.add(workspace.folder)
                self._spares[planned.folder].append(workspace)

    def _forget(self, name: str) -> None:
        with self._lock:
            self._attempts.pop(name, None)
            self._logs.pop(name, None)

    def _gather(
        self,
        planned: plan.PlannedStep,
        workspace: Workspace,
        ended: process.Exit,
        trying: attempt.Attempt,
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
        self._spare(planned, workspace, outputs)
        return _Try(
            state=runs.State.SUCCEEDED,
            ended=ended,
            limited=trying.limited,
            outputs=outputs,
            artifacts=artifacts,
        )

    def _failed(self, reason: str, ended: process.Exit | None, trying: attempt.Attempt) -> _Try:
        return _Try(
            state=runs.State.FAILED,
            reason=self._secrets.hide(reason),
            ended=ended,
            limited=trying.limited,
        )

    def _place(
        self, planned: plan.PlannedStep, step: runs.Step, report: Path, lease: leases.Lease
    ) -> Place:
        """Where the step's command runs: in a container, if its executor names an image."""
        shared = self._shared
        executor = planned.task.executor
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
            gpus=lease.gpus,
        )

    def _variables(
        self,
        planned: plan.PlannedStep,
        step: runs.Step,
        number: int,
        report: Path,
        lease: leases.Lease,
    ) -> dict[str, str]:
        """The variables of the step itself; what comes later wins."""
        shared = self._shared
        return {
            **shared.home.settings.environment,
            **variables.provided(
                shared.home.settings,
                home=shared.home.folder,
                run=shared.run.name,
                step=step.name,
                task=shared.run.task,
                project=shared.run.project,
                attempt=number,
                report=report,
                gpus=lease.gpus,
            ),
            **{each.key: each.value for each in planned.task.environment},
            **shared.secrets.get(step.name, {}),
        }

    def _record(self, step: runs.Step, begun: runs.Attempt, tried: _Try) -> runs.Step:
        """Saves how an attempt ended; the step is final unless it is to be tried again."""
        ended = tried.ended
        now = _now()
        done = replace(
            begun,
            state=tried.state,
            reason=tried.reason,
            ended=now,
            exit_code=None if ended is None else ended.code,
            peak_memory=None if ended is None else ended.peak_memory,
            cpu_seconds=None if ended is None else ended.cpu_seconds,
        )
        task = self._shared.plan.steps[step.name].task
        step = replace(step, limits=tried.limited)
        again = tried.state is runs.State.FAILED and begun.number <= task.retries
        if again:
            self._shared.watcher.note(
                f"{step.name}: {tried.reason}; trying again ({begun.number} of {task.retries})"
            )
            self._shared.home.store.save(step, done)
            return step
        step = replace(
            step,
            state=tried.state,
            reason=tried.reason,
            ended=now,
            outputs=self._keep(tried.outputs),
        )
        artifacts = _artifacts(step, tried.artifacts or {})
        self._shared.home.store.save(step, done, *artifacts)
        return step

    def _reuse(self, step: runs.Step) -> runs.Step | None:
        """The step as done by an earlier one with the same key, with all that came of it."""
        shared = self._shared
        earlier = shared.home.store.reusable(step.key)
        outputs = None if earlier is None else shared.home.kept(earlier.outputs)
        if earlier is None or outputs is None:
            return None
        shared.flow.out_of(step.name, outputs)
        reason = f"from the cache: {earlier.run}"
        step, records = reuse.taken_over(earlier, step, reason, shared.home.store)
        shared.home.store.save(*records)
        return step

    def _keep(self, outputs: tree.Tree | None) -> str:
        if outputs is None:
            return ""
        if outputs:
            return self._shared.home.blobs.put_bytes(tree.encode(outputs))
        if not self._nothing:
            self._nothing = self._shared.home.blobs.put_bytes(tree.encode(outputs))
        return self._nothing


STOPPED = "the run was stopped"
_SMALL = 64 * 1024**2
"""Bytes of outputs with which a workspace is kept until another step takes it over."""


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
