"""`ame clean`: frees the room that old runs take."""

from datetime import UTC, datetime, timedelta

import click

from ame.cli.options import json_or_text, open_home
from ame.cli.terminal import shown


@click.command(
    "clean",
    epilog="""\b
Examples:
  ame clean --dry-run     name the runs that would go
  ame clean               with what the setting `keep` says, 30 days unless set
  ame clean --keep 7d     all that is older than a week
  ame clean --keep 0      all that has ended
""",
)
@click.option("--keep", metavar="TIME", help="Keep what is younger: `12h`, `7d`.")
@click.option("--dry-run", is_flag=True, help="Only name the runs that would be removed.")
@json_or_text
def command(*, keep: str | None, dry_run: bool, form: str) -> None:
    """Removes old runs, and stored files and environments that nothing needs any more.

    Artifacts that were brought back into a project stay there. A run that has not ended is never
    removed, nor is an environment in use.
    """
    from ame.engine.keeping import clean
    from ame.project import quantity

    with open_home() as home:
        seconds = home.settings.keep
        if keep is not None:
            try:
                seconds = quantity.read_age(keep)
            except ValueError as error:
                raise click.BadParameter(str(error), param_hint="--keep") from error
        before = datetime.now(UTC) - timedelta(seconds=seconds)
        if dry_run:
            old = clean.old_runs(home, before=before)
            click.echo(shown.as_json(old) if form == "json" else "\n".join(old))
            return
        cleared = clean.clean(home, before=before)
    if form == "json":
        click.echo(
            shown.as_json(
                {
                    "runs": cleared.runs,
                    "environments": cleared.environments,
                    "freed": cleared.freed,
                }
            )
        )
        return
    click.echo(
        f"removed {len(cleared.runs)} runs and {cleared.environments} environments, "
        f"freed {shown.size(cleared.freed)} of stored files"
    )
