"""A task of a project made into a run, and led to its end on this machine."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ame import errors, process, project, runs
from ame.engine import machine, plan
from ame.engine.conductor import Conductor
from ame.engine.home import Home
from ame.engine.keeping import datasets, lost, returns, together
from ame.engine.secrets.disclosure import Disclosure
from ame.engine.steps import reuse
from ame.engine.steps.workbench import Shared
from ame.engine.watcher import Watcher
from ame.engine.workspace import tree
from ame.engine.workspace.flow import Flow
from ame.engine.workspace.folder import snapshot
from ame.process import git
from ame.process.interrupts import Interrupts
from ame.runs import leases


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks for on the command line."""

    folder: Path
    """The project's."""
    task: str
    arguments: tuple[str, ...] = ()
    """Added to the command."""
    fit: bool = False
    """Whether requests that this machine cannot meet are cut down to what it has."""
    fresh: bool = False
    """Whether cached steps are done again."""
    resume: str = ""
    """The run to continue from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What came of a run."""

    run: runs.Run
    artifacts: tuple[runs.Artifact, ...]
    returned: returns.Returned


def start(wish: Wish, home: Home, watcher: Watcher) -> Finished:
    """Runs a task of a project from its first step to its last.

    Everything that can be known to be wrong is refused before anything starts.

    Raises:
        errors.Invalid: the project's file, or the wish.
        errors.NotFound: the task, a template, a data set, a secret.
        errors.TooLarge: the task asks for more than this machine has.
        errors.Unsupported: the task needs a part of ame that is not here.
    """
    with Interrupts() as interrupts, ExitStack() as stack:
        for gone in lost.mark(home.store, home.folder):
            watcher.note(f"run `{gone.name}` was lost; what it left running was ended")
        _refuse_unfinished(wish, home)
        task = _task(wish, home)
        planned = plan.Planner(home.projects).plan(task)
        there = _found(planned, home)
        planned = plan.Planner(home.projects, frozenset(there)).plan(task)
        claims = _claims(planned, home, watcher, fit=wish.fit)
        values = _secrets(planned, home)
        _find_containers(planned, home, watcher)
        making = datasets.Making(home.folder / "datasets")
        stack.callback(making.end)
        missing = [each.dataset for key, each in planned.datasets.items() if key not in there]
        if missing:
            making.begin(missing, watcher.note)
            there |= _found(planned, home)
            planned = plan.Planner(home.projects, frozenset(there)).plan(task)
        run = _run(wish, task, planned)
        with _kept(run, home):
            supervisor = stack.enter_context(
                process.Supervisor(marker=lost.marker(run.name), limits=home.settings.limits)
            )
            kept = together.Together(
                run=run,
                planned=planned,
                home=home,
                watcher=watcher,
                making=making,
                secrets=Disclosure(v for each in values.values() for v in each.values()),
            )
            flow, done = _files(run, planned, there, home, watcher, kept)
            shared = Shared(
                run=run,
                plan=planned,
                home=home,
                supervisor=supervisor,
                secrets=values,
                fresh=wish.fresh,
                flow=flow,
                watcher=watcher,
            )
            conductor = Conductor(shared, claims=claims, done=done)
            interrupts.stop = conductor.stop
            run = conductor.lead()
            interrupts.stop = None
        return _finish(run, planned, home)


def _task(wish: Wish, home: Home) -> project.Task:
    """The task that is meant, complete."""
    written = project.read(wish.folder)
    _refuse_other(written, wish.task)
    task = project.resolve(written, wish.task, home.projects)
    _refuse_arguments(wish, task)
    return task


def _found(planned: plan.Plan, home: Home) -> dict[str, tree.Tree]:
    """Those of the data sets of a plan that have been made before."""
    found = {key: datasets.find(each.dataset, home) for key, each in planned.datasets.items()}
    return {key: files for key, files in found.items() if files is not None}


def _refuse_other(written: project.Project, name: str) -> None:
    if any(task.name == name for task in written.tasks):
        return
    if any(model.name == name for model in written.models):
        instead = "models are not trained, checked or deployed by this ame; run its tasks by name"
        raise errors.NotATask(name, "model", instead)
    if any(dataset.name == name for dataset in written.datasets):
        instead = "it is made before the first task that loads it, so run such a task"
        raise errors.NotATask(name, "data set", instead)


def _refuse_unfinished(wish: Wish, home: Home) -> None:
    if wish.resume:
        earlier = home.store.find(wish.resume)
        if not earlier.state.final:
            raise errors.RunUnfinished(earlier.name, str(earlier.state))
        if earlier.task != wish.task:
            raise errors.ResumeRefused(earlier.name, earlier.task, wish.task)


def _refuse_arguments(wish: Wish, task: project.Task) -> None:
    if wish.arguments and task.pipeline:
        raise errors.ArgumentsRefused(task.name)


def _claims(
    planned: plan.Plan, home: Home, watcher: Watcher, *, fit: bool
) -> dict[str, leases.Claim]:
    """What each step takes of the machine; all that can never be met is refused at once."""
    has = home.capacity
    claims: dict[str, leases.Claim] = {}
    short: dict[str, tuple[str, ...]] = {}
    for name, step in planned.steps.items():
        wanted = machine.claim(step.task.resources, home.settings, has)
        lacking = machine.shortage(step.task.resources, wanted, has)
        if lacking:
            short[name] = lacking
        claims[name] = has.fit(wanted)
    if short and not fit:
        raise errors.TooLarge(short)
    for name, lacking in short.items():
        for what in lacking:
            watcher.note(f"{name}: gets what there is: {what}")
    return claims


