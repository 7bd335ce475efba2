"""What several commands share: the state folder, the form of a list, a key."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ame import runs
from ame.storage import home

if TYPE_CHECKING:
    from ame.engine.home import Home


def open_home() -> "Home":
    """The state folder with all its parts; for commands that do more than look."""
    from ame.engine.home import Home

    return Home(home.home())


def open_store() -> runs.Store:
    """All runs, with those that were lost marked as such."""
    from ame.engine.keeping import lost
    from ame.storage.sqlite import Database

    folder = home.home()
    store = Database(folder / "runs.db")
    for run in lost.mark(store, folder):
        click.echo(f"run `{run.name}` was lost; what it left running was ended", err=True)
    return store


class Amount(click.FloatRange):
    """A finite number within bounds; `nan` is in none of them, though it compares as if it were."""

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is no finite number", param, ctx)
        return found


FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
"""An option's file that is there."""
json_or_text = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="A table for people, or JSON for programs.",
)

api_key_option = click.option(
    "--api-key", default="", envvar="AME_API_KEY", help="Shown to the server. [env: AME_API_KEY]"
)
