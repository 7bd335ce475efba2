"""The gateway on a site: functions of the server, to be called through the site's own broker."""

from __future__ import annotations

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
Tell = Callable[[str, str, str], None]
"""Tells an event: of which service, which function, and what."""


def gateway(queues: Queues, functions: Functions, tell: Tell) -> Service:
    """A service that hands on what clients call, and answers in the server's words."""
    service = Service(queues)
    for name in sorted(OF_CLIENTS):
        service.function(name, SCHEMAS[name], partial(_hand_on, functions, tell, name))
    return service


async def _hand_on(functions: Functions, tell: Tell, name: str, said: Any) -> Any:  # noqa: ANN401 - JSON
    where, what = EVENTS[name]
    tell("client_gateway", where, f"Started redirecting {what}")
    try:
        value = await functions.call(name, said)
    except (errors.FunctionFailed, errors.FunctionRefused) as error:
        raise errors.FunctionRaised(error.text) from None
    tell("client_gateway", where, f"Finished redirecting {what}")
    return value