def _secrets(planned: plan.Plan, home: Home) -> dict[str, Mapping[str, str]]:
    """For each step that has any, the values of its secrets by variable."""
    asking = {name: step.task for name, step in planned.steps.items() if step.task.secrets}
    if not asking:
        return {}
    from ame.engine.secrets import values

    return values.read(asking, home.secrets, home.vaults)


def _find_containers(planned: plan.Plan, home: Home, watcher: Watcher) -> None:
    """Finds the container engine, if a step needs it; clears what lost runs have left there."""
    executors = [step.task.executor for step in planned.steps.values()]
    if any(executor is not None and executor.image for executor in executors):
        for run in home.containers.sweep(lost.alive):
            watcher.note(f"a container that run `{run}` had left was removed")


def _run(wish: Wish, task: project.Task, planned: plan.Plan) -> runs.Run:
    commit, dirty = git.describe(wish.folder)
    return runs.Run(
        name=runs.name(task.name, os.urandom(6)),
        task=task.name,
        project=task.project,
        created=datetime.now(UTC),
        owner=str(process.own_identity()),
        folder=str(wish.folder),
        commit=commit,
        dirty=dirty,
        arguments=wish.arguments,
        resumes=wish.resume,
        spec=plan.write(planned),
    )


def _files(
    run: runs.Run,
    planned: plan.Plan,
    there: Mapping[str, tree.Tree],
    home: Home,
    watcher: Watcher,
    kept: together.Together,
) -> tuple[Flow, dict[str, runs.Step]]:
    """Takes the snapshots, and takes over what an earlier run has done."""
    snapshots: dict[Path, tree.Tree] = {}
    for folder in {step.folder for step in planned.steps.values()}:
        taken = snapshot(folder, home.blobs, home.folder)
        snapshots[folder] = taken.files
        if taken.left_out:
            watcher.left_out(folder, taken.left_out)

    own = Path(run.folder)
    returned = _returned(run, planned, snapshots.get(own, {}), home)
    flow = Flow(
        planned,
        snapshots,
        there,
        returned={own: returned},
        made=kept.dataset,
        saved=kept.result,
    )
    done: dict[str, runs.Step] = {}
    if run.resumes:
        done = _resumed(run, planned, flow, home)
    return flow, done


def _returned(run: runs.Run, planned: plan.Plan, files: tree.Tree, home: Home) -> frozenset[str]:
    """The files that stand in the project as earlier runs of the task have brought them back."""
    tasks = [step.task for step in planned.steps.values()]
    saves = planned.results or any(task.artifacts is not None for task in tasks)
    if not saves and not any(task.cache for task in tasks):
        return frozenset()
    saved = home.store.artifacts_of(run.project, run.task)
    return frozenset(path for path, file in files.items() if (path, file.digest) in saved)


def _resumed(run: runs.Run, planned: plan.Plan, flow: Flow, home: Home) -> dict[str, runs.Step]:
    """The steps of the earlier run that need not be done again.

    A step is done again if it has changed in the file since, if what it made is no longer kept,
    or if one that it needs is done again.
    """
    earlier = home.store.find(run.resumes)
    before = plan.read(earlier.spec)
    now = plan.read(run.spec)
    done: dict[str, runs.Step] = {}
    for step in home.store.steps(earlier.name):
        same = step.name in now and now[step.name] == before[step.name]
        if step.state is not runs.State.SUCCEEDED or not same:
            continue
        if not all(need in done for need in planned.steps[step.name].needs):
            continue
        outputs = home.kept(step.outputs)
        if outputs is None:
            continue
        flow.out_of(step.name, outputs)
        index = list(planned.steps).index(step.name)
        mine = runs.Step(run=run.name, name=step.name, index=index, needs=step.needs)
        reason = f"done by {earlier.name}"
        done[step.name], records = reuse.taken_over(step, mine, reason, home.store)
        home.store.save(done[step.name], *records)
    return done


@contextmanager
def _kept(run: runs.Run, home: Home) -> Iterator[None]:
    """From now on the run is in the list, and is ended there if leading it fails."""
    home.store.save(run)
    try:
        yield
    except BaseException as error:
        state, reason = runs.State.FAILED, str(error)
        if isinstance(error, KeyboardInterrupt):
            state, reason = runs.State.CANCELLED, reason or "interrupted"
        with suppress(errors.Error):  # what is wrong may be the store itself
            lost.end(run, home.store, state=state, reason=reason)
        raise
    finally:
        lost.clear(home.folder / "runs" / run.name)


def _finish(run: runs.Run, planned: plan.Plan, home: Home) -> Finished:
    """Brings back what the steps on this project's own files have saved."""
    artifacts = home.store.artifacts(run.name)
    own = Path(run.folder)
    mine = [each for each in artifacts if planned.steps[each.step].folder == own]
    last = runs.latest(mine, home.store.steps(run.name))
    returned = returns.bring_back(
        last,
        own,
        blobs=home.blobs,
        store=home.store,
        project=run.project,
    )
    return Finished(run=run, artifacts=artifacts, returned=returned)
