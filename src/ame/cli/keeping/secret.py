"""`ame secret add|list|delete|rotate`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ame import errors, runs
from ame.cli import completion
from ame.cli.main import Commands
from ame.cli.options import FILE
from ame.storage import home

if TYPE_CHECKING:
    from ame.storage.secrets import EncryptedSecrets

_TRIES = 3
"""How often a value may be repeated wrongly."""

group = Commands(
    name="secret",
    help="Secrets that tasks are given as environment variables, kept encrypted on this machine.",
    epilog="A task asks for one with `secrets: [!ame {key: KEY, injectAs: VARIABLE}]`.",
    table={
        "add": ("ame.cli.keeping.secret:add", "Store a secret."),
        "list": ("ame.cli.keeping.secret:list_", "List the keys; values are never shown."),
        "delete": ("ame.cli.keeping.secret:delete", "Delete a secret."),
        "rotate": ("ame.cli.keeping.secret:rotate", "Encrypt all secrets anew with a new key."),
    },
    aliases={"create": "add"},
)


@click.command(
    epilog="Examples: `ame secret add blob_storage_key`; "
    "`pass show db | ame secret add db_password`; "
    "`ame secret add deploy_key --from-file ~/.ssh/id_ed25519`"
)
@click.argument("key", required=False)
@click.option(
    "--from-file",
    "file",
    type=FILE,
    help="Take the content of a file, as it is.",
)
@click.option("--replace", is_flag=True, help="Give a new value to a secret that there is.")
def add(key: str | None, file: Path | None, *, replace: bool) -> None:
    """Stores a secret under KEY.

    The value is asked for, hidden and twice, on a terminal; otherwise it is read from standard
    input, without the end of its last line. It is never an argument, which others could see.
    """
    from ame.engine.secrets.mask import SHORTEST, maskable

    store = _store()
    key = key or _asked("Please provide the secret key")
    runs.secrets.check_key(key)
    if not replace and key in store.names():
        raise errors.SecretExists(key)
    value = _text(key, file.read_bytes()) if file else _value(key)
    store.put(key, value, replace=replace)
    click.echo(f"Stored secret `{key}`")
    if not maskable(value):
        click.echo(
            f"warning: logs show the value of `{key}`: less than {SHORTEST} characters "
            "are not masked",
            err=True,
        )


@click.command(name="list", epilog="Example: `ame secret list --format json`")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def list_(form: str) -> None:
    """Lists the keys of all secrets. Values are never shown."""
    names = _store().names()
    if form == "json":
        click.echo(json.dumps([{"key": name} for name in names], indent=2))
    else:
        click.echo("\n".join(("Key", *names)))


@click.command(epilog="Example: `ame secret delete blob_storage_key`")
@click.argument("key", required=False, shell_complete=completion.secret_keys)
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
def delete(key: str | None, *, yes: bool) -> None:
    """Deletes the secret KEY."""
    key = key or _asked("Please provide a secret key")
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("standard input is no terminal: confirm with `--yes`")
        click.confirm(f"Delete secret `{key}`?", abort=True)
    _store().remove(key)
    click.echo(f"Deleted secret `{key}`")


@click.command(epilog="Example: `ame secret rotate`")
def rotate() -> None:
    """Encrypts all secrets anew with a new key, and forgets the old one.

    Do so when others may have had the key, then replace the values that they may have read.
    """
    click.echo(f"Secrets encrypted with a new key: {_store().rotate()}")


def _store() -> "EncryptedSecrets":
    from ame.storage.secrets import EncryptedSecrets

    return EncryptedSecrets(home.home())


def _asked(words: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("KEY is missing")
    answer: str = click.prompt(words)
    return answer.strip()


def _value(key: str) -> str:
    if sys.stdin.isatty():
        for _ in range(_TRIES):
            answer: str = click.prompt("Please provide the secret value", hide_input=True)
            if click.prompt("Again", hide_input=True) == answer:
                return answer
            click.echo("The two values do not match", err=True)
        raise errors.SecretInvalid(key, "nothing was stored; say it once more, twice the same")
    return _text(key, sys.stdin.buffer.read()).removesuffix("\n").removesuffix("\r")


def _text(key: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise errors.SecretInvalid(key, "the value is no UTF-8: store it as base64") from None
