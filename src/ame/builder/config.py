"""A TaskConfig as it is written, and what it comes to: `Settings`, with every default applied.

The messages and the defaults are those of the On-Device Personalization task builder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from ame import errors
from ame.protocol.pb import _pool
from ame.protocol.pb import task_builder as pb

BINARY: Final = (".pb", ".binpb")
"""How files of serialized messages end; all others hold the text form."""
METRICS: Final = (
    "auc-roc",
    "auc-pr",
    "accuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_crossentropy_from_logits",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_crossentropy_from_logits",
    "mean",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "precision",
    "recall",
    "root_mean_squared_error",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_categorical_crossentropy_from_logits",
)
"""What may be measured beside the loss, which always is."""


class Mode(StrEnum):
    """Which tasks are made."""

    TRAINING_ONLY = "TRAINING_ONLY"
    TRAINING_AND_EVAL = "TRAINING_AND_EVAL"
    EVAL_ONLY = "EVAL_ONLY"

    @property
    def trains(self) -> bool:
        """There is a task that trains."""
        return self is not Mode.EVAL_ONLY

    @property
    def evaluates(self) -> bool:
        """There is a task that evaluates."""
        return self is not Mode.TRAINING_ONLY


class Algorithm(StrEnum):
    """What a device sends: how its weights have moved, or its gradient."""

    FED_AVG = "FED_AVG"
    FED_SGD = "FED_SGD"


class Optimizer(StrEnum):
    """How weights follow a gradient."""

    SGD = "SGD"
    ADAM = "ADAM"


class Aggregator(StrEnum):
    """How noise is added to what the devices of a round amount to."""

    FIXED_GAUSSIAN = "FIXED_GAUSSIAN"
    TREE_AGGREGATION = "TREE_AGGREGATION"
    ADAPTIVE_GAUSSIAN = "ADAPTIVE_GAUSSIAN"
    ADAPTIVE_TREE = "ADAPTIVE_TREE"

    @property
    def adaptive(self) -> bool:
        """The clipping norm follows the norms of the updates."""
        return self in {Aggregator.ADAPTIVE_GAUSSIAN, Aggregator.ADAPTIVE_TREE}

    @property
    def tree(self) -> bool:
        """The noise of a round is a node's in a tree over all rounds."""
        return self in {Aggregator.TREE_AGGREGATION, Aggregator.ADAPTIVE_TREE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """How a model moves."""

    algorithm: Algorithm
    client_optimizer: Optimizer
    client_rate: float
    server_optimizer: Optimizer
    server_rate: float
    loss: str
    """Of a plain Keras model, as Keras names it; empty where the model has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """How the devices' data are hidden."""

    kind: Aggregator | None
    """None: nothing is clipped and no noise is added."""
    noise: float
    """The noise multiplier; 0 until it is calibrated."""
    clip: float
    """The L2 norm that updates are clipped to; of an adaptive aggregator the first one."""
    spent: float
    """The epsilon that the rounds come to; 0 until it is known."""
    epsilon: float
    """What the rounds may come to."""
    delta: float
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """How a device's examples come to the model."""

    batch_size: int
    max_batches: int
    """-1: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Who takes part in a round."""

    goal: int
    """How many contributions end it."""
    over_selection: float
    """How many more devices than that are taken in at once, as a share."""
    selector: str
    """The `collection_uri` of the examples; may be empty."""

    @property
    def capacity(self) -> int:
        """How many devices are taken in at once."""
        return int(self.goal * (1 + self.over_selection))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Which checkpoints are evaluated, and by whom."""

    cohort: Cohort
    population: str
    """Of the task that trains."""
    task: int
    """The task that trains."""
    every: int
    unit: str
    """`round` or `hour`."""
    traffic: float
    """The share of the devices that evaluate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where artifacts go, as they are written in the configuration."""

    plan: str
    client_plan: str
    checkpoint: str

    def __bool__(self) -> bool:
        return bool(self.plan and self.client_plan and self.checkpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a valid TaskConfig comes to."""

    mode: Mode
    population: str
    label: str
    """The feature that is the label; may be empty where the model takes a single tensor: `y`."""
    learning: Learning
    privacy: Privacy
    dataset: Dataset
    training: Cohort
    evaluation: Evaluation
    metrics: tuple[str, ...]
    """Of `METRICS`, in the order in which they were asked for."""
    rejected_metrics: tuple[str, ...]
    min_separation: int
    min_examples: int
    use_daf: bool
    training_places: Places
    evaluation_places: Places


def read(content: bytes, place: str) -> pb.TaskConfig:
    """A TaskConfig, in its text form, or serialized where `place` ends in one of `BINARY`.

    Raises:
        errors.ConfigUnread: it is not one; says the line and the column.
    """
    if place.endswith(BINARY):
        try:
            return pb.TaskConfig.FromString(content)
        except DecodeError:
            raise errors.ConfigUnread(place, 0, 0, "it is no serialized TaskConfig") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        why = f"it is no UTF-8: name a serialized TaskConfig {' or '.join(BINARY)}"
        raise errors.ConfigUnread(place, line, column, why) from None
    try:
        return text_format.Parse(text, pb.TaskConfig(), descriptor_pool=_pool.POOL)
    except text_format.ParseError as error:
        why = str(error).partition(" : ")[2] or str(error)
        line, column = error.GetLine() or 0, error.GetColumn() or 0
        raise errors.ConfigUnread(place, line, column, why + _hint(why)) from None


def settings(config: pb.TaskConfig, *, skip_privacy: bool = False) -> Settings:
    """What a configuration that `rules.check` lets pass comes to. All defaults are here.

    `skip_privacy`: nothing is clipped and no noise is added.
    """
    learning = config.federated_learning.learning_process
    metrics = tuple(dict.fromkeys(each.name for each in learning.metrics))
    policies = config.policies
    return Settings(
        mode=Mode(pb.TaskMode.Enum.Name(config.mode or pb.TaskMode.TRAINING_ONLY)),
        population=config.population_name,
        label=config.label_name,
        learning=Learning(
            algorithm=Algorithm(
                pb.LearningAlgo.Enum.Name(learning.type or pb.LearningAlgo.FED_AVG)
            ),
            client_optimizer=_optimizer(learning.client_optimizer),
            client_rate=learning.client_learning_rate or 0.1,
            server_optimizer=_optimizer(learning.server_optimizer),
            server_rate=learning.server_learning_rate or 1.0,
            loss=learning.loss,
        ),
        privacy=_privacy(config, skip_privacy),
        dataset=Dataset(
            batch_size=policies.dataset_policy.batch_size or 3,
            max_batches=policies.dataset_policy.max_training_batches_per_client or -1,
        ),
        training=_cohort(learning.runtime_config),
        evaluation=_evaluation(config),
        metrics=tuple(name for name in metrics if name in METRICS),
        rejected_metrics=tuple(name for name in metrics if name not in METRICS),
        min_separation=policies.min_separation_policy.minimum_separation,
        min_examples=policies.data_availability_policy.min_example_count,
        use_daf=config.use_daf,
        training_places=_places(learning.artifact_building),
        evaluation_places=_places(config.federated_learning.evaluation.artifact_building),
    )


def every(selector: str) -> tuple[int, str] | None:
    """What `every_k_round` and `every_k_hour` mean; None for another text."""
    found = re.fullmatch(r"every_(\d+)_(round|hour)", selector, re.ASCII)
    return (int(found[1]), found[2]) if found else None


def _privacy(config: pb.TaskConfig, skipped: bool) -> Privacy:
    said, release = config.differential_privacy, config.policies.model_release_policy
    kind = Aggregator(pb.DpAggregator.Enum.Name(said.type or pb.DpAggregator.FIXED_GAUSSIAN))
    return Privacy(
        kind=None if skipped else kind,
        noise=said.noise_multiplier,
        spent=0.0,
        clip=(said.init_clip_norm or 0.1) if kind.adaptive else said.clip_norm,
        epsilon=release.dp_target_epsilon or 10.0,
        delta=release.dp_delta or 1 / 3_000_000,
        rounds=release.num_max_training_rounds,
    )


def _evaluation(config: pb.TaskConfig) -> Evaluation:
    said = config.federated_learning.evaluation
    number, unit = every(said.checkpoint_selector) or (1, "round")
    return Evaluation(
        cohort=_cohort(said),
        population=said.source_training_population or config.population_name,
        task=said.source_training_task_id,
        every=number,
        unit=unit,
        traffic=said.evaluation_traffic,
    )


def _cohort(said: pb.RuntimeConfig | pb.Evaluation) -> Cohort:
    return Cohort(
        goal=said.report_goal,
        over_selection=said.over_selection_rate or 0.3,
        selector=said.example_selector_uri,
    )


def _optimizer(said: int) -> Optimizer:
    return Optimizer(pb.Optimizer.Enum.Name(said or pb.Optimizer.SGD))


def _places(said: pb.ArtifactBuilding) -> Places:
    return Places(
        plan=said.plan_url, client_plan=said.client_plan_url, checkpoint=said.checkpoint_url
    )


def _hint(why: str) -> str:
    """Which name may have been meant, for one that a message or an enum does not have."""
    found = re.search(r'"([\w.]+)" has no (?:field|value) named "?(\w+)', why)
    found = found or re.search(r'Enum type "([\w.]+)" has no value named (\w+)', why)
    if not found:
        return ""
    known = _names(found[1])
    near = get_close_matches(found[2], known, n=1)
    return f" Did you mean `{near[0]}`?" if near else f" There are: {', '.join(known)}."


def _names(name: str) -> list[str]:
    try:
        return [each.name for each in _pool.POOL.FindMessageTypeByName(name).fields]
    except KeyError:
        return [each.name for each in _pool.POOL.FindEnumTypeByName(name).values]
