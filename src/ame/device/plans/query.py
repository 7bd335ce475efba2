"""Plans that ask for examples and nothing more. No TensorFlow is needed.

Each query reads the features that it names from the examples of its selector; their values, one
example after another, are a vector of the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from google.protobuf.message import DecodeError

from ame import errors
from ame.protocol.pb import example as tf
from ame.protocol.pb import plan as pb
from ame.protocol.tensors import Array, checkpoint

if TYPE_CHECKING:
    from ame.device.examples import Examples

Spec = pb.ExampleQuerySpec.OutputVectorSpec
TYPES: Final[dict[int, tuple[str, Any]]] = {
    Spec.INT32: ("int64_list", np.int32),
    Spec.INT64: ("int64_list", np.int64),
    Spec.BOOL: ("int64_list", np.bool_),
    Spec.FLOAT: ("float_list", np.float32),
    Spec.DOUBLE: ("float_list", np.float64),
    Spec.BYTES: ("bytes_list", object),
    Spec.STRING: ("bytes_list", object),
}
"""Where the values of each data type stand in an example, and what they become."""


def run(phase: pb.ClientPhase, examples: Examples) -> bytes:
    """What the queries of a plan find, as a checkpoint.

    Raises:
        errors.PlanInvalid: a vector has no aggregation, or no type.
        errors.PlanUnsupported: a vector is to be aggregated securely.
        errors.ExamplesMissing: there are no such examples.
        errors.ExamplesTooFew: an example lacks a feature, or there is none.
    """
    found: dict[str, Array] = {}
    for query in phase.example_query_spec.example_queries:
        for name in query.output_vector_specs:
            _check(phase, name)
        for name, array in _vectors(query, examples).items():
            if name in found:
                raise errors.PlanInvalid(f"two queries make the vector {name}")
            found[name] = array
    return checkpoint.to_bytes(found)


def _check(phase: pb.ClientPhase, name: str) -> None:
    known = phase.federated_example_query.aggregations
    if name not in known:
        raise errors.PlanInvalid(f"the vector {name} has no aggregation")
    if known[name].WhichOneof("protocol_config") != "tf_v1_checkpoint_aggregation":
        raise errors.PlanUnsupported(f"another aggregation of {name} than by checkpoints")


def _vectors(query: pb.ExampleQuerySpec.ExampleQuery, examples: Examples) -> dict[str, Array]:
    specs = dict(query.output_vector_specs)
    for name, spec in specs.items():
        if spec.data_type not in TYPES:
            raise errors.PlanInvalid(f"the vector {name} has no type")
    values: dict[str, list[Any]] = {name: [] for name in specs}
    uri = query.example_selector.collection_uri
    count = 0
    for data in examples.select(query.example_selector):
        try:
            feature = tf.Example.FromString(data).features.feature
        except DecodeError as error:
            raise errors.PlanFailed(f"an example of `{uri}` cannot be read: {error}") from None
        for name, spec in specs.items():
            if spec.vector_name not in feature:
                raise errors.ExamplesTooFew(f"{uri} with {spec.vector_name}")
            values[name] += getattr(feature[spec.vector_name], TYPES[spec.data_type][0]).value
        count += 1
    if not count:
        raise errors.ExamplesTooFew(uri)
    return {name: np.array(values[name], TYPES[spec.data_type][1]) for name, spec in specs.items()}
