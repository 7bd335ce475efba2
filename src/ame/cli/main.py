"""The command `ame`, its sub-commands by name, and what a failure prints."""

import sys
from collections.abc import Mapping
from importlib import import_module

import click

from ame import __version__, errors
from ame.cli import exits


class Commands(click.Group):
    """A group whose commands are imported when they are called, or asked for their help.

    `table` gives for each name where the command is (`module:attribute`) and its line of help.
    """

    def __init__(
        self,
        *,
        table: Mapping[str, tuple[str, str]],
        aliases: Mapping[str, str] | None = None,
        **settings: object,
    ) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]  # click names its settings itself
        self._table = table
        self._aliases = aliases or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        del ctx
        return list(self._table)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name or of that other spelling; imports it."""
        del ctx
        place, _ = self._table.get(self._aliases.get(name, name), ("", ""))
        if not place:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; for a word that is none, names the nearest one, or all."""
        known = [*self._table, *self._aliases]
        if args and not args[0].startswith("-") and args[0] not in known:
            from difflib import get_close_matches

            near = get_close_matches(args[0], known, n=1)
            has = ", ".join(f"`{name}`" for name in self._table)
            hint = f"; did you mean `{near[0]}`?" if near else f"; it has {has}"
            ctx.fail(f"`{ctx.command_path}` has no command `{args[0]}`{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands from the table, without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._table.items()])


def _print_version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    del param
    if asked:
        click.echo(f"ame {__version__}")
        ctx.exit()


root = Commands(
    name="ame",
    help="Machine-learning tasks on a laptop, on a cluster, over a fleet of devices.",
    epilog="Start with `ame init NAME`, then `ame task run`.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    table={
        "init": ("ame.cli.project:init", "Write a first ame.yml in this folder."),
        "project": ("ame.cli.project:group", "Write, check and register project files."),
        "task": ("ame.cli.task:group", "Run tasks, and look at what came of them."),
        "fed": ("ame.cli.fed:group", "Run, check and export federated jobs."),
        "artifact": ("ame.cli.keeping.artifact:group", "The files that runs have saved."),
        "ds": ("ame.cli.keeping.dataset:group", "The data sets that are kept on this machine."),
        "secret": ("ame.cli.keeping.secret:group", "Store, list and delete secrets for tasks."),
        "server": ("ame.cli.server:group", "The server of a fleet of devices."),
        "population": ("ame.cli.fleet.population:group", "The devices that do the same tasks."),
        "fleet": ("ame.cli.fleet:group", "Tasks of a fleet of devices."),
        "build": ("ame.cli.build:command", "Make plans and tasks of a model, for devices."),
        "cloud": ("ame.cli.cloud:group", "Flower tasks that a server starts on demand."),
        "site": ("ame.cli.cloud.site:group", "A site that runs Flower tasks of a server."),
        "device": ("ame.cli.fleet.device:group", "Devices that train for a fleet's server."),
        "broker": ("ame.cli.broker:group", "Call functions of services through RabbitMQ."),
        "clean": ("ame.cli.keeping.clean:command", "Free the room that old runs take."),
        "validate": ("ame.cli.project:validate", "Check the ame.yml, and say all that is wrong."),
        "completion": ("ame.cli.completion:command", "Let a shell complete commands and names."),
    },
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Show the version and exit.",
        )
    ],
)


def main() -> None:
    """Runs the command line and exits with a documented code."""
    run(root, "ame")


def run(command: click.Command, name: str) -> None:
    """Runs a command line, and exits likewise."""
    try:
        sys.exit(command.main(prog_name=name, standalone_mode=False) or 0)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(exits.USAGE)
    except errors.Error as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(exits.code_of(error))
    except OSError as error:
        what = str(error.strerror or error)
        if error.filename:
            remedy = "see that it is there, that you may use it, and that the disk has room"
            what = f"{error.filename}: {what}; {remedy}"
        click.echo(f"error: {what}", err=True)
        sys.exit(exits.CODES[errors.Unavailable])
    except (KeyboardInterrupt, click.Abort):
        click.echo("cancelled", err=True)
        sys.exit(exits.INTERRUPTED)
