"""What the two halves of a plan agree on: the tensors that pass between them, by name.

A server sends its model, and what an update is clipped to; a client reads that from its checkpoint,
and saves an update in another; the server adds updates up. All names are stated here, and only
here: those that TensorFlow Federated gives, as far as plans that it made show them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ame.builder import config

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

THRESHOLDS: Final = 200
"""Of the areas under curves, from 0 to 1 at equal distances, the ends just beyond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a tensor holds."""

    dtype: str
    """As NumPy and TensorFlow name it."""
    shape: tuple[int, ...]

    def named(self, name: str) -> Tensor:
        """A tensor of this form."""
        return Tensor(name=name, dtype=self.dtype, shape=self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor(Form):
    """A tensor in a checkpoint."""

    name: str


class Finish(StrEnum):
    """What becomes of the sums of a metric, in the order in which they are."""

    LOSS = "total, count: total / count"
    MEAN = "total, count: total / count, 0 where there is no count"
    ROOT = "total, count: the square root of the mean"
    PRECISION = "true positives, false positives"
    RECALL = "true positives, false negatives"
    ROC = "true positives, true negatives, false positives, false negatives: the area under ROC"
    PR = "the same: the area under precision over recall"


SCALAR: Final = Form(dtype="float32", shape=())
COUNT: Final = Form(dtype="int32", shape=())
SINGLE: Final = Form(dtype="float32", shape=(1,))
CURVE: Final = Form(dtype="float32", shape=(THRESHOLDS,))
PARTS: Final = {
    Finish.LOSS: (SCALAR, SCALAR),
    Finish.MEAN: (SCALAR, SCALAR),
    Finish.ROOT: (SCALAR, SCALAR),
    Finish.PRECISION: (SINGLE, SINGLE),
    Finish.RECALL: (SINGLE, SINGLE),
    Finish.ROC: (CURVE, CURVE, CURVE, CURVE),
    Finish.PR: (CURVE, CURVE, CURVE, CURVE),
}
"""The sums that each way to finish takes."""
UNUSUAL: Final = {
    "loss": Finish.LOSS,
    "root_mean_squared_error": Finish.ROOT,
    "precision": Finish.PRECISION,
    "recall": Finish.RECALL,
    "auc-roc": Finish.ROC,
    "auc-pr": Finish.PR,
}
"""Metrics that are no mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number about a round, and the sums of all clients that it is made from."""

    name: str
    parts: tuple[Tensor, ...]
    finish: Finish
    stat: str
    """What the server calls it: `client_work/train/loss`, `eval/loss`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a client's checkpoint holds."""

    trainable: tuple[Tensor, ...]
    non_trainable: tuple[Tensor, ...]
    zeroing: Tensor | None = None
    """An update with a larger number than this is made 0."""
    clip: Tensor | None = None
    """The L2 norm that an update is clipped to."""
    estimate: Tensor | None = None
    """Norms up to this one are below the estimate."""
    below_clip: Tensor | None = None
    """What the record of being below is clipped to."""

    @property
    def all(self) -> tuple[Tensor, ...]:
        """All of them, in their order."""
        said = (self.zeroing, self.clip, self.estimate, self.below_clip)
        return (*self.trainable, *self.non_trainable, *_there(said))


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a client saves, and the server adds up."""

    metrics: tuple[Metric, ...]
    delta: tuple[Tensor, ...] = ()
    """Of each trainable weight: what it was less what it has become; or its gradient."""
    below: Tensor | None = None
    """0.5 where the norm was below the estimate, else -0.5."""
    weight: Tensor | None = None
    """What to divide the sum of deltas by: a count of clients, or of their examples."""
    zeroed: Tensor | None = None
    """1 where the update was made 0 for a number too large."""

    @property
    def all(self) -> tuple[Tensor, ...]:
        """All of them, in their order."""
        parts = (part for metric in self.metrics for part in metric.parts)
        return (*parts, *self.delta, *_there((self.below, self.weight, self.zeroed)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A task's rounds, as far as server and clients have to agree on them."""

    evaluates: bool
    trainable: tuple[Tensor, ...]
    """The model's weights in the server's state, below `server/`: `global_model_weights/…`."""
    non_trainable: tuple[Tensor, ...]
    sent: Sent
    update: Update

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """All weights of the model."""
        return (*self.trainable, *self.non_trainable)


