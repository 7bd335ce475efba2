"""A plan and the checkpoint that a task begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ame.builder.server import phase, phase_v2, state
from ame.protocol.pb import plan as pb

if TYPE_CHECKING:
    from ame.builder.server.learning import Learning


def build(learning: Learning, client: pb.ClientPhase, flat: bytes, *, daf: bool) -> pb.Plan:
    """A plan of one phase, whose server's part is in the DAF form or in the MapReduce form.

    `flat`: the client's graph as a flatbuffer.
    """
    plan = pb.Plan(version=1, client_tflite_graph_bytes=flat)
    plan.phase.add().client_phase.CopyFrom(client)
    (phase_v2 if daf else phase).build(learning, plan)
    return plan


def checkpoint(learning: Learning) -> bytes:
    """What a task begins with: a model that is to be trained, or nothing yet."""
    return state.first(learning.slots(), blank=learning.process.evaluates)
