"""What a run must remember to be continued: how far its workflows are, after every round."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from ame import errors
from ame.federation.exchange import codec
from ame.federation.simulator.setup import JOB
from ame.federation.spec.component import FLComponent
from ame.federation.spec.learnable import Learnable, LearnablePersistor, ModelLearnable
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import AppEventType, EventType
from ame.federation.spec.names.keys import FLContextKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ame.federation.run.server import ServerParts
    from ame.federation.spec.context import FLContext

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How far a run is.

    In the file it is a `codec` value: `{"format": 1, "job": name, "done": rounds, "ended":
    [workflows], "workflow": id, "states": {id: state}, "model": learnable}`. A state is what
    `get_persist_state` of a workflow or a component gave.
    """

    job: str
    done: int = 0
    """Rounds, of all workflows."""
    ended: tuple[str, ...] = ()
    """Workflows that are over."""
    workflow: str = ""
    """The one that is not."""
    states: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] | None = None
    """After the last round; None where it is of a kind that is not kept here."""

    @classmethod
    def read(cls, workspace: Path, job: str) -> Self:
        """What an earlier run in this workspace has left.

        Raises:
            errors.NothingToResume: nothing, or of another job.

        """
        try:
            found = codec.unpack(_files(workspace)[-1].read_bytes())
        except (LookupError, OSError, ValueError) as error:
            raise errors.NothingToResume(
                str(workspace), "no complete round of one is kept there"
            ) from error
        if found.get("format") != _FORMAT:
            raise errors.NothingToResume(str(workspace), "another version of ame has written it")
        if found["job"] != job:
            raise errors.NothingToResume(str(workspace), f"it is of the job `{found['job']}`")
        return cls(
            job=job,
            done=found["done"],
            ended=tuple(found["ended"]),
            workflow=found["workflow"],
            states=found["states"],
            model=found["model"],
        )

    def write(self, workspace: Path) -> None:
        """Puts it in the place of what was there, all at once.

        The file has a name of its own, and the one before is removed: to replace that would make
        some file systems write all of this one to the disk first.
        """
        file = workspace / JOB / f"resume-{self.done + len(self.ended):08}"
        kept = {
            "format": _FORMAT, "job": self.job, "done": self.done, "ended": list(self.ended),
            "workflow": self.workflow, "states": dict(self.states),
        }  # fmt: skip
        model = None if self.model is None else dict(self.model)
        try:
            codec.write({**kept, "model": model}, file)
        except TypeError:  # then it is where its persistor has put it
            codec.write({**kept, "model": None}, file)
        forget(workspace, but=file)

    def restore(self, parts: ServerParts, ctx: FLContext) -> ServerParts:
        """The parts, as they were: without the workflows that are over.

        Raises:
            errors.NothingToResume: the workflow that was not over is not there, or none is left.

        """
        from dataclasses import replace

        left = [each for each in parts.workflows if each[0] not in self.ended]
        if not left or (self.workflow and left[0][0] != self.workflow):
            raise errors.NothingToResume(self.job, "its workflows have all ended, or are others")
        for name, part in (*parts.components.items(), *left):
            if name in self.states:
                part.restore(self.states[name], ctx)
            if self.model is not None and isinstance(part, LearnablePersistor):
                _let_load(part, ModelLearnable(self.model))
        return replace(parts, workflows=left)


def there(workspace: Path) -> bool:
    """Whether a round of a run is kept there."""
    return bool(_files(workspace))


def forget(workspace: Path, but: Path | None = None) -> None:
    """Removes what was kept there, and what was being written when a run was killed."""
    for each in (workspace / JOB).glob("resume-*"):
        if each != but:
            each.unlink()


def _files(workspace: Path) -> list[Path]:
    """What is kept there; of two, which a run that was killed may leave, the last is newer."""
    return sorted((workspace / JOB).glob("resume-????????"))


class Keeper(FLComponent):
    """Keeps how far a run is: after each round, as soon as its model is where it belongs."""

    def __init__(self, workspace: Path, parts: ServerParts, kept: Kept) -> None:
        super().__init__()
        self._workspace = workspace
        self._parts = parts
        self._kept = kept
        self._next: Kept | None = None
        self.register_event_handler(AppEventType.ROUND_DONE, self._round_done)
        self.register_event_handler(
            [AppEventType.ROUND_STARTED, EventType.END_WORKFLOW], self._write
        )

    def _round_done(self, _event: str, fl_ctx: FLContext) -> None:
        """The states are taken now, and written when the model is."""
        name = str(fl_ctx.get_prop(FLContextKey.WORKFLOW))
        states = {
            key: state
            for key, part in (*self._parts.components.items(), *self._parts.workflows)
            if (state := _state_of(part, fl_ctx))
        }
        self._next = Kept(
            job=self._kept.job,
            done=self._kept.done + 1,
            ended=self._kept.ended,
            workflow=name,
            states=states,
            model=fl_ctx.get_prop(AppConstants.GLOBAL_MODEL),
        )

    def _write(self, event: str, fl_ctx: FLContext) -> None:
        if event == EventType.END_WORKFLOW:
            kept = self._next or self._kept
            name = str(fl_ctx.get_prop(FLContextKey.WORKFLOW))
            self._next = Kept(
                job=kept.job, done=kept.done, ended=(*kept.ended, name), states=kept.states,
                model=kept.model,
            )  # fmt: skip
        if self._next is not None:
            self._kept, self._next = self._next, None
            self._kept.write(self._workspace)


def _let_load(persistor: LearnablePersistor, model: Learnable) -> None:
    """Has it load this, once: what it finds by itself may be of another round."""
    found = persistor.load

    def load(fl_ctx: FLContext) -> Learnable:
        found(fl_ctx)
        persistor.load = found  # type: ignore[method-assign]  # as it was
        return model

    persistor.load = load  # type: ignore[method-assign]  # of this one, and once


def _state_of(part: object, ctx: FLContext) -> dict[str, Any]:
    state = part.get_persist_state(ctx) if isinstance(part, FLComponent) else {}
    return dict(state)
