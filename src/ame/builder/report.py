"""What a build comes to: as the message of the builder's service, and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ame.protocol.pb import task_builder as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ame.builder.config import Cohort, Settings
    from ame.builder.making import Artifacts, Made


def message(settings: Settings) -> pb.TaskReport:
    """The report that a builder's answer holds."""
    learning, privacy = settings.learning, settings.privacy
    kind = "UNKNOWN"
    hidden = pb.TaskReport.DPHyperparameters()
    if privacy.kind is not None:
        kind = privacy.kind.value
        hidden = pb.TaskReport.DPHyperparameters(
            dp_delta=privacy.delta,
            dp_epsilon=privacy.spent,
            noise_multiplier=privacy.noise,
            dp_clip_norm=privacy.clip,
            num_training_rounds=privacy.rounds,
        )
    return pb.TaskReport(
        applied_algorithms=pb.TaskReport.AppliedAlgorithms(
            learning_algo=learning.algorithm.value,
            client_optimizer=learning.client_optimizer.value,
            server_optimizer=learning.server_optimizer.value,
            dp_aggregator=kind,
        ),
        metric_results=pb.TaskReport.MetricResults(
            accepted_metrics=", ".join(settings.metrics),
            rejected_metrics=", ".join(settings.rejected_metrics),
        ),
        dp_hyperparameters=hidden,
    )


def told(said: pb.TaskReport) -> str:
    """What another server's report says, for people."""
    return "\n".join(f"{key:12} {value}" for key, value in _told(said))


def text(settings: Settings, made: Made) -> str:
    """The same for people, and what devices will have to download."""
    return "\n".join(f"{key:12} {value}" for key, value in _lines(settings, made))


def _lines(settings: Settings, made: Made) -> Iterator[tuple[str, str]]:
    learning = settings.learning
    devices = f"{learning.client_optimizer} at {learning.client_rate:g}"
    server = f"{learning.server_optimizer} at {learning.server_rate:g}"
    yield "population", settings.population
    yield "learning", f"{learning.algorithm}; devices {devices}, server {server}"
    yield "metrics", ", ".join((*settings.metrics, "loss"))
    if settings.rejected_metrics:
        yield "unknown", ", ".join(settings.rejected_metrics) + " (not measured)"
    hidden = settings.privacy
    yield (
        "privacy",
        _privacy(
            hidden.kind,
            noise=hidden.noise,
            clip=hidden.clip,
            spent=hidden.spent,
            delta=hidden.delta,
            rounds=hidden.rounds,
        ),
    )
    dataset = settings.dataset
    most = "all batches" if dataset.max_batches < 0 else f"at most {dataset.max_batches} batches"
    yield "examples", f"{dataset.batch_size} a batch, {most}"
    if made.training:
        yield from _task("training", settings.training, made.training)
    if made.evaluation:
        looks = settings.evaluation
        yield from _task("evaluation", looks.cohort, made.evaluation)
        whose = f"{looks.population}/{looks.task}, every {looks.every} {looks.unit}"
        none = "" if looks.traffic else ": none, until evaluation_traffic is set"
        yield "", f"of task {whose}, by {looks.traffic:.0%} of the devices{none}"


def _told(said: pb.TaskReport) -> Iterator[tuple[str, str]]:
    applied, metrics = said.applied_algorithms, said.metric_results
    devices = _named(pb.Optimizer.Enum.items(), applied.client_optimizer)
    server = _named(pb.Optimizer.Enum.items(), applied.server_optimizer)
    algorithm = _named(pb.LearningAlgo.Enum.items(), applied.learning_algo)
    yield "learning", f"{algorithm}; devices {devices}, server {server}"
    yield "metrics", ", ".join(filter(None, (metrics.accepted_metrics, "loss")))
    if metrics.rejected_metrics:
        yield "unknown", f"{metrics.rejected_metrics} (not measured)"
    kind = applied.dp_aggregator
    hidden = said.dp_hyperparameters
    yield (
        "privacy",
        _privacy(
            _named(pb.DpAggregator.Enum.items(), kind) if kind else None,
            noise=hidden.noise_multiplier,
            clip=hidden.dp_clip_norm,
            spent=hidden.dp_epsilon,
            delta=hidden.dp_delta,
            rounds=hidden.num_training_rounds,
        ),
    )


def _named(names: Sequence[tuple[str, int]], number: int) -> str:
    """The name of a number; of one that only a newer server knows, itself."""
    return next((name for name, each in names if each == number), str(number))


def _privacy(
    kind: str | None, *, noise: float, clip: float, spent: float, delta: float, rounds: int
) -> str:
    if kind is None:
        return "none: nothing is clipped, no noise is added"
    norm = "norm from" if kind.startswith("ADAPTIVE") else "norm"
    said = f"epsilon {spent:.6g} at delta {delta:.3g}"
    return f"{kind}: {norm} {clip:g}, noise {noise:.8g}; after {rounds} rounds {said}"


def _task(kind: str, cohort: Cohort, made: Artifacts) -> Iterator[tuple[str, str]]:
    yield kind, f"rounds of {cohort.goal} devices, {cohort.capacity} at once"
    yield "", f"server plan {len(made.plan):,} B, checkpoint {len(made.checkpoint):,} B"
    plan, sent = len(made.client_plan), made.sent
    yield "", f"a device downloads {plan + sent:,} B: a plan of {plan:,}, a model of {sent:,}"
    asked = "any" if made.least_version == "0" else f"{made.least_version} or newer"
    yield "", f"version of a device: {asked}"
