"""What the result of a step depends on, as one digest, so that a result can be used again."""

import hashlib
import json
from collections.abc import Set
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pathspec

from ame import project, runs
from ame.engine import plan
from ame.engine.workspace import tree

_LOCKS = (
    "MLproject",
    "Pipfile",
    "Pipfile.lock",
    "poetry.lock",
    "pyproject.toml",
    "python_env.yaml",
    "requirements*.txt",
)
"""Files that decide on the environment: they count even where `inputs` does not name them."""


def key(
    step: plan.PlannedStep, files: tree.Tree, returned: Set[str], arguments: tuple[str, ...]
) -> str:
    """The digest of the command, its environment and the files that count.

    Those are the ones that the task's `inputs` match, in the grammar of `.gitignore`, or all but
    those in `returned`, which an earlier run of the same task has brought back.
    Names of secrets count, values do not; nor do resources, limits of time, and retries.
    """
    task = step.task
    counted = {
        "executor": [type(task.executor).__name__, asdict(task.executor)] if task.executor else [],
        "arguments": arguments,
        "environment": [[each.key, each.value] for each in task.environment],
        "secrets": sorted(secret.variable for secret in task.secrets),
        "artifacts": repr((task.artifacts, *step.within) if step.within else task.artifacts),
        "datasets": step.loads,
        "files": tree.fingerprint(_counting(task, files, returned)),
    }
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()


def _counting(task: project.Task, files: tree.Tree, returned: Set[str]) -> tree.Tree:
    if not task.inputs:
        return {path: f for path, f in files.items() if f.counts and path not in returned}
    counts = pathspec.GitIgnoreSpec.from_lines((*task.inputs, *_LOCKS))
    return {path: file for path, file in files.items() if counts.match_file(path)}


def taken_over(
    earlier: runs.Step, step: runs.Step, reason: str, store: runs.Store
) -> tuple[runs.Step, tuple[runs.Record, ...]]:
    """A step that need not be done again, as its earlier doing left it.

    Returns it in its final state, and what is to be saved with it: its metrics and artifacts.
    """
    now = datetime.now(UTC)
    step = replace(
        step,
        state=runs.State.SUCCEEDED,
        reason=reason,
        started=now,
        ended=now,
        key=earlier.key,
        outputs=earlier.outputs,
    )
    metrics = [m for m in store.metrics(earlier.run) if m.step == earlier.name]
    artifacts = [a for a in store.artifacts(earlier.run) if a.step == earlier.name]
    return step, (
        *(replace(metric, run=step.run, step=step.name) for metric in metrics),
        *(replace(artifact, run=step.run, step=step.name) for artifact in artifacts),
    )
