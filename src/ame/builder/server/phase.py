"""The server's part of a plan in the MapReduce form: one graph, whose variables hold all.

It is run so. In one session: `phase_init_op`; for each update `read_update`, then
`aggregate_into_accumulators_op`; `write_intermediate_update`. In another, which begins with
`phase_init_op` too: for each of those `read_intermediate_update`, then
`intermediate_aggregate_into_accumulators_op`; `apply_aggregrated_updates_op`, which adds the noise
and moves the state; the metrics; and the savepoint. `write_client_init` makes the clients'
checkpoint from a state that was restored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder import process
from ame.builder.server import points, state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ame.builder.server.learning import Learning
    from ame.builder.server.state import Node, Nodes
    from ame.protocol.pb import plan as pb

METRICS: Final = "metrics/"


def build(learning: Learning, plan: pb.Plan) -> None:
    """Adds to a plan the graph and its savepoint, and to its first phase what is in the graph."""
    with tf.Graph().as_default() as graph:
        held = {
            state.PREFIX + slot.name: points.variable(
                state.PREFIX + slot.name, slot.dtype, slot.shape
            )
            for slot in learning.slots()
        }
        told = {
            METRICS + stat: points.variable(METRICS + stat, dtype, [])
            for stat, dtype in learning.stats().items()
        }
        plan.server_savepoint.CopyFrom(points.point("server_savepoint", held, beside=told))
        plan.server_savepoint.before_restore_op = points.cleared(
            [*held.values(), *told.values()], "initialize_server_state_and_non_state_vars"
        )
        phase = plan.phase[0].server_phase
        _send(learning, phase, held)
        sums = _add(learning.process, phase)
        _apply(learning, phase, held=held, told=told, sums=sums)
    points.pack(plan.server_graph_bytes, graph)


def _send(learning: Learning, phase: pb.ServerPhase, held: Nodes) -> None:
    """What clients begin with."""
    sent = _variables((each.name, each) for each in learning.process.sent.all)
    token = tf.compat.v1.placeholder_with_default(b"", [], name="write_client_session_token")
    phase.write_client_init.CopyFrom(points.point("client_savepoint", sent))
    phase.write_client_init.session_token_tensor_name = token.name
    values = learning.sent(_values(held, state.PREFIX))
    phase.write_client_init.before_save_op = points.assigned(sent, values, "send")


def _add(agreed: process.Process, phase: pb.ServerPhase) -> dict[str, Node]:
    """Sums of updates, and sums of such sums; the variables of these by the names of updates."""
    forms = agreed.update.all
    update = _variables((each.name, each) for each in forms)
    part = _variables((process.summed(each.name, daf=False), each) for each in forms)
    whole = _variables(
        (name.replace("intermediate", "aggregated", 1), each)
        for name, each in zip(part, forms, strict=True)
    )
    phase.phase_init_op = points.cleared([*part.values(), *whole.values()], "initialize_sums")
    phase.read_update.CopyFrom(points.point("update_savepoint", update))
    phase.read_update.before_restore_op = points.cleared(update.values(), "initialize_update_vars")
    phase.aggregate_into_accumulators_op = _added(update, part, "accumulate")
    between = points.point("intermediate_update_savepoint", part)
    phase.write_intermediate_update.CopyFrom(between)
    phase.read_intermediate_update.CopyFrom(between)
    phase.intermediate_aggregate_into_accumulators_op = _added(part, whole, "merge")
    phase.write_accumulators.CopyFrom(points.point("aggregated_update_savepoint", whole))
    aside = phase.read_aggregated_update
    aside.before_restore_op = points.operation([], "before_aggregated_update")
    aside.after_restore_op = points.operation([], "after_aggregated_update")
    return dict(zip(update, whole.values(), strict=True))


def _apply(
    learning: Learning, phase: pb.ServerPhase, *, held: Nodes, told: Nodes, sums: Nodes
) -> None:
    """The round: the state moves, and the metrics are told."""
    before = _values(held, state.PREFIX)
    after = learning.apply(before, _values(sums))
    values = {
        state.PREFIX + name: each for name, each in after.held.items() if each is not before[name]
    }
    values |= {METRICS + stat: each for stat, each in after.metrics.items()}
    variables = {**held, **told}
    phase.apply_aggregrated_updates_op = points.assigned(
        {name: variables[name] for name in values}, values, "apply"
    )
    for name, each in told.items():
        stat = state.PREFIX + name.removeprefix(METRICS)
        metric = tf.identity(each.read_value(), name=f"told/{stat}")
        phase.metrics.add(variable_name=metric.name, stat_name=stat)


def _variables(forms: Iterable[tuple[str, process.Form]]) -> dict[str, Node]:
    return {name: points.variable(name, each.dtype, each.shape) for name, each in forms}


def _values(variables: Nodes, prefix: str = "") -> dict[str, Node]:
    """What variables hold, by their names without a prefix."""
    return {name.removeprefix(prefix): each.read_value() for name, each in variables.items()}


def _added(parts: Nodes, sums: Nodes, name: str) -> str:
    """Adds variables to others, which are in the same order."""
    added = zip(sums.values(), parts.values(), strict=True)
    return points.operation(
        [total.assign_add(part, read_value=False) for total, part in added], name
    )
