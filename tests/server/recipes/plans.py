"""Plans with small server parts, built with TensorFlow. Their names are of no convention."""

from collections.abc import Callable
from typing import Any

from ame.protocol.pb import plan as pb
from ame.protocol.pb import types
from ame.server.recipes.graphs import tensorflow

FLOAT = types.DT_FLOAT


def version_1(*, halves: bool = True, size: int = 3) -> pb.Plan:
    """The state `x` of `size` numbers moves by the mean of the updates `dx`, times `rate`.

    Of updates the loss and the number of examples are summed too; the metric is their quotient.
    Without `halves` there is no intermediate update.
    """
    tf = tensorflow()
    v1 = tf.compat.v1
    graph = tf.Graph()
    with graph.as_default():

        def variable(name: str, shape: list[int]) -> Any:
            return v1.get_variable(
                name, shape, tf.float32, v1.zeros_initializer(), use_resource=True
            )

        state = {name: variable(name, [size] if name == "x" else []) for name in ("x", "rate")}
        told = variable("told/loss", [])
        client = variable("sent/x", [size])
        shapes = {"dx": [size], "loss": [], "examples": []}
        update, sums, merged = (
            {name: variable(f"{kind}/{name}", shape) for name, shape in shapes.items()}
            for kind in ("read", "sum", "all")
        )
        counts = {kind: variable(f"{kind}/count", []) for kind in ("sum", "all")}
        sums["count"], merged["count"] = counts["sum"], counts["all"]

        def point(of: dict[str, Any], name: str) -> pb.CheckpointOp:
            saver = v1.train.Saver(of, name=name, write_version=v1.train.SaverDef.V1)
            return pb.CheckpointOp(
                saver_def=type(pb.CheckpointOp().saver_def).FromString(
                    saver.as_saver_def().SerializeToString()
                )
            )

        def ops(name: str, *made: Any) -> str:
            return str(tf.group(*made, name=name).name)

        phase = pb.ServerPhase(name="phase")
        all_vars = [*sums.values(), *merged.values(), told]
        phase.phase_init_op = ops("empty", *[v.initializer for v in all_vars])
        phase.read_update.CopyFrom(point({f"u/{n}": v for n, v in update.items()}, "pt/read"))
        phase.read_update.before_restore_op = ops(
            "blank", *[v.initializer for v in update.values()]
        )
        clipped = update["dx"].assign(tf.clip_by_value(update["dx"], -100.0, 100.0))
        phase.read_update.after_restore_op = ops("clip", clipped)
        phase.aggregate_into_accumulators_op = ops(
            "accumulate",
            *[sums[name].assign_add(update[name]) for name in shapes],
            sums["count"].assign_add(1.0),
        )
        phase.write_client_init.CopyFrom(point({"sent/x": client}, "pt/sent"))
        phase.write_client_init.before_save_op = ops("send", client.assign(state["x"]))
        token = v1.placeholder_with_default(tf.constant(""), [], name="some_token")
        phase.write_client_init.session_token_tensor_name = token.name
        last = sums
        if halves:
            half = point({f"half/{n}": v for n, v in sums.items()}, "pt/half")
            phase.write_intermediate_update.CopyFrom(half)
            phase.read_intermediate_update.CopyFrom(half)
            phase.intermediate_aggregate_into_accumulators_op = ops(
                "merge", *[merged[name].assign_add(sums[name]) for name in sums]
            )
            last = merged
        moved = state["x"].assign_add(state["rate"] * last["dx"] / last["count"])
        mean = told.assign(last["loss"] / last["examples"])
        phase.apply_aggregrated_updates_op = ops("apply", moved, mean)
        metric = tf.identity(told.read_value(), name="whatever")
        phase.metrics.add(variable_name=metric.name, stat_name="server/loss")
        plan = pb.Plan(version=1, phase=[pb.Plan.Phase(server_phase=phase)])
        plan.server_savepoint.CopyFrom(point(state, "pt/state"))
        plan.server_savepoint.before_restore_op = ops(
            "fresh", *[v.initializer for v in state.values()]
        )
    plan.server_graph_bytes.value = graph.as_graph_def().SerializeToString()
    return plan


Aggregation = pb.ServerAggregationConfig


