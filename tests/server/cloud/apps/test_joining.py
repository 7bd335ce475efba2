"""Sites that join the SuperLink of a Flower app: who may, and what its arguments ask for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ame import errors
from ame.server.cloud.leading.asked import Asked
from server.cloud.clouds import LOOPS, TASK, Running

Run = Callable[..., None]
USER = {"data_qnt": 300, "sensors": ["camera"]}
APP = Path(__file__).parents[3] / "federation" / "flower" / "apps" / "newest"
KEY = json.dumps({"public_key": "-----BEGIN PUBLIC KEY-----"}).encode()


async def asked(server: Running, login: tuple[str, str] | None, body: bytes = KEY) -> Any:
    auth = httpx.BasicAuth(*login) if login else httpx.Auth()
    return await server.client.post("/join/4fe5", auth=auth, content=body)


async def offered(server: Running) -> list[dict[str, Any]]:
    await server.done("rpc_exec_update_user_info", user_id="u", **USER)
    found: list[dict[str, Any]] = await server.done("rpc_exec_client_requesting_task", user_id="u")
    return found


async def start(server: Running, arguments: str) -> None:
    """Starts an app, which goes on until the server is closed: its sites do not come."""
    await server.done("rpc_exec_create_task", **TASK, server_arguments=arguments)
    files = [
        ("files", (str(path.relative_to(APP)), path.read_bytes()))
        for path in APP.rglob("*")
        if path.suffix in {".py", ".toml"}
    ]
    response = await server.client.post("/upload_files", data={"task_id": "4fe5"}, files=files)
    assert response.status_code == 200, response.text
    await server.done("rpc_exec_start_server_task", task_id="4fe5")


def test_a_site_that_was_offered_an_app_is_told_where_its_superlink_is(run_here: Run) -> None:
    async def use(server: Running) -> None:
        await start(server, "--await 2 --insecure")
        [offer] = await offered(server)
        assert (offer["joins"], offer["files_paths"]) == ("superlink", [])

        response = await asked(server, (offer["username"], offer["password"]))

        assert response.json() == {
            "superlink": f"http://localhost:{offer['port']}",
            "certificates": "",
            "known": False,
        }

    run_here(use)


def test_others_are_told_nothing(run_here: Run) -> None:
    async def use(server: Running) -> None:
        await start(server, "--await 2 --insecure")
        [offer] = await offered(server)
        own = offer["username"], offer["password"]
        for login in (None, ("user", "123"), ("user", own[1][:-1]), ("u", own[1])):
            assert (await asked(server, login)).status_code == 401
        for body in (b"", b"[]", b'{"public_key": ""}', b'{"public_key": "' + b"k" * 5000 + b'"}'):
            assert (await asked(server, own, body)).status_code == 400
        await server.done("rpc_exec_stop_server_task", task_id="4fe5")
        assert (await asked(server, own)).status_code == 404

    run_here(use)


def test_a_task_with_a_client_has_no_superlink_to_join(run_here: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **TASK)
        await server.upload("4fe5", server=LOOPS, client="c = 1")
        await server.done("rpc_exec_start_server_task", task_id="4fe5")
        [offer] = await offered(server)
        assert "joins" not in offer

        response = await asked(server, (offer["username"], offer["password"]))

        assert response.status_code == 404

    run_here(use)


def test_an_app_that_needs_no_sites_is_offered_to_none(run_here: Run) -> None:
    async def use(server: Running) -> None:
        await start(server, "--sites 2")

        assert await offered(server) == []

    run_here(use)


def test_arguments_of_an_app_are_read() -> None:
    assert Asked.read([]) == Asked()
    assert Asked.read(["lr=0.1", "--await", "2", "rounds=3"]) == Asked(
        others=2, settings=("lr=0.1", "rounds=3")
    )
    assert Asked.read(["--sites", "north,south"]).here == ("north", "south")
    assert Asked.read(["--superlink", "a:1", "--root-certificates", "ca.pem"]) == Asked(
        superlink="a:1", root_certificates=Path("ca.pem")
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--awaits", "2"], "unrecognized arguments: --awaits"),
        (["--await", "two"], "invalid int value"),
        (["--sites", "2", "--superlink", "a:1"], "leave one out"),
    ],
)
def test_arguments_that_an_app_does_not_know_are_refused(arguments: list[str], why: str) -> None:
    with pytest.raises(errors.CloudTaskInvalid, match=why):
        Asked.read(arguments)
