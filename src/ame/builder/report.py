"""What a build comes to: as the message of the builder's service, and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ame.protocol.pb import task_builder as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ame.builder.config import Cohort, Privacy, Settings
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
    yield "privacy", _privacy(settings.privacy)
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


def _privacy(privacy: Privacy) -> str:
    if privacy.kind is None:
        return "none: nothing is clipped, no noise is added"
    norm = f"{'norm from' if privacy.kind.adaptive else 'norm'} {privacy.clip:g}"
    spent = f"epsilon {privacy.spent:.6g} at delta {privacy.delta:.3g}"
    noise = f"noise {privacy.noise:.8g}"
    return f"{privacy.kind}: {norm}, {noise}; after {privacy.rounds} rounds {spent}"


def _task(kind: str, cohort: Cohort, made: Artifacts) -> Iterator[tuple[str, str]]:
    yield kind, f"rounds of {cohort.goal} devices, {cohort.capacity} at once"
    yield "", f"server plan {len(made.plan):,} B, checkpoint {len(made.checkpoint):,} B"
    plan, sent = len(made.client_plan), made.sent
    yield "", f"a device downloads {plan + sent:,} B: a plan of {plan:,}, a model of {sent:,}"
    asked = "any" if made.least_version == "0" else f"{made.least_version} or newer"
    yield "", f"version of a device: {asked}"
