"""`ame task list`: the runs, newest first."""

import click

from ame import runs
from ame.cli.options import json_or_text, open_store
from ame.cli.terminal import shown


@click.command(
    "list",
    epilog="""\b
Examples:
  ame task list --state failed
  ame task list --search train --limit 5
  ame task list --format json
""",
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([str(state) for state in runs.State], case_sensitive=False),
    help="Only runs in this state; may be given again.",
)
@click.option("--project", default="", help="Only runs of this project.")
@click.option("--task", default="", help="Only runs of this task.")
@click.option("--search", default="", help="Only runs with this in their name.")
@json_or_text
def command(
    *, limit: int, states: tuple[str, ...], project: str, task: str, search: str, form: str
) -> None:
    """Lists runs with their state and project, newest first."""
    where = runs.Filter(
        states=frozenset(runs.State(state) for state in states),
        project=project,
        task=task,
        search=search,
    )
    store = open_store()
    page = store.page(where, limit=limit)
    rows = [(run.name, str(run.state), run.project or "Unknown") for run in page.runs]
    said = "yet: `ame task run` starts one" if where == runs.Filter() else "like that"
    shown.print_list(
        [shown.fields(run) for run in page.runs],
        form,
        shown.table(("Name", "Status", "Project"), rows),
        none=f"no runs {said}",
    )
    if page.after is not None and form == "text":
        click.echo(f"… and older ones: `--limit {limit * 2}` shows more", err=True)
