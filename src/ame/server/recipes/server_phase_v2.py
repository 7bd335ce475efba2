"""A plan's server part of version 2: a graph prepares the round, sums are made here, another graph
makes the result.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ame import errors
from ame.aggregation import Slot, layout
from ame.protocol.tensors import checkpoint
from ame.server.recipes.expected import LARGE, Expected, Form, form
from ame.server.recipes.graphs import Graph, written
from ame.server.recipes.recipe import Made, Taken, told
from ame.server.recipes.sums import Total

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ame.protocol.pb import plan as pb
    from ame.protocol.pb import struct
    from ame.protocol.tensors import Array

SUMS: Final = frozenset({"federated_sum", "federated_secure_sum", "federated_secure_sum_bitwidth"})
MODULAR: Final = "federated_secure_modular_sum"
MEAN: Final = "federated_mean"
WEIGHTED: Final = "federated_weighted_mean"
INTRINSICS: Final = sorted({*SUMS, MODULAR, MEAN, WEIGHTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Intrinsic:
    """One aggregation of a plan."""

    uri: str
    inputs: tuple[str, ...]
    """Names in the uploads. A weighted mean's last one is the weight."""
    states: tuple[str, ...]
    """Names in the intermediate state."""
    outputs: tuple[str, ...]

    @property
    def weight(self) -> str:
        """The name of the weight, if there is one."""
        return self.inputs[-1] if self.uri == WEIGHTED else ""

    def values(self) -> Iterator[tuple[str, str]]:
        """Names in the uploads, each with that of its aggregate."""
        inputs = self.inputs[:-1] if self.weight else self.inputs
        return zip(inputs, self.outputs, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPhaseV2:
    """A recipe; it promises what `Recipe` does."""

    phase: pb.ServerPhaseV2
    prepare: Graph
    result: Graph
    intrinsics: tuple[Intrinsic, ...]
    expected: Expected
    evaluates: bool

    @classmethod
    def of(
        cls, plan: pb.Plan, *, evaluates: bool = False, norm: float | None = None
    ) -> ServerPhaseV2:
        """The recipe of a plan.

        Raises:
            errors.ExtraMissing: there is no TensorFlow.
            errors.RecipeInvalid: the plan is not complete, or asks for another aggregation.
        """
        phase = plan.phase[0].server_phase_v2
        specs = {
            _name(arg.input_tensor): arg.input_tensor
            for each in _all(phase.aggregations)
            for arg in each.intrinsic_args
            if arg.HasField("input_tensor")
        }
        intrinsics = tuple(_intrinsic(each) for each in _all(phase.aggregations))
        forms = {name: form(spec.dtype, spec.shape) for name, spec in specs.items()}
        for name, each in forms.items():
            if each.shape is None or each.text:
                raise errors.RecipeInvalid("plan", f"{name} has no full shape, or is text")
        config = plan.tensorflow_config_proto
        made = cls(
            phase=phase,
            prepare=Graph(plan.server_graph_prepare_bytes, config),
            result=Graph(plan.server_graph_result_bytes, config),
            intrinsics=intrinsics,
            expected=Expected(forms=forms, norm=norm),
            evaluates=evaluates,
        )
        made._check()
        return made

    def take(self, upload: bytes) -> Taken:
        read = self.expected.read(upload)
        for each in self.intrinsics:
            if each.weight and read.tensors[each.weight].min() < 0:
                raise errors.ContributionRefused(each.weight, "is negative")
            if each.weight and float(read.tensors[each.weight].max()) * read.norm >= LARGE:
                raise errors.ContributionRefused(each.weight, "makes numbers too large")
        return Taken(tensors=read.tensors, weight=1.0, size=read.size)

    def start(self, state: bytes) -> bytes:
        return self.prepared(state)[0]

    def fold(self, state: bytes) -> Folded:  # noqa: ARG002 - it begins with nothing
        return Folded(self)

    def prepared(self, state: bytes) -> tuple[bytes, bytes]:
        """The checkpoint for devices, and what the result needs to know."""
        router, spec = self.phase.prepare_router, self.phase.tensorflow_spec_prepare
        with tempfile.TemporaryDirectory(prefix="ame-plan-") as folder:
            given, client, kept = (Path(folder, name) for name in ("state", "client", "kept"))
            given.write_bytes(state)
            feed = {
                router.prepare_server_state_input_filepath_tensor_name: str(given),
                router.prepare_output_filepath_tensor_name: str(client),
                router.prepare_intermediate_state_output_filepath_tensor_name: str(kept),
            }
            with self.prepare.session() as session:
                session.run(list(spec.target_node_names), _named(feed))
            by = ", ".join(spec.target_node_names)
            return written(client, by), written(kept, by)

    def resulting(self, kept: bytes, aggregate: Mapping[str, Array]) -> Made:
        """The new state, and the metrics."""
        router, spec = self.phase.result_router, self.phase.tensorflow_spec_result
        metrics = [each.name for each in spec.output_tensor_specs]
        targets = list(spec.target_node_names)
        with tempfile.TemporaryDirectory(prefix="ame-plan-") as folder:
            held, sums, state = (Path(folder, name) for name in ("kept", "sums", "state"))
            held.write_bytes(kept)
            sums.write_bytes(checkpoint.to_bytes(aggregate))
            feed = {
                router.result_intermediate_state_input_filepath_tensor_name: str(held),
                router.result_aggregate_result_input_filepath_tensor_name: str(sums),
                router.result_server_state_output_filepath_tensor_name: str(state),
            }
            with self.result.session() as session:
                values = session.run([*targets, *metrics], _named(feed))[len(targets) :]
            names = [name.partition(":")[0] for name in metrics]
            made = told(dict(zip(names, values, strict=True)))
            return Made(state=written(state, ", ".join(targets)), metrics=made)

    def _check(self) -> None:
        prepare, result = self.phase.prepare_router, self.phase.result_router
        self.prepare.check(
            [
                prepare.prepare_server_state_input_filepath_tensor_name,
                prepare.prepare_output_filepath_tensor_name,
                *filter(None, [prepare.prepare_intermediate_state_output_filepath_tensor_name]),
                *self.phase.tensorflow_spec_prepare.target_node_names,
            ]
        )
        self.result.check(
            [
                *filter(None, [result.result_intermediate_state_input_filepath_tensor_name]),
                result.result_aggregate_result_input_filepath_tensor_name,
                result.result_server_state_output_filepath_tensor_name,
                *self.phase.tensorflow_spec_result.target_node_names,
                *(each.name for each in self.phase.tensorflow_spec_result.output_tensor_specs),
            ]
        )


class Folded:
    """A folding; it promises what `Folding` does."""

    def __init__(self, recipe: ServerPhaseV2) -> None:
        self._recipe = recipe
        self._count = 0
        forms = {name: _wide(each) for name, each in recipe.expected.forms.items()}
        self._total = Total(forms)

    def add(self, taken: Taken) -> None:
        tensors = dict(taken.tensors)
        for each in self._recipe.intrinsics:
            if each.weight:
                by = tensors[each.weight]
                tensors |= {name: tensors[name] * by for name, _ in each.values()}
        self._total.add(tensors)
        self._count += 1

    def made(self, newest: bytes) -> Made:
        recipe = self._recipe
        sums = self._total.arrays()
        _, kept = recipe.prepared(newest)
        states = checkpoint.read(kept) if any(each.states for each in recipe.intrinsics) else {}
        aggregate: dict[str, Array] = {}
        for each in recipe.intrinsics:
            for name, output in each.values():
                value = sums[name]
                if each.uri == MODULAR:
                    value = np.mod(value, states[each.states[0]])
                elif each.uri == MEAN:
                    value = value / self._count
                elif each.weight:
                    if not sums[each.weight].all():
                        raise errors.RoundEmpty(f"all of {each.weight} is 0")
                    value = value / sums[each.weight]
                aggregate[output] = _fitting(output, value, recipe.expected.forms[name])
        made = recipe.resulting(kept, aggregate)
        return Made(state=newest, metrics=made.metrics) if recipe.evaluates else made


def _all(
    given: Iterable[pb.ServerAggregationConfig],
) -> Iterator[pb.ServerAggregationConfig]:
    """The aggregations, each followed by those within it."""
    for each in given:
        if each.intrinsic_args or not each.inner_aggregations:
            yield each
        yield from _all(each.inner_aggregations)


def _intrinsic(config: pb.ServerAggregationConfig) -> Intrinsic:
    args = config.intrinsic_args
    inputs = tuple(_name(each.input_tensor) for each in args if each.HasField("input_tensor"))
    states = tuple(_name(each.state_tensor) for each in args if each.HasField("state_tensor"))
    outputs = tuple(_name(each) for each in config.output_tensors)
    made = Intrinsic(uri=config.intrinsic_uri, inputs=inputs, states=states, outputs=outputs)
    if made.uri not in INTRINSICS:
        why = f"there is no aggregation {made.uri}: {', '.join(INTRINSICS)}"
        raise errors.RecipeInvalid("plan", why)
    if not outputs or len(inputs) != len(outputs) + bool(made.weight):
        raise errors.RecipeInvalid("plan", f"{made.uri} has not as many outputs as inputs")
    if made.uri == MODULAR and not states:
        raise errors.RecipeInvalid("plan", f"{made.uri} has no modulus")
    return made


def _wide(each: Form) -> Form:
    """The form of a sum that may be beyond the type until it is divided."""
    if each.dtype.kind in "iub":
        return Form(dtype=np.dtype(np.int64), shape=each.shape)
    return each if each.dtype.itemsize >= 4 else Form(dtype=np.dtype(np.float32), shape=each.shape)


def _fitting(name: str, value: Array, wanted: Form) -> Array:
    """A number for each number, in the type of the plan.

    Raises:
        errors.AggregateOverflow: one does not fit.
    """
    slot = Slot(value.shape, wanted.dtype.name, "numpy")
    return np.asarray(layout.form(name, value.astype(np.float64).reshape(-1), slot))


def _name(spec: struct.TensorSpecProto) -> str:
    return spec.name.removesuffix(":0")


def _named(feed: Mapping[str, str]) -> dict[str, object]:
    """What is fed under a name; what has none is not asked for."""
    return {name: value for name, value in feed.items() if name}
