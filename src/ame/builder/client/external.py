"""The operation by which a client's graph asks a device for examples.

Devices have it; TensorFlow does not, and refuses graphs with operations that it does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

if TYPE_CHECKING:
    from ame.builder.model.model import Node

NAME: Final = "ExternalDataset"
DEFINED: Final = """
name: 'ExternalDataset' is_stateful: true
input_arg: { name: 'token' type: DT_STRING } input_arg: { name: 'selector' type: DT_STRING }
output_arg: { name: 'handle' type: DT_VARIANT }
"""


def register() -> None:
    """Makes the operation known to TensorFlow, unless it is: a second time ends the process."""
    from tensorflow.lite.python import convert  # type: ignore[import-untyped]  # the same

    definition = tf.compat.v1.GraphDef()
    definition.node.add(name="token", op="Placeholder").attr[
        "dtype"
    ].type = tf.string.as_datatype_enum
    definition.node.add(name="asked", op=NAME, input=["token", "token"])
    try:
        with tf.Graph().as_default():
            tf.graph_util.import_graph_def(definition)
    except (ValueError, tf.errors.NotFoundError):  # the one or the other, by the release
        convert.register_custom_opdefs([DEFINED])


def examples(token: Node, selector: bytes) -> tf.data.Dataset:
    """The serialized examples that a device selects."""
    graph = tf.compat.v1.get_default_graph()
    made = graph.create_op(NAME, [token, tf.constant(selector)], [tf.variant], name=NAME)
    return tf.data.experimental.from_variant(made.outputs[0], tf.TensorSpec((), tf.string))
