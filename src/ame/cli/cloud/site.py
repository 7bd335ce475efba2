"""`ame site run|gateway`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ame.cli import remote
from ame.cli.main import Commands
from ame.cli.options import FILE, Amount, api_key_option
from ame.storage import home

if TYPE_CHECKING:
    from ame.daemon.site.config import Config

group = Commands(
    name="site",
    help="A site that runs Flower tasks of a server.",
    table={
        "run": ("ame.cli.cloud.site:run", "Ask for tasks, and run those that may run here."),
        "gateway": (
            "ame.cli.cloud.site:gateway",
            "Hand calls of its own broker on to the server.",
        ),
    },
)
server_option = click.option(
    "--server",
    envvar="AME_SERVER",
    default="",
    callback=remote.address,
    help="The server's address. [env: AME_SERVER; default: that of the configuration, or "
    "http://127.0.0.1:8080]",
)
config_option = click.option(
    "--config",
    "file",
    type=FILE,
    help="A `config.ini` that names brokers, the server, and the interval.",
)


def _settings(ctx: click.Context, param: click.Parameter, given: str) -> str:
    """As a SuperNode will read them, which else would fail when a task joins."""
    del ctx, param
    import re
    import tomllib

    setting = re.compile(r"""([^\s=]+)=('[^']*'|"[^"]*"|\S+)""")
    try:
        tomllib.loads("\n".join(f"{name} = {value}" for name, value in setting.findall(given)))
        wrong = setting.sub("", given).split()
    except tomllib.TOMLDecodeError:
        wrong = [given]
    if wrong:
        raise click.BadParameter(
            f"`{wrong[0]}` is no `name=value`; write numbers as they are, and texts in quotes: "
            """`partition-id=0 site="a"`"""
        )
    return given


@click.command(
    epilog="Examples: `ame site run hospital-1 --task 4fe5 --data-qnt 300 --sensor camera`; "
    "`ame site run hospital-1 --tag mnist --config config.ini`"
)
@click.argument("name")
@server_option
@click.option("--broker", default="", help="Call functions through this broker instead of HTTP.")
@config_option
@click.option(
    "--work-path",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where `tasks/` and `client_info/` are. [default: this folder]",
)
@click.option("--task", "tasks", multiple=True, help="Let this task run here; may be given again.")
@click.option("--tag", "tags", multiple=True, help="Let tasks with this tag run here.")
@click.option("--any", "any_", is_flag=True, help="Let every task run here that the server offers.")
@click.option("--data-qnt", type=int, help="Registered: how many examples there are.")
@click.option("--sensor", "sensors", multiple=True, help="Registered: a sensor; may be repeated.")
@click.option("--interval", type=Amount(0.01), help="Seconds between requests. [10]")
@click.option("--at-once", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--no-download", is_flag=True, help="Run only code that lies in `tasks/`; download none."
)
@click.option(
    "--node-config",
    default="",
    callback=_settings,
    metavar="SETTINGS",
    help="For SuperNodes of Flower apps: `partition-id=0 num-partitions=2`.",
)
@click.option("--once", is_flag=True, help="Ask once, run what is offered, and end.")
@api_key_option
def run(
    name: str,
    server: str,
    broker: str,
    file: Path | None,
    work_path: Path,
    tasks: tuple[str, ...],
    tags: tuple[str, ...],
    data_qnt: int | None,
    sensors: tuple[str, ...],
    interval: float | None,
    at_once: int,
    api_key: str,
    node_config: str,
    *,
    any_: bool,
    no_download: bool,
    once: bool,
) -> None:
    """Be the site NAME: register what it has, ask for tasks, download and run them.

    A task's code runs with all rights of this process, so its owner says which tasks may. One that
    fails is put into quarantine, and the next one is taken.
    """
    import asyncio

    from ame.daemon.site import agent, info, offers, opening

    if not (any_ or tasks or tags):
        raise click.UsageError("say which tasks may run here: --task ID, --tag TAG or --any")
    config = _config(file)
    known = info.Info(work=work_path, id=name)
    given: dict[str, object] = {} if data_qnt is None else {"data_qnt": data_qnt}
    known.write(given | ({"sensors": list(sensors)} if sensors else {}))
    address = _server(server, config)
    wish = agent.Wish(
        work=work_path.absolute(),
        home=home.home(),
        downloads=address,
        allowed=offers.Allowed(any=any_, tasks=frozenset(tasks), tags=frozenset(tags)),
        interval=interval or (config.interval if config else 10.0),
        at_once=at_once,
        download=not no_download,
        node_config=node_config,
    )
    reached = opening.Reached(
        server=address,
        broker=broker or (config.client_broker if config else ""),
        key=api_key,
        events=config.events if config else False,
    )
    asyncio.run(opening.run(wish, known, reached, click.echo, once=once))


@click.command(epilog="Example: `ame site gateway --broker amqp://localhost:8000`")
@server_option
@click.option("--broker", default="", help="The site's own broker. [default: AME_BROKER]")
@config_option
@api_key_option
def gateway(server: str, broker: str, file: Path | None, api_key: str) -> None:
    """Takes what clients of this site call through its own broker, and hands it to the server."""
    import asyncio

    from ame.daemon.site import opening

    config = _config(file)
    address = broker or (config.client_broker if config else "")
    reached = opening.Reached(
        server=_server(server, config),
        key=api_key,
        events=config.events if config else False,
    )
    said = f"calls are handed on to {reached.server}"
    asyncio.run(opening.serve_gateway(address, reached, lambda: click.echo(said)))


def _config(file: Path | None) -> "Config | None":
    if file is None:
        return None
    from ame.daemon.site.config import Config

    return Config.read(file)


def _server(given: str, config: "Config | None") -> str:
    return given or (config.gateway if config else "http://127.0.0.1:8080")
