"""`ame fleet task create`."""

import json
from pathlib import Path
from typing import Any

import click

from ame import errors
from ame.cli import remote

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


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
@click.option("--rounds", type=click.IntRange(1), required=True, help="How many rounds.")
@click.option("--goal", type=click.IntRange(1), required=True, help="Contributions to a round.")
@click.option("--capacity", type=click.IntRange(1), help="Devices at once. [default: 1.3 x goal]")
@click.option("--weight", type=click.IntRange(0), default=1, help="Share of the traffic.")
@click.option("--evaluates", type=int, metavar="TASK", help="Evaluate this task's checkpoints.")
@click.option("--every", default="1_round", help="Which: `K_round` or `K_hour`. [default: 1_round]")
@remote.server_option
def command(
    population: str,
    plan: Path,
    checkpoint: Path,
    server_plan: Path | None,
    aggregation: Path | None,
    rounds: int,
    goal: int,
    capacity: int | None,
    weight: int,
    evaluates: int | None,
    every: str,
    server: str,
) -> None:
    """Makes a task for the devices of POPULATION and uploads what it needs."""
    said: dict[str, Any] = {
        "totalIteration": rounds,
        "minAggregationSize": goal,
        "info": {"trafficWeight": weight, "trainingInfo": {}},
    }
    if capacity:
        said["maxAggregationSize"] = capacity
    if evaluates is not None:
        looks = {"trainingTaskId": evaluates, "checkPointSelector": _selector(every)}
        said["info"] = {"trafficWeight": weight, "evaluationInfo": looks}
    if aggregation:
        said["aggregation"] = _read(aggregation)
    made = remote.ask(server, "POST", f"populations/{population}/tasks", said)
    uploads = [(server_plan, "serverPhaseUrl"), (plan, "clientOnlyPlanUrl")]
    for path, field in (*uploads, (checkpoint, "initCheckpointUrl")):
        if path is not None:
            remote.send(server, "PUT", made[field][0], path.read_bytes())
    click.echo(f"task {made['taskId']} of `{population}` is created")


def _selector(every: str) -> dict[str, Any]:
    number, _, unit = every.partition("_")
    if not number.isdecimal() or int(number) < 1 or unit not in {"round", "hour"}:
        raise click.BadParameter("must be like `2_round` or `6_hour`", param_hint="--every")
    if unit == "hour":
        return {"durationSelector": {"hours": int(number)}}
    return {"iterationSelector": {"size": int(number)}}


def _read(path: Path) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise errors.RecipeInvalid(path.name, f"is no JSON: {error}") from None
