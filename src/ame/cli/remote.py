"""The server of a fleet, as an operator's commands see it: JSON over HTTP."""

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click

from ame import errors
from ame.storage import home

if TYPE_CHECKING:
    import ssl

SECONDS = 60.0
TLS = (
    "AME_CA names the file of its authority, AME_CERTIFICATE and AME_CERTIFICATE_KEY those of what "
    "you show of yourself"
)
"""What else may be wrong where a server is spoken to over TLS."""
_STRANGE = "what answers there is no server of ame: see that --server is right"
Command = TypeVar("Command", bound=Callable[..., Any])


def address(
    context: click.Context,  # noqa: ARG001 - click's own
    parameter: click.Parameter,  # noqa: ARG001 - the same
    given: str,
) -> str:
    """The address of a server, as options take it."""
    if given and not given.startswith(("http://", "https://")):
        raise click.BadParameter(f"`{given}` is no address; write `http://HOST:PORT`")
    return given.rstrip("/")


def server_option(command: Command) -> Command:
    """The option that says which server is meant."""
    option = click.option(
        "--server",
        envvar="AME_SERVER",
        default="http://127.0.0.1:8080",
        show_default=True,
        callback=address,
        help="The server's address. [env: AME_SERVER]",
    )
    return option(command)


def ask(server: str, method: str, path: str, said: object = None) -> Any:  # noqa: ANN401 - JSON
    """The server's answer to a request below `/api/v1/`.

    Raises:
        errors.ServerSilent: it cannot be reached.
        errors.ServerRefused: it says that something is wrong.
    """
    body = None if said is None else json.dumps(said).encode()
    headers = {"content-type": "application/json", **operator()}
    answer = send(server, method, f"{server}/api/v1/{path}", body, headers)
    try:
        return json.loads(answer)
    except ValueError:
        raise errors.ServerRefused(200, _STRANGE) from None


def quoted(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def population(name: str) -> str:
    """The path of a population, below `/api/v1/`."""
    if not name:
        raise click.BadParameter("it is empty", param_hint="'POPULATION'")
    return f"populations/{quoted(name)}"


def know(server: str, name: str) -> None:
    """Sees that there is a population.

    Raises:
        errors.PopulationUnknown: there is none.
    """
    if name not in ask(server, "GET", "populations"):
        raise errors.PopulationUnknown(name)


def task(name: str, number: int) -> str:
    """The path of a population's task."""
    return f"{population(name)}/tasks/{number}"


def operator() -> dict[str, str]:
    """The header by which an operator is known, where there is a token."""
    shown = token()
    return {"authorization": f"Bearer {shown}"} if shown else {}


def send(
    server: str, method: str, url: str, body: bytes | None, headers: dict[str, str] | None = None
) -> bytes:
    """The body of a response. Raises as `ask` does."""
    shown = {"accept": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data=body, headers=shown, method=method)  # noqa: S310 - the address is the operator's
    try:
        trusted = _trusted() if url.startswith("https:") else None
        with urllib.request.urlopen(request, timeout=SECONDS, context=trusted) as response:  # noqa: S310 - the same
            content: bytes = response.read()
            return content
    except urllib.error.HTTPError as error:
        raise errors.ServerRefused(error.code, _said(error.read())) from None
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        why, remedy = str(getattr(error, "reason", error)), TLS if url.startswith("https:") else ""
        raise errors.ServerSilent(server, why, remedy) from None


def _trusted() -> "ssl.SSLContext":
    """Whom an operator trusts, and what they show of themselves: files in PEM."""
    import ssl

    context = ssl.create_default_context(cafile=os.environ.get("AME_CA"))
    if certificate := os.environ.get("AME_CERTIFICATE"):
        context.load_cert_chain(certificate, os.environ.get("AME_CERTIFICATE_KEY"))
    return context


def _said(body: bytes) -> str:
    try:
        message: str = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        text = body.decode(errors="replace")[:200]
        return _STRANGE if "<" in text else text
    return message


def token() -> str:
    """The operator's token: from the environment, or of a server on this machine."""
    given = os.environ.get("AME_OPERATOR_TOKEN", "")
    kept = home.home() / "server" / "operator-token"
    return given or (kept.read_text().strip() if kept.exists() else "")
