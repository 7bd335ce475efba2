"""`ame fed check`: what a job does where, without doing it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ame import errors
from ame.cli.fed import jobs
from ame.cli.fed import options as shared
from ame.cli.options import json_or_text
from ame.cli.terminal import shown
from ame.federation import engines
from ame.federation.program import App, Filtered, Part, Program


@click.command(
    "check",
    cls=shared.OfScript,
    epilog="""\b
Examples:
  ame fed check job.py --clients 10
  ame fed check exported/my_job --format json
""",
)
@shared.target
@shared.arguments
@shared.clients
@json_or_text
def command(
    *, target: Path, arguments: tuple[str, ...], clients: int | Sequence[str] | None, form: str
) -> None:
    """Shows what a job's server does and what its sites do; nothing is trained.

    TARGET is a Python script that defines a job, or the folder of an exported job. A script runs,
    but its jobs do not.
    """
    asked = engines.Command(
        options=engines.Options(clients=clients), only_gather=True, arguments=arguments
    )
    jobs.do(target, asked, aside=form == "json")
    described = [_described(program, options) for program, options in asked.programs]
    if form == "json":
        click.echo(shown.as_json(described))
        return
    for (program, _), each in zip(asked.programs, described, strict=True):
        sites = each["sites"]
        click.echo(f"{program.name}: {_sites(sites)}, goes on with {program.min_clients} or more")
        click.echo(shown.table(("Where", "What", "Class", "For"), _rows(program)))


def _sites(sites: object) -> str:
    if not isinstance(sites, list):
        return str(sites)
    return f"{len(sites)} {'site' if len(sites) == 1 else 'sites'}"


def _described(program: Program, options: engines.Options) -> dict[str, object]:
    try:
        sites: object = list(program.site_names(options.clients))
    except errors.SitesUnclear as error:
        sites = str(error)
    rows = [
        dict(zip(("where", "what", "class", "for"), row, strict=True)) for row in _rows(program)
    ]
    return {"name": program.name, "min_clients": program.min_clients, "sites": sites, "parts": rows}


def _rows(program: Program) -> list[tuple[str, str, str, str]]:
    found = [("server", *row) for row in _of(program.server)]
    if program.everyone is not None:
        found += [("every site", *row) for row in _of(program.everyone)]
    for site, app in program.sites.items():
        found += [(site, *row) for row in _of(app)]
    return found


def _of(app: App) -> Iterator[tuple[str, str, str]]:
    for part in app.workflows:
        yield "workflow", _class(part), part.id
    for routed in app.executors:
        script = routed.executor.args.get("script")
        yield "executor", str(script or _class(routed.executor)), ", ".join(routed.tasks)
    for part in app.components:
        yield "component", _class(part), part.id
    for what, chain in (("data", app.task_data_filters), ("result", app.task_result_filters)):
        yield from _filters(what, chain)
    for file in app.files:
        yield "file", str(file.target), ""


def _filters(what: str, chain: tuple[Filtered, ...]) -> Iterator[tuple[str, str, str]]:
    for filtered in chain:
        for part in filtered.filters:
            yield f"{what} filter", _class(part), ", ".join(filtered.tasks)


def _class(part: Part) -> str:
    return part.path.removeprefix("ame.federation.")
