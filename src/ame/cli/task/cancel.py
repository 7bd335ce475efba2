"""`ame task cancel`: stops a run that another ame leads."""

import os
import signal
import time

import click

from ame import process
from ame.cli import completion
from ame.cli.options import open_store

_POLL = 0.05


@click.command("cancel", epilog="\b\nExample:\n  ame task cancel train-k3p9x2")
@click.argument("name", shell_complete=completion.run_names)
@click.option("--wait/--no-wait", default=True, help="Whether to wait until it has ended.")
def command(*, name: str, wait: bool) -> None:
    """Stops a run: its steps are ended with all they have started."""
    store = open_store()
    run = store.find(name)
    if run.state.final:
        click.echo(f"{run.name} has ended already: {run.state}")
        return
    owner = process.Identity.parse(run.owner)
    if process.alive(owner):
        os.kill(owner.pid, signal.SIGTERM)
    while wait and process.alive(owner) and not run.state.final:
        time.sleep(_POLL)
        run = store.find(run.name)
    run = store.find(run.name)
    click.echo(f"{run.name} {run.state}" if run.state.final else f"{run.name} is being stopped")
