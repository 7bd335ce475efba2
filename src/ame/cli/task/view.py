"""`ame task view`: all that is known of one run."""

import click

from ame import runs
from ame.cli import completion
from ame.cli.options import json_or_text, open_store
from ame.cli.terminal import shown
from ame.runs.words import duration
from ame.storage import home


@click.command(
    "view",
    epilog="""\b
Examples:
  ame task view train            the newest run of the task `train`
  ame task view train-k3p9x2 --format json
""",
)
@click.argument("name", shell_complete=completion.run_names)
@json_or_text
def command(*, name: str, form: str) -> None:
    """Shows a run: its state, steps, limits, metrics and artifacts.

    NAME is a run's unique name, or a task's name for its newest run.
    """
    store = open_store()
    run = store.find(name)
    if form == "json":
        click.echo(shown.as_json(shown.whole(run, store)))
        return
    for label, value in _facts(run):
        if value:
            click.echo(f"{label + ':':11} {value}")
    click.echo()
    rows = [
        (step.name, str(step.state), _took(step.started, step.ended), step.reason, step.limits)
        for step in store.steps(run.name)
    ]
    click.echo(shown.table(("Step", "Status", "Took", "Reason", "Held by"), rows))
    for step, lines in shown.last_lines(store.steps(run.name), home.home() / "runs" / run.name):
        click.echo(f"\nLast of {step}:")
        for line in lines:
            click.echo(f"  {line}")
    measured = shown.metrics(store.metrics(run.name), store.steps(run.name))
    if measured:
        click.echo(f"\n{measured}")
    artifacts = store.artifacts(run.name)
    if artifacts:
        saved = [(each.path, shown.size(each.size), each.step) for each in artifacts]
        click.echo("\n" + shown.table(("Artifact", "Size", "Step"), saved))


def _facts(run: runs.Run) -> list[tuple[str, str]]:
    changed = " and changes since" if run.dirty else ""
    return [
        ("Name", run.name),
        ("Status", f"{run.state}{f' ({run.reason})' if run.reason else ''}"),
        ("Task", run.task),
        ("Kind", run.kind if run.kind != "task" else ""),
        ("Project", run.project),
        ("Folder", run.folder),
        ("Commit", f"{run.commit}{changed}" if run.commit else ""),
        ("Created", shown.moment(run.created)),
        ("Took", _took(run.started, run.ended)),
        ("Arguments", " ".join(run.arguments)),
        ("Resumes", run.resumes),
    ]


def _took(started: object, ended: object) -> str:
    from datetime import datetime

    if isinstance(started, datetime) and isinstance(ended, datetime):
        return duration((ended - started).total_seconds())
    return ""
