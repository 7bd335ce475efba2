"""What the protocol demands of a plan, held against its graphs."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ame.builder import process
from ame.protocol.pb import plan as pb
from ame.protocol.pb import saver
from ame.server.recipes.graphs import tensorflow

POINTS = (
    "read_update",
    "write_client_init",
    "write_intermediate_update",
    "read_intermediate_update",
    "write_accumulators",
)
OPERATIONS = (
    "phase_init_op",
    "aggregate_into_accumulators_op",
    "intermediate_aggregate_into_accumulators_op",
    "apply_aggregrated_updates_op",
)


def met(plan: pb.Plan, agreed: process.Process) -> None:
    """The server's part has all that it names, in the types that clients agreed to."""
    [phase] = plan.phase
    assert plan.version == 1
    if phase.HasField("server_phase_v2"):
        _sums(plan, phase.server_phase_v2, agreed)
    else:
        _variables(plan, phase.server_phase, agreed)


def _variables(plan: pb.Plan, phase: pb.ServerPhase, agreed: process.Process) -> None:
    graph = _graph(plan.server_graph_bytes.value)
    for name in OPERATIONS:
        graph.get_operation_by_name(getattr(phase, name))
    for point in (plan.server_savepoint, *(getattr(phase, name) for name in POINTS)):
        said = point.saver_def
        assert said.version == saver.SaverDef.V1
        _path(graph, said.filename_tensor_name)
        assert graph.get_tensor_by_name(said.save_tensor_name).dtype.name == "string"
        graph.get_operation_by_name(said.restore_op_name)
        for name in (point.before_restore_op, point.before_save_op):
            assert not name or graph.get_operation_by_name(name)
    _path(graph, phase.write_client_init.session_token_tensor_name)
    dtypes = {each.name: each.dtype for each in agreed.update.all}
    assert _read(graph, phase.read_update.saver_def.restore_op_name) == dtypes
    sent = phase.write_client_init.saver_def.save_tensor_name.partition(":")[0]
    assert _saved(graph, sent) == {each.name: each.dtype for each in agreed.sent.all}
    for metric in phase.metrics:
        tensor = graph.get_tensor_by_name(metric.variable_name)
        assert tensor.shape == []
        assert tensor.dtype.is_floating or tensor.dtype.is_integer
        assert metric.stat_name.startswith("server/")


def _sums(plan: pb.Plan, phase: pb.ServerPhaseV2, agreed: process.Process) -> None:
    prepare = _graph(plan.server_graph_prepare_bytes.value)
    result = _graph(plan.server_graph_result_bytes.value)
    for graph, spec, router in (
        (prepare, phase.tensorflow_spec_prepare, phase.prepare_router),
        (result, phase.tensorflow_spec_result, phase.result_router),
    ):
        named = {value for _, value in router.ListFields()}
        assert named == {each.name for each in spec.input_tensor_specs}
        assert len(named) == 3
        for each in named:
            _path(graph, each)
        for name in spec.target_node_names:
            graph.get_operation_by_name(name)
        for each in spec.output_tensor_specs:
            tensor = graph.get_tensor_by_name(each.name)
            assert tensor.dtype.as_datatype_enum == each.dtype
            assert tensor.shape == []
    sent = _saved(prepare, phase.tensorflow_spec_prepare.target_node_names[0])
    assert sent == {each.name: each.dtype for each in agreed.sent.all}
    kept = _saved(prepare, phase.tensorflow_spec_prepare.target_node_names[1])
    added = {}
    forms = {each.name: each for each in agreed.update.all}
    assert len(phase.aggregations) == len(forms)
    for each in phase.aggregations:
        [given], [made] = each.intrinsic_args, each.output_tensors
        form = forms[given.input_tensor.name]
        assert each.intrinsic_uri == "federated_sum"
        assert tuple(dim.size for dim in given.input_tensor.shape.dim) == form.shape
        assert given.input_tensor.dtype == made.dtype
        added[made.name] = form.dtype
    spec = phase.tensorflow_spec_result
    ends = [*spec.target_node_names, *(each.name for each in spec.output_tensor_specs)]
    assert _read(result, *ends) == {**kept, **added}


def _graph(content: bytes) -> Any:
    tf = tensorflow()
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString(content), name="")
    return graph


def _path(graph: Any, name: str) -> None:
    """There is a text that can be fed."""
    tensor = graph.get_tensor_by_name(name)
    assert tensor.dtype.name == "string"
    assert tensor.shape == []
    assert tensor.op.type in {"Placeholder", "PlaceholderWithDefault"}


def _saved(graph: Any, name: str) -> dict[str, str]:
    """The types of what is saved before an operation, by their names in the file."""
    [save] = [each for each in _before(graph, name) if each.type == "SaveSlices"]
    return {
        key: tensor.dtype.name
        for key, tensor in zip(_texts(save.inputs[1]), save.inputs[3:], strict=True)
    }


def _read(graph: Any, *names: str) -> dict[str, str]:
    """The types of what is restored before operations, by their names in the file."""
    return {
        key: tensor.dtype.name
        for each in _before(graph, *names)
        if each.type == "RestoreV2"
        for key, tensor in zip(_texts(each.inputs[1]), each.outputs, strict=True)
    }


def _before(graph: Any, *names: str) -> Iterable[Any]:
    waiting = [graph.get_operation_by_name(name.partition(":")[0]) for name in names]
    seen = {}
    while waiting:
        each = waiting.pop()
        if each.name not in seen:
            seen[each.name] = each
            waiting += [*each.control_inputs, *(tensor.op for tensor in each.inputs)]
    return seen.values()


def _texts(tensor: Any) -> list[str]:
    values = tensorflow().make_ndarray(tensor.op.get_attr("value"))
    return [each.decode() for each in np.atleast_1d(values)]
