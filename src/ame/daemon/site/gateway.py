"""The gateway on a site: functions of the server, to be called through the site's own broker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ame import errors
from ame.broker import Service
from ame.daemon.schemas import OF_CLIENTS, SCHEMAS

if TYPE_CHECKING:
    from ame.broker import Queues
    from ame.daemon.site.link import Functions

EVENTS: Final = {
    "rpc_exec_update_user_info": ("rpc_redirect_update_user_info", "update user info msg"),
    "rpc_exec_client_requesting_task": ("rpc_redirect_client_requesting_task", "task request msg"),
}
"""As which function, and of what, events tell."""
AGAIN: Final = "calls are handed on again"
_log = logging.getLogger(__name__)
Tell = Callable[[str, str, str], None]
"""Tells an event: of which service, which function, and what."""


def gateway(queues: Queues, functions: Functions, tell: Tell) -> Service:
    """A service that hands on what clients call, and answers in the server's words."""
    service = Service(queues)
    way = _Way(functions, tell)
    for name in sorted(OF_CLIENTS):
        service.function(name, SCHEMAS[name], partial(way.hand_on, name))
    return service


class _Way:
    """To the server, and whether it is open."""

    def __init__(self, functions: Functions, tell: Tell) -> None:
        self._functions = functions
        self._tell = tell
        self._silent = False

    async def hand_on(self, name: str, said: Any) -> Any:  # noqa: ANN401 - JSON
        where, what = EVENTS[name]
        self._tell("client_gateway", where, f"Started redirecting {what}")
        try:
            value = await self._functions.call(name, said)
        except (errors.FunctionFailed, errors.FunctionRefused) as error:
            self._see("")
            raise errors.FunctionRaised(error.text) from None
        except errors.ServerSilent as error:
            self._see(str(error))
            raise
        self._see("")
        self._tell("client_gateway", where, f"Finished redirecting {what}")
        return value

    def _see(self, silent: str) -> None:
        """Tells the site's owner when the server is reached no more, and when it is again."""
        if bool(silent) != self._silent:
            self._silent = bool(silent)
            _log.warning("%s", f"no call is handed on: {silent}" if silent else AGAIN)
