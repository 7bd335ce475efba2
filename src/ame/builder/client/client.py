"""The client's half of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder import process
from ame.builder.client import compact, flat, versions, work
from ame.protocol.pb import plan as pb

if TYPE_CHECKING:
    from ame.builder import config
    from ame.builder.model import Model

PATHS: Final = (f"{work.INPUT}:0", f"{work.OUTPUT}:0")
TOKEN: Final = f"{work.TOKEN}:0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What devices are given."""

    process: process.Process
    phase: pb.ClientPhase
    graph: bytes
    """For current TensorFlow."""
    flatbuffer: bytes
    """For phones."""

    def plan(self, *, with_graph: bool = False) -> pb.ClientOnlyPlan:
        """The plan; with the graph beside the flatbuffer, if that is wanted."""
        return pb.ClientOnlyPlan(
            phase=self.phase,
            tflite_graph=self.flatbuffer,
            graph=self.graph if with_graph else b"",
        )

    def minimum_version(self) -> str:
        """The first version of the devices' software that can run it.

        Raises:
            errors.OpsUnsupported: there is none.
        """
        return versions.minimum(flat.flex(self.flatbuffer))


def build(model: Model, settings: config.Settings, *, evaluates: bool = False) -> Client:
    """The client's half of the task that trains, or of the one that evaluates.

    Raises:
        errors.ConfigInvalid: the label is no label of the model.
        errors.GraphRefused: devices cannot be given its graph.
    """
    cohort = settings.evaluation.cohort if evaluates else settings.training
    selector = pb.ExampleSelector(collection_uri=cohort.selector)
    trainable, non_trainable = model.forms
    agreed = process.of(settings, trainable, non_trainable, evaluates=evaluates)
    part = work.Work(
        model=model, settings=settings, process=agreed, selector=selector.SerializeToString()
    )
    names = (work.TOKEN, work.INPUT, work.OUTPUT, work.TARGET)
    graph = compact.compacted(part.graph(), names)
    return Client(
        process=agreed,
        phase=_phase(selector),
        graph=graph.SerializeToString(deterministic=True),
        flatbuffer=flat.converted(graph, (TOKEN, *PATHS), work.TARGET),
    )


def _phase(selector: pb.ExampleSelector) -> pb.ClientPhase:
    phase = pb.ClientPhase()
    spec = phase.tensorflow_spec
    spec.dataset_token_tensor_name = TOKEN
    for name in PATHS:
        each = spec.input_tensor_specs.add(name=name, dtype=tf.string.as_datatype_enum)
        each.shape.SetInParent()
    spec.target_node_names.append(work.TARGET)
    spec.example_selector.CopyFrom(selector)
    phase.federated_compute.input_filepath_tensor_name = PATHS[0]
    phase.federated_compute.output_filepath_tensor_name = PATHS[1]
    return phase
