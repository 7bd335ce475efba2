import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from ame import broker, errors
from ame.daemon.site.gateway import AGAIN, gateway


class Server:
    """One that answers in a few words."""

    async def call(self, function: str, arguments: Mapping[str, Any]) -> Any:
        if arguments["user_id"] == "gone":
            raise errors.ServerSilent("http://cloud", "it is down")
        if arguments["user_id"] == "unknown":
            raise errors.FunctionFailed(function, 500, "User with ID=unknown not registered")
        return [function, dict(arguments)]


def test_calls_are_handed_on_and_answered_in_the_servers_words() -> None:
    told: list[str] = []

    async def main() -> None:
        queues = broker.opened(f"memory://{uuid4().hex}")
        service = gateway(queues, Server(), lambda *event: told.append(event[2]))
        await service.open()
        async with broker.Caller(queues) as caller:
            name = "rpc_exec_client_requesting_task"
            assert await caller.ask(name, {"user_id": "u"}) == {
                "status_code": 200,
                "return": [name, {"user_id": "u"}],
            }
            assert await caller.ask("rpc_exec_update_user_info", {"user_id": "unknown"}) == {
                "status_code": 500,
                "exception": "User with ID=unknown not registered",
            }
            answer = await caller.ask(name, {"client_id": "u"})
            assert answer["status_code"] == 400
            answer = await caller.ask(name, {"user_id": "gone"})
            assert "it is down" in answer["exception"]
            with pytest.raises(errors.FunctionUnserved):
                await caller.ask("rpc_exec_create_task", {}, timeout=5)
        await service.close()

    asyncio.run(main())
    assert told[:2] == [
        "Started redirecting task request msg",
        "Finished redirecting task request msg",
    ]


def test_a_server_that_is_not_reached_is_told_of_once_and_so_is_its_return(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        queues = broker.opened(f"memory://{uuid4().hex}")
        service = gateway(queues, Server(), lambda *_: None)
        await service.open()
        async with broker.Caller(queues) as caller:
            for user in ("gone", "gone", "unknown", "u", "gone"):
                await caller.ask("rpc_exec_client_requesting_task", {"user_id": user})
        await service.close()

    asyncio.run(main())
    told = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert ["it is down" in each for each in told] == [True, False, True]
    assert told[1] == AGAIN
