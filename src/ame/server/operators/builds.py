"""The task builder as a service: a model and a TaskConfig become tasks of this server.

A model is loaded by a child process alone, within limits; this one has its files and no more.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.protocol.pb import task_builder as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.builder.places import Files
    from ame.builder.work import Asked, Built
    from ame.protocol.wires import Caller
    from ame.server.operators.management import Management

AT_ONCE: Final = 1
"""Builds; others wait."""
STATUSES: Final = {
    pb.ErrorType.INVALID_REQUEST: 400,
    pb.ErrorType.TASK_MANAGEMENT_ERROR: 500,
    pb.ErrorType.ARTIFACT_BUILDING_ERROR: 500,
}
_ASKER = (errors.Invalid, errors.Unsupported, errors.NotFound, errors.Denied, errors.Conflict)


class Builds:
    """The two calls of the builder. What fails is in their answer, as the protocol has it."""

    def __init__(self, management: Management) -> None:
        self._management = management
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._ending = threading.Event()

    def end(self) -> None:
        """Gives up what is being built."""
        self._ending.set()

    async def build_task_group(
        self, request: pb.BuildTaskRequest, caller: Caller
    ) -> pb.BuildTaskResponse:
        """Makes artifacts, and then the tasks that have them: all at once, or none."""
        try:
            built = await self._built(request, artifacts_only=False)
        except errors.Error as error:
            return _failed(error)
        try:
            return _answer(built, await self._created(built, caller))
        except errors.Error as error:
            return _refused(pb.ErrorType.TASK_MANAGEMENT_ERROR, str(error))

    async def build_artifacts(
        self,
        request: pb.BuildTaskRequest,
        caller: Caller,  # noqa: ARG002 - no task is made
    ) -> pb.BuildTaskResponse:
        """Makes artifacts, and puts them where the configuration says: all, or none."""
        try:
            built = await self._built(request, artifacts_only=True)
        except errors.Error as error:
            return _failed(error)
        from ame.builder import group

        try:
            await asyncio.to_thread(group.upload, _files(), built.group, built.made)
        except errors.Error as error:
            return _refused(pb.ErrorType.ARTIFACT_BUILDING_ERROR, str(error))
        return _answer(built, built.group)

    async def _built(self, request: pb.BuildTaskRequest, *, artifacts_only: bool) -> Built:
        from ame.builder import work

        model = request.saved_model
        if not (model.uri or model.inline_resource.data):
            why = "saved_model is required: the `uri` of a bucket's folder, or an `inline_resource`"
            raise errors.PlacesInvalid(why)
        asked = work.Asked(
            model=model.uri,
            packed=model.inline_resource.data or None,
            config=request.task_config,
            flags=request.flags,
            artifacts_only=artifacts_only,
        )
        async with self._turn:
            return await asyncio.to_thread(_build, asked, self._ending)

    async def _created(self, built: Built, caller: Caller) -> pb.TaskGroup:
        group, made = built.group, built.made
        pairs = ((group.training_task, made.training), (group.eval_task, made.evaluation))
        kinds = [
            (task, {"plan": own.plan, "client_plan": own.client_plan, "checkpoint": own.checkpoint})
            for task, own in pairs
            if own
        ]
        created = iter(await self._management.create_tasks(kinds, caller))
        return pb.TaskGroup(
            training_task=next(created) if made.training else None,
            eval_task=next(created) if made.evaluation else None,
        )


def status(answer: pb.BuildTaskResponse, headers: Mapping[str, str]) -> int:
    """The HTTP status of an answer.

    Clients of On-Device Personalization look for what failed in answers with the status 200 alone.
    They are known by this: they send protobuf, and do not say what they accept.
    """
    if answer.WhichOneof("result") != "error_info":
        return 200
    plain = headers.get("accept", "*/*") == "*/*"
    if plain and headers.get("content-type", "").startswith("application/x-protobuf"):
        return 200
    return STATUSES.get(answer.error_info.error_type, 500)


def _files() -> Files:
    from ame.builder.places import Files

    return Files(local=False)


def _build(asked: Asked, ending: threading.Event) -> Built:
    from ame.builder import work

    return work.build(asked, _files(), ending=ending)


def _answer(built: Built, group: pb.TaskGroup) -> pb.BuildTaskResponse:
    from ame.builder import report

    return pb.BuildTaskResponse(task_group=group, task_report=report.message(built.settings))


def _failed(error: errors.Error) -> pb.BuildTaskResponse:
    """What is said of an error before anything was put or made."""
    if isinstance(error, errors.ConfigInvalid):
        return _refused(pb.ErrorType.INVALID_REQUEST, f"Task config is invalid: {error}")
    asker = isinstance(error, _ASKER)
    kind = pb.ErrorType.INVALID_REQUEST if asker else pb.ErrorType.ARTIFACT_BUILDING_ERROR
    return _refused(kind, str(error))


def _refused(kind: pb.ErrorType.Enum, why: str) -> pb.BuildTaskResponse:
    return pb.BuildTaskResponse(error_info=pb.ErrorInfo(error_type=kind, error_message=why))
