"""`ame cloud task start|stop|logs|metrics|files`."""

import secrets
import time
from pathlib import Path
from urllib.parse import quote, urlencode

import click

from ame.cli import remote
from ame.cli.cloud.tasks import TASK, at
from ame.cli.options import json_or_text
from ame.cli.terminal import shown

POLL = 0.3
USES = click.Choice(["training", "inference", "aggregation"])
RUN = click.option("--run", default="", help="Of this run. [default: the newest]")


@click.command(epilog="Example: `ame cloud task start 4fe5 --arguments '--rounds 3'`")
@TASK
@click.option("--arguments", help="Instead of the task's own.")
@click.option("--use", type=USES, default="training", show_default=True, help="Which code runs.")
@remote.server_option
def start(task: str, arguments: str | None, use: str, server: str) -> None:
    """Starts the server of TASK; its clients are offered it from now on."""
    said = {"use": use} if arguments is None else {"use": use, "arguments": arguments}
    begun = remote.ask(server, "POST", at(task, "/start"), said)
    click.echo(f"task `{task}` runs at port {begun['port']}, as `{begun['run']}`")


@click.command()
@TASK
@remote.server_option
def stop(task: str, server: str) -> None:
    """Ends the server of TASK, with all that it started."""
    remote.ask(server, "POST", at(task, "/stop"), {})
    click.echo(f"task `{task}` is stopped")


@click.command()
@TASK
@RUN
@click.option(
    "--attempt",
    type=click.IntRange(1),
    help="Of this one, where the task was tried again. [default: the newest]",
)
@click.option("-f", "--follow", is_flag=True, help="Go on as long as the run does.")
@remote.server_option
def logs(task: str, run: str, attempt: int | None, server: str, *, follow: bool) -> None:
    """Prints what the server of TASK has printed and reported.

    Who follows it also sees the attempts that come after.
    """
    asked: dict[str, object] = {"run": run, "attempt": attempt or 0, "after": 0}
    while True:
        part = remote.ask(server, "GET", at(task, f"/logs?{urlencode(asked)}"))
        click.echo(part["text"], nl=False)
        if part["over"] or not (follow or part["text"]):
            return
        asked |= {"run": part["run"], "attempt": part["attempt"], "after": part["next"]}
        if not part["text"]:
            time.sleep(POLL)


@click.command()
@TASK
@RUN
@remote.server_option
@json_or_text
def metrics(task: str, run: str, server: str, form: str) -> None:
    """Shows what a run of TASK has measured, by round."""
    found = remote.ask(server, "GET", at(task, f"/metrics?{urlencode({'run': run})}"))
    rows = [
        ("" if each["round"] is None else str(each["round"]), each["name"], f"{each['value']:.6g}")
        for each in found
    ]
    none = f"no metrics yet: `ame cloud task logs {task}` shows what it has printed"
    shown.print_list(found, form, shown.table(("ROUND", "METRIC", "VALUE"), rows), none=none)


@click.command(
    epilog="Examples: `ame cloud task files 4fe5 --upload tasks/task_4fe5`; "
    "`ame cloud task files 4fe5 --get server.py`"
)
@TASK
@click.option(
    "--upload",
    type=click.Path(path_type=Path, exists=True),
    help="Add a file, or all files of a folder; what is there is replaced.",
)
@click.option("--use", type=USES, default="training", show_default=True, help="For which use.")
@click.option("--get", help="Print this file's content.")
@remote.server_option
@json_or_text
def files(
    task: str, upload: Path | None, use: str, get: str | None, server: str, form: str
) -> None:
    """Lists the code of TASK by versions, uploads files to it, or prints one."""
    if upload is not None:
        kind, form_ = _form({"task_id": task, "use": use}, _files(upload))
        headers = {**remote.operator(), "content-type": kind}
        remote.send(server, "POST", f"{server}/upload_files", form_, headers)
        newest = remote.ask(server, "GET", at(task, "/files"))[0]
        click.echo(f"task `{task}` has version {newest['version']}")
        return
    if get is not None:
        url = f"{server}/api/v1/{at(task, f'/files/{quote(get)}')}"
        click.echo(remote.send(server, "GET", url, None, remote.operator()), nl=False)
        return
    found = remote.ask(server, "GET", at(task, "/files"))
    rows = [
        (str(each["version"]), path, digest[:12])
        for each in found
        for path, digest in sorted(each["files"].items())
    ]
    none = f"no files yet: `ame cloud task files {task} --upload PATH` adds some"
    shown.print_list(found, form, shown.table(("VERSION", "FILE", "CONTENT"), rows), none=none)


def _form(fields: dict[str, str], files: list[tuple[Path, str]]) -> tuple[str, bytes]:
    """A form with these fields and files: its content type, and its body."""
    boundary = secrets.token_hex(16)
    parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    for path, name in files:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        parts.append((f'name="files"; filename="{quoted}"', path.read_bytes()))
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for head, content in parts
    )
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def _files(place: Path) -> list[tuple[Path, str]]:
    """Files to upload, each with its path within the task; what Python caches is left out."""
    if place.is_file():
        return [(place, place.name)]
    found = [
        (path, path.relative_to(place).as_posix())
        for path in sorted(place.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    if not found:
        raise click.UsageError(f"{place} has no files")
    return found
