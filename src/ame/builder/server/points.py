"""Variables of a server's graph, and where they are saved to files and restored from them.

Files are version 1 checkpoints. Operations have the names that TensorFlow's `Saver` gives them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.protocol.pb import plan as pb
from ame.protocol.pb import saver

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ame.builder.server.state import Node, Nodes


def pack(place: Any, graph: Any) -> None:  # noqa: ANN401 - a message and a graph, without types
    """Writes a graph into a field of a plan."""
    content = graph.as_graph_def().SerializeToString(deterministic=True)
    place.type_url, place.value = "type.googleapis.com/tensorflow.GraphDef", content


def variable(name: str, dtype: str, shape: Iterable[int | None]) -> Node:
    """A variable that is initialized to zeros, or to empty texts."""
    form = tf.TensorShape(shape)
    blank = tf.zeros([size or 0 for size in form], tf.as_dtype(dtype))
    return tf.Variable(blank, shape=form, trainable=False, name=name)


def cleared(variables: Iterable[Node], name: str) -> str:
    """The operation that initializes variables."""
    return operation([each.initializer for each in variables], name)


def assigned(variables: Nodes, values: Nodes, name: str) -> str:
    """The operation that gives variables their values.

    None is given before all have been computed: a value may be made of what another replaces.
    """
    with tf.control_dependencies([values[key] for key in variables]):
        return operation(
            [each.assign(values[key], read_value=False) for key, each in variables.items()], name
        )


def operation(parts: Iterable[Node], name: str) -> str:
    """One operation that runs all of these; with none it does nothing."""
    return str(tf.group(*parts, name=name).name)


def saved(path: Node, tensors: Nodes, name: str) -> Node:
    """Writes a checkpoint; the operation."""
    names = sorted(tensors)
    return tf.raw_ops.SaveSlices(
        filename=path,
        tensor_names=names,
        shapes_and_slices=[""] * len(names),
        data=[tensors[each] for each in names],
        name=name,
    )


def restored(path: Node, dtypes: Mapping[str, str], name: str) -> dict[str, Node]:
    """The tensors of a checkpoint; their shapes are not known."""
    names = sorted(dtypes)
    found = tf.raw_ops.RestoreV2(
        prefix=path,
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        dtypes=[tf.as_dtype(dtypes[each]) for each in names],
        name=name,
    )
    return dict(zip(names, found, strict=True))


def point(name: str, variables: Nodes, *, beside: Nodes | None = None) -> pb.CheckpointOp:
    """Where variables are saved and restored, by their names in the file.

    `beside`: what is saved with them and never restored.
    """
    v1 = tf.compat.v1
    told = v1.placeholder_with_default("model", [], name=f"{name}/filename")
    path = v1.placeholder_with_default(told, [], name=f"{name}/Const")
    save = f"save_{name}" if beside else name
    with tf.control_dependencies([saved(path, {**variables, **(beside or {})}, f"{save}/save")]):
        done = tf.identity(path, name=f"{save}/control_dependency")
    dtypes = {key: each.dtype.name for key, each in variables.items()}
    found = restored(path, dtypes, f"{name}/RestoreV2")
    back = [each.assign(found[key], read_value=False) for key, each in variables.items()]
    return pb.CheckpointOp(
        saver_def=saver.SaverDef(
            filename_tensor_name=path.name,
            save_tensor_name=done.name,
            restore_op_name=operation(back, f"{name}/restore_all"),
            max_to_keep=5,
            keep_checkpoint_every_n_hours=10_000,
            version=saver.SaverDef.V1,
        )
    )
