"""`ame fleet task list|show|wait|pause|resume|cancel|checkpoint`."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from ame.cli import remote
from ame.cli.options import json_or_text
from ame.cli.terminal import shown

TASK = click.argument("task", type=int)
LOOK = 0.2
"""How often `wait` asks, in seconds."""
ROUND = ("ROUND", "STATUS", "DEVICES", "ACCEPTED", "FAILED", "METRICS")


@click.command("list")
@click.argument("population", required=False)
@remote.server_option
@json_or_text
def list_(population: str | None, server: str, form: str) -> None:
    """Lists the tasks of POPULATION, or of all."""
    path = "tasks" if population is None else f"{remote.population(population)}/tasks"
    found = remote.ask(server, "GET", path)
    head = ("TASK", "KIND", "STATUS", "ROUNDS", "GOAL", "REASON")
    rows = [
        (
            each["name"],
            each["kind"],
            _status(each),
            str(each["rounds_wanted"]),
            str(each["goal"]),
            each["reason"],
        )
        for each in found
    ]
    none = f"no tasks yet: `ame fleet task create {population or 'POPULATION'}` makes one"
    shown.print_list(found, form, shown.table(head, rows), none=none)


def _of_a_task(command: Callable[..., None]) -> click.Command:
    """A command about one task, which shows it in the end."""
    for part in (json_or_text, remote.server_option, TASK, click.argument("population")):
        command = part(command)
    return click.command()(command)


@_of_a_task
def show(population: str, task: int, server: str, form: str) -> None:
    """Shows TASK of POPULATION, its rounds and their metrics."""
    _show(remote.ask(server, "GET", remote.task(population, task)), form)


@_of_a_task
def wait(population: str, task: int, server: str, form: str) -> None:
    """Waits until TASK is open to devices, or has ended."""
    while _opening(found := remote.ask(server, "GET", remote.task(population, task))):
        time.sleep(LOOK)
    _show(found, form)


def _opening(task: Mapping[str, Any]) -> bool:
    """Whether a task takes no devices yet, but will as soon as its server has come to that.

    A training opens a moment before its first round begins; an evaluation may wait for long until
    there is something to look at.
    """
    begins = task["kind"] == "training" and not (task["paused"] or task["rounds"])
    return task["status"] == "CREATED" or (task["status"] == "OPEN" and begins)


def _told(verb: str, line: str) -> click.Command:
    """A command that tells the server what to do with a task."""

    def tell(population: str, task: int, server: str, form: str) -> None:
        _show(remote.ask(server, "POST", f"{remote.task(population, task)}/{verb}"), form)

    tell.__doc__ = line
    return _of_a_task(tell)


pause = _told("pause", "Takes no more devices into TASK; those that are at it go on.")
resume = _told("resume", "Takes devices into TASK again.")
cancel = _told("cancel", "Ends TASK and its rounds. What devices still hand in is refused.")


@click.command()
@click.argument("population")
@TASK
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file to write.",
)
@click.option("--round", "number", type=click.IntRange(1), help="What this round came to.")
@remote.server_option
def checkpoint(population: str, task: int, output: Path, number: int | None, server: str) -> None:
    """Saves the newest checkpoint of TASK, a TensorFlow version 1 checkpoint."""
    path = remote.task(population, task)
    path += f"/rounds/{number}" if number else ""
    place = remote.ask(server, "GET", f"{path}/checkpoint")
    output.write_bytes(remote.send(server, "GET", place["url"], None))
    click.echo(f"saved {output}")


def _show(found: dict[str, Any], form: str) -> None:
    if form == "json":
        click.echo(shown.as_json(found))
        return
    wanted, goal = found["rounds_wanted"], found["goal"]
    click.echo(f"{found['name']}: {found['kind']}, {_status(found)}, {wanted} rounds of {goal}")
    for fact in (found["reason"], "waits for " + " and ".join(found["missing"])):
        if fact and fact != "waits for ":
            click.echo(fact)
    rows = [
        (
            str(each["number"]),
            each["status"],
            str(each["active"]),
            str(each["accepted"]),
            str(each["failed"]),
            " ".join(f"{name}={value:.4g}" for name, value in each["metrics"].items()),
        )
        for each in found["rounds"]
    ]
    if rows:
        click.echo(shown.table(ROUND, rows))


def _status(task: dict[str, Any]) -> str:
    status: str = task["status"]
    return f"{status}, paused" if task["paused"] else status
