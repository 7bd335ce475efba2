"""Options that several commands of `ame fed` have."""

from collections.abc import Sequence
from pathlib import Path

import click

target = click.argument("target", type=click.Path(exists=True, path_type=Path), metavar="TARGET")
arguments = click.argument("arguments", nargs=-1, type=click.UNPROCESSED)


class OfScript(click.Command):
    """A command with ARGUMENTS for a script: an option that it lacks may be meant for that one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Command`.

        Raises:
            click.NoSuchOption: there is no such option, and how to give it to the script.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.NoSuchOption(
                error.option_name,
                f"{error.message} What is for the script goes after `--`: "
                f"`{ctx.command_path} job.py -- {error.option_name}`.",
                error.possibilities,
                ctx,
            ) from None


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
