"""`ame completion`, and the names that a shell is offered. Nothing here ever fails a key press."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ame import errors, runs
from ame.storage import home

if TYPE_CHECKING:
    from ame.storage.sqlite import Database

_OFFERED = 50
_HOW = {
    "bash": 'eval "$(ame completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(ame completion zsh)"   in ~/.zshrc, below `compinit`',
    "fish": "ame completion fish | source   in ~/.config/fish/config.fish",
}


@click.command(
    "completion", epilog="\b\nExamples:\n" + "\n".join(f"  {line}" for line in _HOW.values())
)
@click.argument("shell", metavar="SHELL", type=click.Choice(list(_HOW)))
@click.pass_context
def command(ctx: click.Context, *, shell: str) -> None:
    """Prints the script that lets SHELL complete commands, options, tasks and runs."""
    from click.shell_completion import get_completion_class

    root = ctx.find_root().command
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(root, {}, "ame", "_AME_COMPLETE").source()
    # Click's script for fish ends a value, and what is said of it, at the first comma.
    click.echo(script.replace('string split ","', 'string split --max 1 ","'))


def tasks(ctx: click.Context, param: click.Parameter, begun: str) -> list[str]:
    """The tasks of the project in this folder or above."""
    del ctx, param
    from ame import project

    with suppress(errors.Error):
        return _beginning(begun, [task.name for task in project.read(project.around(Path())).tasks])
    return []


def run_names(ctx: click.Context, param: click.Parameter, begun: str) -> list[str]:
    """Runs, newest first, and the tasks that they are of."""
    del ctx, param
    with suppress(errors.Error):
        store = _store()
        if store is not None:
            found = store.page(runs.Filter(search=begun), limit=_OFFERED).runs
            names = [run.task for run in found] + [run.name for run in found]
            return _beginning(begun, names)
    return []


def artifacts(ctx: click.Context, param: click.Parameter, begun: str) -> list[str]:
    """The files that the run named before has saved."""
    del param
    with suppress(errors.Error):
        store = _store()
        if store is not None:
            saved = store.artifacts(store.find(ctx.params["run"]).name)
            return _beginning(begun, [each.path for each in saved])
    return []


def dataset_names(ctx: click.Context, param: click.Parameter, begun: str) -> list[str]:
    """The data sets that are kept."""
    del ctx, param
    with suppress(errors.Error):
        store = _store()
        if store is not None:
            return _beginning(begun, [each.name for each in store.datasets.list()])
    return []


def secret_keys(ctx: click.Context, param: click.Parameter, begun: str) -> list[str]:
    """The keys of the stored secrets."""
    del ctx, param
    from ame.storage.secrets import EncryptedSecrets

    with suppress(errors.Error):
        return _beginning(begun, EncryptedSecrets(home.home()).names())
    return []


def _store() -> "Database | None":
    """All runs; None where there is no database yet, which is not made for a key press."""
    from ame.storage.sqlite import Database

    file = home.home() / "runs.db"
    return Database(file) if file.exists() else None


def _beginning(begun: str, names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name.startswith(begun)))
