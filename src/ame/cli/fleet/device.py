"""`ame device run|simulate`."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ame import errors
from ame.cli import remote
from ame.cli.main import Commands
from ame.cli.options import FILE, Amount, api_key_option, json_or_text
from ame.cli.terminal import shown
from ame.storage import home

if TYPE_CHECKING:
    from ame.device import simulation, visit
    from ame.device.examples import Files
    from ame.device.links.reach import Reach

Command = TypeVar("Command", bound=Callable[..., Any])
group = Commands(
    name="device",
    help="Devices that train and evaluate for a fleet's server.",
    table={
        "run": ("ame.cli.fleet.device:run", "Be one device."),
        "simulate": ("ame.cli.fleet.device:simulate", "Be many devices, in a time of their own."),
    },
)
REACH = (
    remote.server_option,
    api_key_option,
    click.option(
        "--grpc",
        default="",
        metavar="grpc[s]://HOST:PORT",
        help="Make calls over gRPC there; files still go to `--server`.",
    ),
    click.option(
        "--operations", is_flag=True, help="The server answers with operations over gRPC too."
    ),
    click.option(
        "--dialect",
        type=click.Choice(["federated-compute", "odp"]),
        default="federated-compute",
        show_default=True,
        help="Which protocol the server speaks; `odp` is On-Device Personalization's.",
    ),
    click.option(
        "--keys",
        default="",
        help="Where keys to encrypt with are, with `odp`. [default: the server]",
    ),
    click.option(
        "--ca", type=FILE, help="Of the server's certificate, where the system does not know it."
    ),
    click.option(
        "--certificate", type=FILE, help="The devices' own, where the server asks for one."
    ),
    click.option("--key", type=FILE, help="Of the certificate."),
    click.option("--insecure", is_flag=True, help="Allow plain HTTP to other machines."),
)
"""How a server is got at: what `_reach` makes of them."""
population_option = click.option("--population", required=True, help="Which devices these are.")
version_option = click.option(
    "--version", default="1", show_default=True, help="Told to the server."
)


def _reaching(command: Command) -> Command:
    """A command with all these options."""
    for option in reversed(REACH):
        command = option(command)
    return command


def _reach(said: dict[str, Any]) -> "Reach":
    from ame.device.links.reach import Reach

    if said["grpc"] and said["dialect"] == "odp":
        raise click.UsageError("the dialect `odp` is spoken over HTTP alone, without `--grpc`")
    return Reach(
        server=said["server"],
        key=said["api_key"],
        insecure=said["insecure"],
        grpc=said["grpc"],
        operations=said["operations"],
        personal=said["dialect"] == "odp",
        keys=said["keys"],
        authority=str(said["ca"] or ""),
        certificate=str(said["certificate"] or ""),
        certificate_key=str(said["key"] or ""),
    )


@click.command(
    epilog="Examples: `ame device run --population digits --examples mine.tfrecord --once`; "
    "`ame device run --population words --examples app://typed=words.tfrecord`"
)
@_reaching
@population_option
@click.option(
    "--examples",
    "given",
    multiple=True,
    metavar="[COLLECTION=]FILE",
    help="A file of TFRecords, of one collection or of all.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="What the device remembers. [default: `device` in the state folder]",
)
@click.option("--once", is_flag=True, help="Check in once, now, and end.")
@version_option
def run(
    population: str,
    given: tuple[str, ...],
    state: Path | None,
    version: str,
    *,
    once: bool,
    **said: Any,  # noqa: ANN401 - click gives what it declares
) -> None:
    """Checks in, runs the plan that it is given on its examples, and hands in the result.

    It comes back when the server wants it to, until Ctrl-C. Killed in the middle of a session, it
    goes on with it when it is started again.
    """
    import asyncio

    from ame.device import agent

    asked = agent.Asked(
        reach=_reach(said),
        population=population,
        examples=_files(given),
        state=state or home.home() / "device",
        environments=home.home() / "environments",
        version=version,
    )
    seen = asyncio.run(agent.run(asked, once=once, told=_tell))
    if seen is not None and seen.outcome in {"failed", "cut off"}:
        words = ("ame", "fleet", "explain", population, seen.session)
        raise errors.VisitFailed(seen.task, seen.why, shlex.join(words) if seen.session else "")


@click.command(
    epilog="Example: `ame device simulate --population digits --devices 200 --examples data "
    "--dropout 0.1 --processes 2`"
)
@_reaching
@population_option
@click.option("--devices", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--examples",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with a file of TFRecords for each device, in the order of their names.",
)
@click.option(
    "--dropout",
    type=Amount(0, 1),
    default=0.0,
    show_default=True,
    help="The chance that a device vanishes with its result.",
)
@click.option("--seed", default=0, show_default=True, help="Of all chances of the devices.")
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="That share them."
)
@click.option(
    "--at-once",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="Devices of a process that are on line at a time.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Plans that a process runs at a time.",
)
@click.option(
    "--failures",
    type=click.IntRange(1),
    help="Visits of a process in a row that may come to nothing, before it gives up. "
    "[default: 3 for each of its devices, at least 100]",
)
@version_option
@json_or_text
def simulate(
    population: str,
    devices: int,
    examples: Path | None,
    dropout: float,
    seed: int,
    processes: int,
    at_once: int,
    threads: int,
    failures: int | None,
    version: str,
    form: str,
    **said: Any,  # noqa: ANN401 - click gives what it declares
) -> None:
    """Simulates a fleet: devices that check in until the server has no task that is open.

    They do what real ones do, but that their time jumps to the next one's return. Where visit after
    visit comes to nothing, they give up.
    """
    from ame.device import crew, simulation

    asked = crew.Crew(
        reach=_reach(said),
        population=population,
        devices=devices,
        examples=str(examples or ""),
        dropout=dropout,
        seed=seed,
        processes=processes,
        at_once=at_once,
        threads=threads,
        environments=str(home.home() / "environments"),
        version=version,
        failures=failures or 0,
    )
    draws = form != "json" and sys.stderr.isatty()
    tally = simulation.Tally()

    def hear(so_far: simulation.Tally) -> None:
        nonlocal tally
        tally = so_far
        if draws:
            _progress(so_far)

    try:
        tally = crew.run(asked, hear)
    finally:  # an interrupted one too says what was done
        if tally.visits:
            click.echo("", err=True, nl=draws)
            click.echo(shown.as_json(tally.plain()) if form == "json" else _counted(tally))
    if tally.given_up or tally.unable:
        raise errors.FleetGaveUp(tally.given_up)


def _files(given: tuple[str, ...]) -> "Files":
    from ame.device.examples import Files

    collections: dict[str, tuple[Path, ...]] = {}
    for each in given:
        uri, _, name = each.rpartition("=")
        path = Path(name)
        if not path.is_file():
            raise click.BadParameter(f"`{name}` is no file", param_hint="--examples")
        collections[uri] = (*collections.get(uri, ()), path)
    return Files(collections=collections)


def _tell(seen: "visit.Visit") -> None:
    about = f" to {seen.task}" if seen.outcome == "contributed" else ""
    why = f": {seen.why}" if seen.why else ""
    session = f"; session {seen.session}" if seen.session and seen.outcome != "contributed" else ""
    click.echo(f"{seen.outcome}{about}{why}; to come back in {seen.wait:.0f} s{session}")


def _counted(tally: "simulation.Tally") -> str:
    total, hours = tally.visits.total(), tally.simulated / 3600
    lines = [f"{total} visits in {hours:.1f} simulated hours: {_words(tally)}"]
    lines += [f"  {number} x {why}" for why, number in tally.reasons.most_common(5)]
    return "\n".join(lines)


def _progress(tally: "simulation.Tally") -> None:
    click.echo(f"\r\033[K{_words(tally)}", err=True, nl=False)


def _words(tally: "simulation.Tally") -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(tally.visits.items()))
