"""Options that several commands of `ame fed` have."""

from collections.abc import Sequence
from pathlib import Path

import click

target = click.argument("target", type=click.Path(exists=True, path_type=Path), metavar="TARGET")
arguments = click.argument("arguments", nargs=-1, type=click.UNPROCESSED)


class Clients(click.ParamType[int | Sequence[str]]):
    """A number, or names with commas between them."""

    name = "number or names"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | Sequence[str]:
        """What was meant."""
        if isinstance(value, int | tuple):
            return value
        text = str(value).strip()
        if text.isdecimal():
            return int(text)
        names = tuple(name.strip() for name in text.split(","))
        if not all(names):
            return self.fail("give a number, or names with a comma between them", param, ctx)
        return names


clients = click.option(
    "-n",
    "--clients",
    type=Clients(),
    metavar="NUMBER|NAMES",
    help="How many sites there are, or their names with commas between them.",
)
