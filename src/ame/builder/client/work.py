"""What a device computes: from a checkpoint and its examples to an update.

It is written once, as TensorFlow's own functions; nothing in it is a variable, so that the same
graph may run anywhere, many times at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder import config, process
from ame.builder.client import batches, bounds, external, metrics, optimizers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ame.builder.model import Model
    from ame.builder.model.model import Batch, Node

TOKEN: Final = "data_token"  # noqa: S105 - a tensor
INPUT: Final = "input_filepath"
OUTPUT: Final = "output_filepath"
TARGET: Final = "save_client_update_tensors"
State: TypeAlias = "tuple[Node, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A device's part in a task."""

    model: Model
    settings: config.Settings
    process: process.Process
    selector: bytes
    """The serialized ExampleSelector."""

    def graph(self) -> Any:  # noqa: ANN401 - TensorFlow's GraphDef
        """The graph of it: three paths are placeholders, and `TARGET` does it all."""
        external.register()
        text = tf.TensorSpec((), tf.string)
        traced = tf.function(self._do, autograph=False, input_signature=(text, text, text))
        return traced.get_concrete_function().graph.as_graph_def()

    def _do(self, data_token: Node, input_filepath: Node, output_filepath: Node) -> None:
        given = {each.name: _restored(input_filepath, each) for each in self.process.sent.all}
        asked = external.examples(data_token, self.selector)
        label = batches.label_of(self.model, self.settings.label)
        dataset = batches.batched(asked, self.model, self.settings.dataset, label)
        made = (self._evaluated if self.process.evaluates else self._trained)(dataset, given)
        forms = self.process.update.all
        with tf.control_dependencies([_saved(output_filepath, forms, made)]):
            tf.no_op(name=TARGET)

    def _trained(self, dataset: tf.data.Dataset, given: dict[str, Node]) -> dict[str, Node]:
        match self.settings.learning.algorithm:
            case config.Algorithm.FED_AVG:
                delta, sums, examples = self._walked(dataset, given)
            case config.Algorithm.FED_SGD:
                delta, sums, examples = self._sloped(dataset, given)
        found = bounds.finite(delta)
        update = self.process.update
        made = self._metrics(sums)
        if update.weight is None:
            return made | bounds.bounded(found.delta, self.process.sent, update, given)
        if self.settings.learning.algorithm is config.Algorithm.FED_SGD:
            weight = tf.where(found.kept, examples, 0.0)
            delta = [each * tf.cast(weight, each.dtype) for each in found.delta]
        else:
            weight, delta = tf.constant(1, update.weight.dtype), found.delta
        named = (each.name for each in update.delta)
        return made | {update.weight.name: weight} | dict(zip(named, delta, strict=True))

    def _walked(
        self, dataset: tf.data.Dataset, given: dict[str, Node]
    ) -> tuple[list[Node], State, Node]:
        """Federated averaging: steps along the batches, and how far they have led, reversed."""
        learning = self.settings.learning
        optimizer = optimizers.choose(learning.client_optimizer, learning.client_rate)
        first, fixed = self._weights(given)

        def step(state: tuple[State, ...], batch: Batch, labels: Node) -> tuple[State, ...]:
            weights, others, known, sums, (examples,) = state
            seen = self._seen(weights, others, batch, labels, training=True)
            known, weights = optimizer.step(known, weights, _gradient(seen.loss, weights))
            return weights, others, known, self._summed(sums, seen), (examples + seen.count,)

        start = (first, fixed, optimizer.start(first), self._empty(), (tf.constant(0.0),))
        last, _, _, sums, (examples,) = _reduced(dataset, start, step)
        return [a - b for a, b in zip(first, last, strict=True)], sums, examples

    def _sloped(
        self, dataset: tf.data.Dataset, given: dict[str, Node]
    ) -> tuple[list[Node], State, Node]:
        """Federated SGD: the gradient over all examples."""
        first, fixed = self._weights(given)

        def step(state: tuple[State, ...], batch: Batch, labels: Node) -> tuple[State, ...]:
            weights, others, slopes, sums, (examples,) = state
            seen = self._seen(weights, others, batch, labels, training=True)
            found = _gradient(seen.loss, weights)
            slopes = tuple(
                a + tf.cast(seen.count, b.dtype) * b for a, b in zip(slopes, found, strict=True)
            )
            return weights, others, slopes, self._summed(sums, seen), (examples + seen.count,)

        none = tuple(tf.zeros(each.shape, each.dtype) for each in first)
        start = (first, fixed, none, self._empty(), (tf.constant(0.0),))
        _, _, slopes, sums, (examples,) = _reduced(dataset, start, step)
        return [each / tf.cast(examples, each.dtype) for each in slopes], sums, examples

    def _evaluated(self, dataset: tf.data.Dataset, given: dict[str, Node]) -> dict[str, Node]:
        weights, others = self._weights(given)

        def step(sums: State, batch: Batch, labels: Node) -> State:
            return self._summed(sums, self._seen(weights, others, batch, labels, training=False))

        return self._metrics(_iterated(dataset, self._empty(), step))

    def _weights(self, given: dict[str, Node]) -> tuple[State, State]:
        sent = self.process.sent
        return (
            tuple(given[each.name] for each in sent.trainable),
            tuple(given[each.name] for each in sent.non_trainable),
        )

    def _seen(
        self, weights: State, others: State, batch: Batch, labels: Node, *, training: bool
    ) -> Seen:
        predictions = self.model.predict(weights, others, batch, training)
        loss = self.model.loss(predictions, labels)
        count = tf.cast(tf.shape(tf.nest.flatten(predictions)[0])[0], tf.float32)
        return Seen(predictions=predictions, labels=labels, loss=loss, count=count)

    def _empty(self) -> State:
        """The sums of metrics before the first batch, one after another."""
        metrics_ = self.process.update.metrics
        return tuple(tf.zeros(part.shape, part.dtype) for each in metrics_ for part in each.parts)

    def _summed(self, sums: State, seen: Seen) -> State:
        found: list[Node] = []
        for metric in self.process.update.metrics:
            if metric.finish is process.Finish.LOSS:
                found += [seen.loss * seen.count, seen.count]
            else:
                found += metrics.added(metric, seen.labels, seen.main)
        return tuple(a + b for a, b in zip(sums, found, strict=True))

    def _metrics(self, sums: State) -> dict[str, Node]:
        parts = (part for each in self.process.update.metrics for part in each.parts)
        return {part.name: total for part, total in zip(parts, sums, strict=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the model makes of a batch."""

    predictions: Node
    labels: Node
    loss: Node
    count: Node
    """Of the examples."""

    @property
    def main(self) -> Node:
        """The predictions to measure: the last ones, where a model makes several."""
        return tf.nest.flatten(self.predictions)[-1]


def _gradient(loss: Node, weights: State) -> list[Node]:
    slopes = tf.gradients(loss, list(weights), unconnected_gradients="zero")
    return [tf.convert_to_tensor(each) for each in slopes]


def _reduced(
    dataset: tf.data.Dataset,
    start: Any,  # noqa: ANN401 - a nest
    step: Callable[..., Any],
) -> Any:  # noqa: ANN401 - the same
    """All that a step needs is in `start`, weights that stay as they are too.

    Of what it captured, the converter would not know the shapes, and gradients of means would need
    operations that devices lack.
    """
    return dataset.reduce(start, lambda state, batch: step(state, *batch))


def _iterated(dataset: tf.data.Dataset, start: State, step: Callable[..., State]) -> State:
    """The same with an iterator and a loop: devices may lack what reduces without a gradient."""
    batches_ = iter(dataset)

    def again(_more: Node, sums: State) -> tuple[Node, State]:
        batch = batches_.get_next_as_optional()
        more = batch.has_value()
        return more, tf.cond(more, lambda: step(sums, *batch.get_value()), lambda: sums)

    found: tuple[Node, State] = tf.while_loop(
        lambda more, _: more, again, (tf.constant(value=True), start)
    )
    return found[1]


def _restored(path: Node, tensor: process.Tensor) -> Node:
    kind = tf.as_dtype(tensor.dtype)
    read = tf.raw_ops.RestoreV2(
        prefix=path, tensor_names=[tensor.name], shape_and_slices=[""], dtypes=[kind]
    )[0]
    read.set_shape(tensor.shape)
    return read


def _saved(path: Node, forms: Sequence[process.Tensor], made: dict[str, Node]) -> Any:  # noqa: ANN401 - an operation
    return tf.raw_ops.SaveSlices(
        filename=path,
        tensor_names=[each.name for each in forms],
        shapes_and_slices=[""] * len(forms),
        data=[made[each.name] for each in forms],
    )
