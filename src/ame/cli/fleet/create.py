"""`ame fleet task create`."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ame import errors
from ame.cli import remote
from ame.cli.options import FILE, Amount

WHEN = click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M%z"])


@click.command(
    epilog="Example: `ame fleet task create digits --plan client.plan --checkpoint init.ckpt "
    "--rounds 20 --goal 50 --aggregation mean.json`"
)
@click.argument("population")
@click.option("--plan", type=FILE, required=True, help="The ClientOnlyPlan that devices run.")
@click.option("--checkpoint", type=FILE, required=True, help="What the first round begins with.")
@click.option("--server-plan", type=FILE, help="The Plan whose server part aggregates.")
@click.option(
    "--aggregation", type=FILE, help="JSON that says how to aggregate, without a server part."
)
@click.option(
    "--slices", type=FILE, help="A SlicesTestDataset: what devices fetch in parts, over TLS."
)
@click.option("--rounds", type=click.IntRange(1), required=True, help="How many rounds.")
@click.option("--goal", type=click.IntRange(1), required=True, help="Contributions to a round.")
@click.option("--capacity", type=click.IntRange(1), help="Devices at once. [default: 1.3 x goal]")
@click.option("--weight", type=click.IntRange(0), default=1, help="Share of the traffic.")
@click.option("--evaluates", type=int, metavar="TASK", help="Evaluate this task's checkpoints.")
@click.option("--every", help="Which: `K_round` or `K_hour`. [default: 1_round]")
@click.option("--min-version", default="", help="Of devices. [default: any]")
@click.option("--max-version", default="", help="Of devices. [default: any]")
@click.option("--start", type=WHEN, help="Open no earlier.")
@click.option("--last-start", type=WHEN, help="Begin no round after that.")
@click.option("--parallel", type=click.IntRange(1), help="Rounds at once. [default: 1]")
@click.option("--min-examples", type=click.IntRange(1), help="A device must have so many.")
@click.option(
    "--separation", type=click.IntRange(1), help="Rounds from a device's one to its next."
)
@click.option(
    "--once-in",
    type=Amount(0, min_open=True),
    metavar="HOURS",
    help="A device does it once in so many.",
)
@click.option(
    "--assignment",
    type=click.Choice(["single", "multiple"]),
    default="single",
    show_default=True,
    help="Whether a device does it alone in a visit, or beside all others that are `multiple`.",
)
@click.option("--policies", type=FILE, help="JSON: a list of more that a device must meet.")
@remote.server_option
def command(
    population: str,
    plan: Path,
    checkpoint: Path,
    server_plan: Path | None,
    aggregation: Path | None,
    slices: Path | None,
    rounds: int,
    goal: int,
    capacity: int | None,
    weight: int,
    evaluates: int | None,
    every: str | None,
    min_version: str,
    max_version: str,
    start: datetime | None,
    last_start: datetime | None,
    parallel: int | None,
    min_examples: int | None,
    separation: int | None,
    once_in: float | None,
    assignment: str,
    policies: Path | None,
    server: str,
) -> None:
    """Makes a task for the devices of POPULATION and uploads what it needs."""
    said: dict[str, Any] = {
        "totalIteration": rounds,
        "minAggregationSize": goal,
        "info": {"trafficWeight": weight, **_kind(server, population, evaluates, every)},
    }
    if capacity:
        said["maxAggregationSize"] = capacity
    if aggregation:
        said["aggregation"] = _read(aggregation, "aggregation")
    if assignment == "multiple":
        said["taskAssignmentMode"] = "TASK_ASSIGNMENT_MODE_MULTIPLE"
    said |= _told(
        minClientVersion=min_version,
        maxClientVersion=max_version,
        startTaskNoEarlierThan=start and _stamp(start),
        doNotCreateIterationAfter=last_start and _stamp(last_start),
        maxParallel=parallel,
        policies=[
            *_policies(min_examples, separation, once_in),
            *(_read(policies, "policies") if policies else ()),
        ],
    )
    made = remote.ask(server, "POST", f"{remote.population(population)}/tasks", said)
    files = {
        "serverPhaseUrl": server_plan,
        "slicesUrl": slices,
        "clientOnlyPlanUrl": plan,
        "initCheckpointUrl": checkpoint,
    }
    _upload(server, made, {field: path for field, path in files.items() if path is not None})
    click.echo(f"task {made['taskId']} of `{population}` is created")


def _upload(server: str, made: dict[str, Any], files: dict[str, Path]) -> None:
    """Uploads what a task needs; one that would be left half made is canceled."""
    try:
        for field, path in files.items():
            remote.send(server, "PUT", made[field][0], path.read_bytes())
    except errors.ServerRefused:
        with suppress(errors.Error):
            task = remote.task(made["populationName"], int(made["taskId"]))
            remote.ask(server, "POST", f"{task}/cancel")
        raise


def _kind(server: str, population: str, evaluates: int | None, every: str | None) -> dict[str, Any]:
    """Whether the task trains, or which checkpoints of which task it evaluates."""
    if evaluates is None:
        if every is not None:
            why = "--every says which checkpoints of --evaluates TASK: name that too"
            raise click.UsageError(why)
        return {"trainingInfo": {}}
    selector = _selector(every or "1_round")
    trained = remote.ask(server, "GET", remote.task(population, evaluates))
    if trained["kind"] != "training":
        raise click.BadParameter(
            f"{trained['name']} trains nothing: name the task that it evaluates",
            param_hint="--evaluates",
        )
    return {"evaluationInfo": {"trainingTaskId": evaluates, "checkPointSelector": selector}}


def _selector(every: str) -> dict[str, Any]:
    number, _, unit = every.partition("_")
    if not number.isdecimal() or int(number) < 1 or unit not in {"round", "hour"}:
        raise click.BadParameter("must be like `2_round` or `6_hour`", param_hint="--every")
    if unit == "hour":
        return {"durationSelector": {"hours": int(number)}}
    return {"iterationSelector": {"size": int(number)}}


def _policies(
    examples: int | None, separation: int | None, hours: float | None
) -> list[dict[str, Any]]:
    """What is asked of devices, as the server takes it."""
    found: list[dict[str, Any]] = []
    if examples:
        found.append({"dataAvailabilityPolicy": {"minExampleCount": examples}})
    if separation:
        found.append({"minSepPolicy": {"minimumSeparation": separation}})
    if hours:
        found.append({"sworPolicy": {"minPeriod": f"{round(hours * 3600)}s"}})
    return found


def _told(**said: object) -> dict[str, Any]:
    """What was said of it all."""
    return {name: value for name, value in said.items() if value}


def _stamp(at: datetime) -> str:
    """A time as proto3's JSON has it; one without a zone is of this machine's."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(path: Path, what: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise click.BadParameter(f"`{path}` is no JSON: {error}", param_hint=f"--{what}") from None