def version_2(*, size: int = 3) -> pb.Plan:
    """The state `x` of `size` numbers moves by the mean of the updates `dx`, times `rate`.

    The sums are those of `dx`, and within that aggregation of the number of devices; a weighted
    mean of `loss` by `examples`; and a sum of `secret` modulo what the prepare graph says, 7.
    """
    plan = pb.Plan(version=1)
    phase = plan.phase.add().server_phase_v2
    outer = phase.aggregations.add(intrinsic_uri="federated_sum")
    _tensors(outer, {"update/dx": [size]}, {"sums/dx": [size]})
    inner = outer.inner_aggregations.add(intrinsic_uri="federated_sum")
    _tensors(inner, {"update/one": []}, {"sums/one": []})
    mean = phase.aggregations.add(intrinsic_uri="federated_weighted_mean")
    _tensors(mean, {"update/loss": [], "update/examples": []}, {"mean/loss": []})
    modular = phase.aggregations.add(intrinsic_uri="federated_secure_modular_sum")
    _tensors(modular, {"update/secret": []}, {"sums/secret": []}, kind=types.DT_INT32)
    modular.intrinsic_args.add().state_tensor.name = "kept/modulus"

    def prepare(tf: Any, read: Any, write: Any) -> None:
        x = read("given", ["x", "rate"], [tf.float32] * 2)
        write("client", "put_client", {"client/x": x[0]})
        kept = {"kept/x": x[0], "kept/rate": x[1], "kept/modulus": tf.constant(7)}
        write("held", "put_held", kept)

    def result(tf: Any, read: Any, write: Any) -> None:
        x, rate = read("held", ["kept/x", "kept/rate"], [tf.float32] * 2)
        names = ["sums/dx", "sums/one", "mean/loss", "sums/secret"]
        total, count, loss, secret = read("sums", names, [*[tf.float32] * 3, tf.int32])
        write(
            "state", "put_state", {"x": tf.reshape(x + rate * total / count, [size]), "rate": rate}
        )
        tf.identity(loss, name="metric/loss")
        tf.identity(secret, name="metric/secret")

    plan.server_graph_prepare_bytes.value = _graph(("given", "client", "held"), prepare)
    plan.server_graph_result_bytes.value = _graph(("held", "sums", "state"), result)
    router = phase.prepare_router
    router.prepare_server_state_input_filepath_tensor_name = "given:0"
    router.prepare_output_filepath_tensor_name = "client:0"
    router.prepare_intermediate_state_output_filepath_tensor_name = "held:0"
    phase.tensorflow_spec_prepare.target_node_names.extend(["put_client", "put_held"])
    back = phase.result_router
    back.result_intermediate_state_input_filepath_tensor_name = "held:0"
    back.result_aggregate_result_input_filepath_tensor_name = "sums:0"
    back.result_server_state_output_filepath_tensor_name = "state:0"
    phase.tensorflow_spec_result.target_node_names.append("put_state")
    for name in ("metric/loss:0", "metric/secret:0"):
        phase.tensorflow_spec_result.output_tensor_specs.add(name=name, dtype=FLOAT)
    return plan


def with_side_channel(content: bytes) -> bytes:
    """The graph of version 1, where `take_aside` makes what is fed to `aside` the update `dx`."""
    tf = tensorflow()
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString(content), name="")
        aside = tf.compat.v1.placeholder(tf.float32, [3], name="aside")
        read = graph.get_tensor_by_name("read/dx:0")
        tf.raw_ops.AssignVariableOp(resource=read, value=aside, name="take_aside")
    made: bytes = graph.as_graph_def().SerializeToString()
    return made


def _tensors(
    config: Aggregation,
    inputs: dict[str, list[int]],
    outputs: dict[str, list[int]],
    kind: types.DataType = FLOAT,
) -> None:
    for name, shape in inputs.items():
        spec = config.intrinsic_args.add().input_tensor
        spec.name, spec.dtype = name, kind
        spec.shape.SetInParent()
        for size in shape:
            spec.shape.dim.add(size=size)
    for name in outputs:
        config.output_tensors.add(name=name, dtype=kind)


def _graph(paths: tuple[str, ...], build: Callable[[Any, Any, Any], None]) -> bytes:
    """A graph with these paths as inputs, that reads and writes checkpoints."""
    tf = tensorflow()
    graph = tf.Graph()
    with graph.as_default():
        files = {name: tf.compat.v1.placeholder(tf.string, [], name=name) for name in paths}

        def read(path: str, names: list[str], dtypes: list[Any]) -> list[Any]:
            made: list[Any] = tf.raw_ops.RestoreV2(
                prefix=files[path],
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                dtypes=dtypes,
            )
            return made

        def write(path: str, name: str, tensors: dict[str, Any]) -> None:
            tf.raw_ops.SaveSlices(
                filename=files[path],
                tensor_names=list(tensors),
                shapes_and_slices=[""] * len(tensors),
                data=list(tensors.values()),
                name=name,
            )

        build(tf, read, write)
    content: bytes = graph.as_graph_def().SerializeToString()
    return content
