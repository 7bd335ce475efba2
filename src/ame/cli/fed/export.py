"""`ame fed export`: the folder of a job, as NVFLARE runs it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ame.cli.fed import jobs
from ame.cli.fed import options as shared
from ame.federation import engines

if TYPE_CHECKING:
    from ame.federation.program import Version


@click.command(
    "export",
    cls=shared.OfScript,
    epilog="""\b
Examples:
  ame fed export job.py -o jobs
  ame fed export job.py -o jobs --flare-version 2.9
  nvflare simulator jobs/my_job -w workspace -n 2 -t 2
""",
)
@shared.target
@shared.arguments
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder in which that of the job is made; one of its name is replaced.",
)
@click.option(
    "--flare-version",
    type=click.Choice(["2.7", "2.9"]),
    default="2.7",
    show_default=True,
    help="The NVFLARE that is to run it: its versions do not read one another's jobs.",
)
@shared.clients
def command(
    *,
    target: Path,
    arguments: tuple[str, ...],
    output: Path,
    flare_version: "Version",
    clients: int | Sequence[str] | None,
) -> None:
    """Writes the folder of a job, which NVFLARE runs.

    TARGET is a Python script that defines a job, or the folder of a job to be written anew for
    another NVFLARE. A script runs, but its jobs do not.
    """
    asked = engines.Command(
        options=engines.Options(clients=clients), only_gather=True, arguments=arguments
    )
    jobs.do(target, asked, aside=True)
    from ame.federation import export

    for program, options in asked.programs:
        mixed = program.everyone is not None and program.sites
        sites = clients or (options.clients if mixed else None)
        click.echo(str(export.write(program, output, version=flare_version, clients=sites)))