def of(
    settings: config.Settings,
    trainable: Sequence[Form],
    non_trainable: Sequence[Form],
    *,
    evaluates: bool,
) -> Process:
    """The rounds that settings ask for, of a model with these weights."""
    if evaluates:
        return evaluation(trainable, non_trainable, settings.metrics)
    kind = settings.privacy.kind
    return training(
        trainable,
        non_trainable,
        settings.metrics,
        clipping=Clipping(adaptive=kind.adaptive, zeroing=kind.tree) if kind else None,
        weighted=settings.learning.algorithm is config.Algorithm.FED_SGD,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipping:
    """How a client bounds what it sends: to an L2 norm, which it is told."""

    adaptive: bool = False
    """The server learns of how many the norm was below its estimate."""
    zeroing: bool = False
    """An update with too large a number is made 0 before."""


def training(
    trainable: Sequence[Form],
    non_trainable: Sequence[Form],
    metrics: Iterable[str],
    *,
    clipping: Clipping | None,
    weighted: bool = False,
) -> Process:
    """A task that trains.

    `metrics` without the loss, which is always there. Without clipping the server divides by a
    weight: by the number of examples, if `weighted`, else by that of clients.
    """
    sent = Sent(
        trainable=_numbered(trainable, "client/0/trainable"),
        non_trainable=_numbered(non_trainable, "client/0/non_trainable"),
    )
    update = Update(metrics=_metrics(metrics, "update/0", "client_work/train"))
    if clipping is None:
        weight = (SCALAR if weighted else COUNT).named("update/2")
        update = replace(update, delta=_numbered(trainable, "update/1"), weight=weight)
    else:
        sent, update = _bounded(trainable, clipping, sent, update)
    return _process(trainable, non_trainable, sent, update, evaluates=False)


def evaluation(
    trainable: Sequence[Form], non_trainable: Sequence[Form], metrics: Iterable[str]
) -> Process:
    """A task that evaluates; `metrics` without the loss, which is always there."""
    sent = Sent(
        trainable=_numbered(trainable, "client/0/0"),
        non_trainable=_numbered(non_trainable, "client/0/1"),
    )
    update = Update(metrics=_metrics(metrics, "update/0", "eval"))
    return _process(trainable, non_trainable, sent, update, evaluates=True)


def summed(name: str, *, daf: bool) -> str:
    """What the sum of a tensor of updates is called, where sums are handed on.

    In the MapReduce form updates are added up by one of four aggregations, which has a number.
    """
    rest = name.removeprefix("update/")
    return f"intermediate_update/{rest}" if daf else f"intermediate_update/0/{rest}"


def _bounded(
    trainable: Sequence[Form], clipping: Clipping, sent: Sent, update: Update
) -> tuple[Sent, Update]:
    clip = "client/2" if clipping.zeroing else "client/1"
    if clipping.zeroing:
        sent = replace(sent, zeroing=SCALAR.named("client/1"))
        update = replace(update, zeroed=COUNT.named("update/2"))
    if not clipping.adaptive:
        sent = replace(sent, clip=SCALAR.named(clip))
        return sent, replace(update, delta=_numbered(trainable, "update/1"))
    estimator = f"{clip}/quantile_estimator_params"
    sent = replace(
        sent,
        clip=SCALAR.named(f"{clip}/sum_params"),
        estimate=SCALAR.named(f"{estimator}/current_estimate"),
        below_clip=SCALAR.named(f"{estimator}/below_estimate_params"),
    )
    below = SCALAR.named("update/1/quantile_estimator_state")
    return sent, replace(update, delta=_numbered(trainable, "update/1/sum_state"), below=below)


def _process(
    trainable: Sequence[Form],
    non_trainable: Sequence[Form],
    sent: Sent,
    update: Update,
    *,
    evaluates: bool,
) -> Process:
    return Process(
        evaluates=evaluates,
        trainable=_numbered(trainable, "global_model_weights/trainable"),
        non_trainable=_numbered(non_trainable, "global_model_weights/non_trainable"),
        sent=sent,
        update=update,
    )


def _metrics(names: Iterable[str], place: str, stats: str) -> tuple[Metric, ...]:
    made = []
    for name in (*names, "loss"):
        finish = UNUSUAL.get(name, Finish.MEAN)
        parts = _numbered(PARTS[finish], f"{place}/{name}")
        made.append(Metric(name=name, parts=parts, finish=finish, stat=f"{stats}/{name}"))
    return tuple(made)


def _numbered(forms: Sequence[Form], place: str) -> tuple[Tensor, ...]:
    return tuple(form.named(f"{place}/{number}") for number, form in enumerate(forms))


def _there(tensors: Iterable[Tensor | None]) -> tuple[Tensor, ...]:
    return tuple(each for each in tensors if each is not None)
