"""A plan's server part of version 1: updates are accumulated by a graph, which applies their sum.

Devices' updates are accumulated in one session. At the end that session writes an intermediate
update, which another session merges into the server's newest state: so a round may be folded while
the state moves on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ame import errors
from ame.protocol.tensors import checkpoint
from ame.server.recipes.expected import Expected, Form, form
from ame.server.recipes.graphs import Graph
from ame.server.recipes.recipe import Made, Taken, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ame.protocol.pb import plan as pb
    from ame.server.recipes.graphs import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPhase:
    """A recipe; it promises what `Recipe` does."""

    phase: pb.ServerPhase
    savepoint: pb.CheckpointOp
    graph: Graph
    expected: Expected
    evaluates: bool

    @classmethod
    def of(
        cls, plan: pb.Plan, *, evaluates: bool = False, norm: float | None = None
    ) -> ServerPhase:
        """The recipe of a plan.

        Raises:
            errors.ExtraMissing: there is no TensorFlow.
            errors.RecipeInvalid: the plan is not complete.
        """
        phase = plan.phase[0].server_phase
        graph = Graph(plan.server_graph_bytes, plan.tensorflow_config_proto)
        graph.check(list(_names(phase, plan.server_savepoint)))
        read = phase.read_update
        forms = graph.restored(read.saver_def.restore_op_name)
        forms |= {name: _beside(each) for name, each in read.side_channel_tensors.items()}
        if phase.read_aggregated_update.side_channel_tensors:
            raise errors.RecipeInvalid("plan", "it asks for secure aggregation: it is not served")
        if not forms:
            raise errors.RecipeInvalid("plan", "its graph does not tell what it reads of an update")
        return cls(
            phase=phase,
            savepoint=plan.server_savepoint,
            graph=graph,
            expected=Expected(forms=forms, norm=norm),
            evaluates=evaluates,
        )

    @property
    def halves(self) -> bool:
        """Whether there is an intermediate update, to be merged before anything is applied."""
        phase = self.phase
        return phase.HasField("write_intermediate_update") and bool(
            phase.intermediate_aggregate_into_accumulators_op
        )

    def take(self, upload: bytes) -> Taken:
        read = self.expected.read(upload)
        return Taken(tensors=read.tensors, weight=1.0, size=read.size)

    def start(self, state: bytes) -> bytes:
        if not self.phase.HasField("write_client_init"):
            return state
        with self.graph.session() as session:
            self.begin(session, state)
            return session.save(self.phase.write_client_init)

    def fold(self, state: bytes) -> Accumulated:
        session = self.graph.begin()
        self.begin(session, state)
        return Accumulated(self, session)

    def begin(self, session: Session, state: bytes) -> None:
        """Restores the server's state, and empties the accumulators."""
        session.restore(self.savepoint, state, {})
        if self.phase.phase_init_op:
            session.run([self.phase.phase_init_op])


class Accumulated:
    """A folding; it promises what `Folding` does."""

    def __init__(self, recipe: ServerPhase, session: Session) -> None:
        self._recipe = recipe
        self._session = session
        self._count = 0

    def add(self, taken: Taken) -> None:
        phase = self._recipe.phase
        content = checkpoint.to_bytes(taken.tensors)
        self._session.restore(phase.read_update, content, taken.tensors)
        self._session.run([phase.aggregate_into_accumulators_op])
        self._count += 1

    def made(self, newest: bytes) -> Made:
        if not self._count:
            raise errors.RoundEmpty("no device contributed")
        recipe, phase = self._recipe, self._recipe.phase
        if not recipe.halves:
            self._session.restore(recipe.savepoint, newest, {})
            return self._applied(self._session, newest)
        half = self._session.save(phase.write_intermediate_update)
        with recipe.graph.session() as session:
            recipe.begin(session, newest)
            session.restore(phase.read_intermediate_update, half, {})
            session.run([phase.intermediate_aggregate_into_accumulators_op])
            return self._applied(session, newest)

    def _applied(self, session: Session, newest: bytes) -> Made:
        recipe, phase = self._recipe, self._recipe.phase
        if phase.apply_aggregrated_updates_op:
            session.run([phase.apply_aggregrated_updates_op])
        values = session.run([each.variable_name for each in phase.metrics])
        names = [each.stat_name or each.variable_name for each in phase.metrics]
        state = newest if recipe.evaluates else session.save(recipe.savepoint)
        return Made(state=state, metrics=told(dict(zip(names, values, strict=True))))


def _names(phase: pb.ServerPhase, savepoint: pb.CheckpointOp) -> Iterator[str]:
    """The names in the graph that a plan gives."""
    yield phase.aggregate_into_accumulators_op
    yield from filter(
        None,
        (
            phase.phase_init_op,
            phase.apply_aggregrated_updates_op,
            phase.intermediate_aggregate_into_accumulators_op,
        ),
    )
    yield from (each.variable_name for each in phase.metrics)
    points = (
        phase.read_update,
        phase.write_client_init,
        phase.write_intermediate_update,
        phase.read_intermediate_update,
        savepoint,
    )
    for op in points:
        saver = op.saver_def
        yield from filter(
            None,
            (
                saver.filename_tensor_name,
                saver.save_tensor_name,
                saver.restore_op_name,
                op.before_restore_op,
                op.after_restore_op,
                op.before_save_op,
                op.after_save_op,
                op.session_token_tensor_name,
                *(channel.restore_name for channel in op.side_channel_tensors.values()),
            ),
        )


def _beside(channel: pb.SideChannel) -> Form:
    """What comes by a side channel."""
    aggregand = channel.secure_aggregand
    shape = tuple(each.size for each in aggregand.dimension)
    return Form(dtype=form(aggregand.dtype, None).dtype, shape=shape)
