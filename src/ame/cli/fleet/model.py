"""`ame fleet model export`."""

from pathlib import Path

import click

from ame.cli import remote


@click.command(
    epilog="Examples: `ame fleet model export digits 1 --model digits.keras -o trained.keras`; "
    "`ame fleet model export digits 1 -o weights.npz`"
)
@click.argument("population")
@click.argument("task", type=int)
@click.option(
    "--model",
    type=click.Path(path_type=Path, exists=True),
    help="What the task was built from: a `.keras` file or a SavedModel.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="What to write, of the same kind; or `.npz` for the weights alone.",
)
@click.option("--round", "number", type=click.IntRange(1), help="What this round came to.")
@remote.server_option
def export(
    population: str, task: int, model: Path | None, output: Path, number: int | None, server: str
) -> None:
    """Saves the model that TASK of POPULATION has trained so far."""
    from ame.builder import export as library

    if output.exists():
        raise click.BadParameter(f"`{output}` is there already", param_hint="--output")
    path = remote.task(population, task)
    path += f"/rounds/{number}" if number else ""
    place = remote.ask(server, "GET", f"{path}/checkpoint")
    library.export(remote.send(server, "GET", place["url"], None), model, output)
    click.echo(f"saved {output}")
