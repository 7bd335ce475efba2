"""A server as a site reaches it: functions over HTTP or through queues, and downloads."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.broker import Caller
    from ame.daemon.site.offers import Offer

SECONDS: Final = 60.0
CHUNK: Final = 1 << 16
UPDATE: Final = "rpc_exec_update_user_info"
REQUEST: Final = "rpc_exec_client_requesting_task"


class Functions(Protocol):
    """Functions of a server."""

    async def call(self, function: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """What a function returns.

        Raises:
            errors.Error: it failed, or was not reached.
        """
        ...


class Http:
    """They are called over HTTP, through the server's gateway."""

    def __init__(self, server: str, key: str = "") -> None:
        """`key` is shown where the server asks clients for one."""
        self._server = server.rstrip("/")
        self._key = key

    async def call(self, function: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """What a function returns.

        Raises:
            errors.FunctionRefused, errors.FunctionFailed: in the server's words.
            errors.ServerSilent: it is not reached.
        """
        return await asyncio.to_thread(self._call, function, json.dumps(arguments).encode())

    def _call(self, function: str, body: bytes) -> Any:  # noqa: ANN401 - JSON
        headers = {"content-type": "application/json"}
        if self._key:
            headers["x-goog-api-key"] = self._key
        url = f"{self._server}/{quote(function)}"
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - the owner's
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310 - the same
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            text = _said(error.read())
            kind = errors.FunctionFailed if error.code >= 500 else errors.FunctionRefused
            raise kind(function, error.code, text) from None
        except (OSError, ValueError) as error:
            why = str(getattr(error, "reason", error))
            raise errors.ServerSilent(self._server, why) from None


class Queued:
    """They are called through the queues of a broker."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def call(self, function: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """What a function returns. Raises as `Caller.call`."""
        return await self._caller.call(function, arguments, SECONDS)


def download(server: str, offer: Offer, file: str, most: int) -> bytes:
    """A file of a task's code, of up to so many bytes.

    Raises:
        errors.DownloadFailed: the server refuses it, or it is too large.
        errors.ServerSilent: the server is not reached.
    """
    url = f"{server.rstrip('/')}/download/{quote(offer.task)}/{quote(file)}"
    request = urllib.request.Request(url, headers={"authorization": _login(offer)})  # noqa: S310 - the owner's
    parts, size = [], 0
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310 - the same
            while part := response.read(CHUNK):
                parts.append(part)
                size += len(part)
                if size > most:
                    why = f"the task's code has more than {most:,} bytes"
                    raise errors.DownloadFailed(offer.task, file, why)
    except urllib.error.HTTPError as error:
        why = f"HTTP {error.code} {_said(error.read())}"
        raise errors.DownloadFailed(offer.task, file, why) from None
    except (OSError, ValueError) as error:
        why = str(getattr(error, "reason", error))
        raise errors.ServerSilent(server, why) from None
    return b"".join(parts)


def join(server: str, offer: Offer, public_key: str) -> Any:  # noqa: ANN401 - JSON
    """Where the SuperLink of a task is, which lets in a SuperNode that has this key's other half.

    Raises:
        errors.OfferRefused: the server does not let it in.
        errors.ServerSilent: the server is not reached.
    """
    url = f"{server.rstrip('/')}/join/{quote(offer.task)}"
    body = json.dumps({"public_key": public_key}).encode()
    headers = {"authorization": _login(offer), "content-type": "application/json"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - the owner's
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310 - the same
            return json.loads(response.read())
    except urllib.error.HTTPError as error:
        why = f"HTTP {error.code} {_said(error.read())}"
        raise errors.OfferRefused(offer.task, why) from None
    except (OSError, ValueError) as error:
        raise errors.ServerSilent(server, str(getattr(error, "reason", error))) from None


def _login(offer: Offer) -> str:
    return f"Basic {base64.b64encode(f'{offer.username}:{offer.password}'.encode()).decode()}"


def _said(body: bytes) -> str:
    """The words of a refusal: a text, or an object that has one."""
    try:
        said = json.loads(body)
    except ValueError:
        return body.decode(errors="replace")[:200]
    if isinstance(said, dict):
        said = said.get("exception") or said.get("error") or said.get("message") or said
    return str(said)
