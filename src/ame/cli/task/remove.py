"""`ame task remove`: forgets a run."""

import shutil
import sys

import click

from ame import errors
from ame.cli import completion
from ame.cli.options import open_store
from ame.storage import home


@click.command("remove", epilog="\b\nExample:\n  ame task remove train-k3p9x2 --approve")
@click.argument("name", shell_complete=completion.run_names)
@click.option("--approve", is_flag=True, help="Do not ask.")
def command(*, name: str, approve: bool) -> None:
    """Removes a run with its logs, metrics and artifacts.

    Files that were brought back into the project stay. `ame clean` frees the room.
    """
    store = open_store()
    run = store.find(name)
    if not run.state.final:
        raise errors.RunUnfinished(run.name, str(run.state))
    if not approve:
        if not sys.stdin.isatty():
            raise errors.NotApproved(f"removing {run.name}", "--approve")
        click.confirm(f"Remove {run.name} with its logs and artifacts?", abort=True)
    store.remove([run.name])
    shutil.rmtree(home.home() / "runs" / run.name, ignore_errors=True)
    click.echo(f"{run.name} Deleted")
