"""Which recipe a task asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.message import DecodeError, Message

from ame import errors
from ame.protocol.pb import plan as pb
from ame.server.recipes import keys, sums

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.server.recipes.recipe import Recipe

BESIDE = frozenset({"norm"})
"""Keys that may stand beside a plan that says itself how to aggregate."""


def opened(
    declared: Mapping[str, Any],
    *,
    state: bytes,
    plan: bytes = b"",
    client_plan: bytes = b"",
    evaluates: bool = False,
) -> Recipe:
    """The recipe of a task: its plan's server part; or what the task declares; or, where it
    declares nothing, what its client phase declares; or else a plain mean.

    Args:
        declared: the aggregation of the task, as it was written.
        state: the first server checkpoint.
        plan: a `Plan`, if the task has one.
        client_plan: the `ClientOnlyPlan`.
        evaluates: the task makes metrics only.

    Raises:
        errors.ExtraMissing: the plan has a server part, and there is no TensorFlow.
        errors.RecipeInvalid: a key is unknown, or a value cannot be; or the plan is not complete.
        errors.TensorsMalformed: the checkpoint is none.
    """
    read = keys.read(declared)
    whole, clients = _parsed(pb.Plan, plan), _parsed(pb.ClientOnlyPlan, client_plan)
    phase = whole.phase[0] if whole.phase else pb.Plan.Phase()
    if plan:
        _check(whole, phase)
    if phase.HasField("server_phase") or phase.HasField("server_phase_v2"):
        for key in declared:
            if key not in BESIDE:
                why = "the plan's server part aggregates: leave it out"
                raise errors.RecipeInvalid(key, why)
        return _server_part(whole, evaluates=evaluates, norm=read.norm)
    if not declared.keys() - BESIDE:
        client = phase.client_phase
        if not sums.declarations(client):
            client = clients.phase
        if sums.declarations(client):
            return sums.Sums.of(client, state, evaluates=evaluates, norm=read.norm)
    return read.bind(state, evaluates=evaluates)


M = TypeVar("M", bound=Message)


def _parsed(kind: type[M], content: bytes) -> M:
    try:
        return kind.FromString(content)
    except DecodeError:
        who = "the server" if kind is pb.Plan else "devices"
        why = f"what was given as the plan of {who} is no {kind.DESCRIPTOR.name}"
        raise errors.RecipeInvalid("plan", why) from None


def _check(plan: pb.Plan, phase: pb.Plan.Phase) -> None:
    """Nothing that a plan asks of the server is passed over."""
    if not plan.phase:
        why = "it has no phase: give the whole Plan, of which devices get the ClientOnlyPlan"
        raise errors.RecipeInvalid("plan", why)
    if phase.HasField("server_eligibility_phase"):
        why = (
            "it has a server_eligibility_phase, which is not run here: leave it out, and say by"
            " policies, or by a plan of the population, which devices may do the task"
        )
        raise errors.RecipeInvalid("plan", why)


def _server_part(plan: pb.Plan, *, evaluates: bool, norm: float | None) -> Recipe:
    """By the version of the server part; TensorFlow is imported by it."""
    if plan.phase[0].HasField("server_phase"):
        from ame.server.recipes.server_phase import ServerPhase

        return ServerPhase.of(plan, evaluates=evaluates, norm=norm)
    from ame.server.recipes.server_phase_v2 import ServerPhaseV2

    return ServerPhaseV2.of(plan, evaluates=evaluates, norm=norm)
