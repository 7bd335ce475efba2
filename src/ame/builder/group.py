"""The tasks of a build, made on a server; or only their artifacts, where a configuration says."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.builder import tasks
from ame.protocol.pb import odp_task
from ame.protocol.pb import task_builder as pb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ame.builder.config import Places, Settings
    from ame.builder.making import Artifacts, Made
    from ame.builder.places import Files, Server

FIELDS: Final = ("server_phase_url", "init_checkpoint_url", "client_only_plan_url")
"""Where the artifacts of a task go. The last one opens the task, so it comes last."""
WAITING: Final = (odp_task.TaskStatus.UNKNOWN, odp_task.TaskStatus.CREATED)
"""A task that was just made, or one that was made before and lacks artifacts."""


def correlation(config: pb.TaskConfig, flags: pb.ExperimentFlags, model: Path) -> str:
    """A text that is the same for the same build, by which a server knows a task again."""
    digest = hashlib.sha256(config.SerializeToString(deterministic=True))
    digest.update(flags.SerializeToString(deterministic=True))
    files = (
        [model] if model.is_file() else sorted(each for each in model.rglob("*") if each.is_file())
    )
    for each in files:
        content = hashlib.sha256(each.read_bytes())
        digest.update(each.relative_to(model).as_posix().encode() + content.digest())
    return digest.hexdigest()[:32]


def described(settings: Settings, made: Made, name: str = "") -> pb.TaskGroup:
    """The tasks as a server is asked to make them; `name` is their `correlation`."""
    group = pb.TaskGroup()
    if made.training:
        version = made.training.least_version
        group.training_task.CopyFrom(tasks.training(settings, least_version=version))
    if made.evaluation:
        version = made.evaluation.least_version
        group.eval_task.CopyFrom(tasks.evaluation(settings, least_version=version))
    for kind, task, _ in _each(group, made):
        task.correlation_id = f"{name}-{kind}" if name else ""
    return group


def places(settings: Settings) -> pb.TaskGroup:
    """Tasks of nothing but the addresses that the configuration names.

    Raises:
        errors.PlacesInvalid: it names none, or not all.
    """
    group = pb.TaskGroup()
    if settings.mode.trains:
        _checked(settings.training_places, "learning_process")
        tasks.placed(group.training_task, settings.training_places)
    if settings.mode.evaluates:
        _checked(settings.evaluation_places, "evaluation")
        tasks.placed(group.eval_task, settings.evaluation_places)
    return group


def upload(files: Files, group: pb.TaskGroup, made: Made) -> None:
    """Puts all artifacts where the tasks say, or none.

    Raises:
        errors.PlaceMissing, errors.PlaceDenied, errors.PlaceUnusable: one cannot be put there.
    """
    files.put(
        {
            place: content
            for _, task, artifacts in _each(group, made)
            for field, content in _contents(artifacts)
            for place in getattr(task, field)
        }
    )


def create(server: Server, files: Files, asked: pb.TaskGroup, made: Made) -> pb.TaskGroup:
    """Makes the tasks on a server, with their artifacts; where that fails, it ends what it made.

    A server that knows tasks by their `correlation` is asked again without harm: it answers with
    the task that is there, and artifacts are put again until it is open.

    Raises:
        errors.ServerUnreachable, errors.ServerDenies, errors.ServerFaulty: no task is made.
        errors.PlaceMissing, errors.PlaceDenied, errors.PlaceUnusable: an artifact is not taken.
    """
    group = pb.TaskGroup()
    with contextlib.ExitStack() as undoing:
        waiting = []
        for kind, task, artifacts in _each(asked, made):
            created = server.create(task)
            getattr(group, kind).CopyFrom(created)
            if created.status in WAITING:
                undoing.callback(_end, server, created)
                _addressed(created)
                waiting.append((created, artifacts))
        for index, field in enumerate(FIELDS):
            for created, artifacts in waiting:
                _, content = _contents(artifacts)[index]
                for place in getattr(created, field):
                    server.upload(place, content, files)
        undoing.pop_all()
    return group


def _each(group: pb.TaskGroup, made: Made) -> Iterator[tuple[str, odp_task.Task, Artifacts]]:
    """The tasks, by the names of their fields, with what is theirs. A training comes first, as its
    number does, which an evaluation names.
    """
    if made.training:
        yield "training_task", group.training_task, made.training
    if made.evaluation:
        yield "eval_task", group.eval_task, made.evaluation


def _contents(made: Artifacts) -> tuple[tuple[str, bytes], ...]:
    """What goes where, in the order of `FIELDS`."""
    return tuple(zip(FIELDS, (made.plan, made.checkpoint, made.client_plan), strict=True))


def _checked(said: Places, where: str) -> None:
    if not said:
        raise errors.PlacesInvalid(
            "Cannot build artifacts only: set plan_url, client_plan_url and checkpoint_url of "
            f"`artifact_building` in `{where}`"
        )
    for place in (said.plan, said.client_plan, said.checkpoint):
        if "{storage_path}" in place:
            raise errors.PlacesInvalid(
                f"{place} has a gap: name the folder or the bucket with --storage_path"
            )


def _addressed(task: odp_task.Task) -> None:
    found = [list(getattr(task, field)) for field in FIELDS]
    if not all(urls and all(urls) for urls in found):
        said = ", ".join(url for urls in found for url in urls) or "none"
        raise errors.PlacesInvalid(
            f"Cannot build artifacts because createTask returns invalid URLs: {said}"
        )


def _end(server: Server, task: odp_task.Task) -> None:
    with contextlib.suppress(errors.Error):
        server.cancel(task)
