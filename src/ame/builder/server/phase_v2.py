"""The server's part of a plan in the DAF form: two graphs without variables, and sums between them.

The first graph makes of a state what clients begin with, and what is kept for the second. What
clients send is added up by the server itself, as the phase says for each tensor. The second graph
makes of what was kept and of the sums the next state, with noise, and the metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder import process
from ame.builder.server import points, state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ame.builder.server.learning import Learning
    from ame.builder.server.state import Node
    from ame.protocol.pb import plan as pb
    from ame.protocol.pb import struct

KEPT: Final = "intermediate_state/"


def build(learning: Learning, plan: pb.Plan) -> None:
    """Adds to a plan both graphs, and to its first phase what is in them."""
    phase = plan.phase[0].server_phase_v2
    with tf.Graph().as_default() as graph:
        _prepare(learning, phase)
    points.pack(plan.server_graph_prepare_bytes, graph)
    with tf.Graph().as_default() as graph:
        _result(learning, phase)
    points.pack(plan.server_graph_result_bytes, graph)
    for each in learning.process.update.all:
        added = phase.aggregations.add(intrinsic_uri="federated_sum")
        given, made = added.intrinsic_args.add().input_tensor, added.output_tensors.add()
        _describe(given, each.name, each.dtype, each.shape)
        _describe(made, process.summed(each.name, daf=True), each.dtype, each.shape)


def _prepare(learning: Learning, phase: pb.ServerPhaseV2) -> None:
    given = _path("server_state_input_filepath")
    client = _path("server_prepare_output_filepath")
    kept = _path("server_intermediate_state_output_filepath")
    held = _restored(given, learning, state.PREFIX)
    router, spec = phase.prepare_router, phase.tensorflow_spec_prepare
    router.prepare_server_state_input_filepath_tensor_name = given.name
    router.prepare_output_filepath_tensor_name = client.name
    router.prepare_intermediate_state_output_filepath_tensor_name = kept.name
    _inputs(spec, [given, client, kept])
    values = {KEPT + name: each for name, each in held.items()}
    points.saved(client, learning.sent(held), "save_prepared_values_tensors")
    points.saved(kept, values, "save_intermediate_state_values_tensors")
    spec.target_node_names.extend(
        ["save_prepared_values_tensors", "save_intermediate_state_values_tensors"]
    )


def _result(learning: Learning, phase: pb.ServerPhaseV2) -> None:
    kept = _path("server_intermediate_state_input_filepath")
    added = _path("aggregate_result_input_filepath")
    after = _path("server_state_output_filepath")
    forms = learning.process.update.all
    dtypes = {process.summed(each.name, daf=True): each.dtype for each in forms}
    found = points.restored(added, dtypes, "read_sums")
    sums = {
        each.name: tf.ensure_shape(found[process.summed(each.name, daf=True)], each.shape)
        for each in forms
    }
    made = learning.apply(_restored(kept, learning, KEPT), sums)
    router, spec = phase.result_router, phase.tensorflow_spec_result
    router.result_intermediate_state_input_filepath_tensor_name = kept.name
    router.result_aggregate_result_input_filepath_tensor_name = added.name
    router.result_server_state_output_filepath_tensor_name = after.name
    _inputs(spec, [kept, added, after])
    values = {state.PREFIX + name: each for name, each in made.held.items()}
    points.saved(after, values, "save_server_state_tensors")
    spec.target_node_names.append("save_server_state_tensors")
    for stat, dtype in learning.stats().items():
        metric = tf.identity(made.metrics[stat], name=state.PREFIX + stat)
        _describe(spec.output_tensor_specs.add(), metric.name, dtype, ())


def _restored(path: Node, learning: Learning, prefix: str) -> dict[str, Node]:
    """The state, from a checkpoint."""
    slots = learning.slots()
    found = points.restored(path, {prefix + slot.name: slot.dtype for slot in slots}, "read_state")
    return {slot.name: tf.ensure_shape(found[prefix + slot.name], slot.shape) for slot in slots}


def _path(name: str) -> Node:
    return tf.compat.v1.placeholder(tf.string, [], name=name)


def _inputs(spec: pb.TensorflowSpec, paths: Iterable[Node]) -> None:
    for each in paths:
        _describe(spec.input_tensor_specs.add(), each.name, "string", ())


def _describe(spec: struct.TensorSpecProto, name: str, dtype: str, shape: tuple[int, ...]) -> None:
    spec.name, spec.dtype = name, tf.as_dtype(dtype).as_datatype_enum
    spec.shape.SetInParent()
    for size in shape:
        spec.shape.dim.add(size=size)
