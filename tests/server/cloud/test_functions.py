"""What the functions are asked and answer, as clients that were written for it know it."""

import asyncio
from collections.abc import Callable
from typing import Any

from server.cloud.clouds import FAILS, FINISHES, LOOPS, TASK, Running

Run = Callable[..., None]


def test_a_task_is_registered_once_with_a_port_that_can_be(run: Run) -> None:
    async def use(server: Running) -> None:
        call = server.call
        assert await call("rpc_exec_create_task", **TASK) == (200, None)
        assert await call("rpc_exec_create_task", **TASK) == (
            500,
            "UNIQUE constraint failed: tasks.ID",
        )
        assert await call("rpc_exec_create_task", **{**TASK, "task_id": "b", "port": 70000}) == (
            500,
            "CHECK constraint failed: port >= 0 AND port <= 65535",
        )
        status, text = await call("rpc_exec_create_task", **{**TASK, "port": "error"})
        assert status == 400
        assert text == (
            "rpc_exec_create_task cannot be executed due to invalid arguments: 'error' is not of "
            "type 'integer'\n\nFailed validating 'type' in schema['properties']['port']:\n"
            "    {'type': 'integer'}\n\nOn instance['port']:\n    'error'"
        )
        status, text = await call("rpc_exec_create_task", **TASK, more=1)
        assert (status, "Additional properties are not allowed" in text) == (400, True)

    run(use)


def test_a_task_that_is_not_registered_is_neither_started_nor_stopped(run: Run) -> None:
    async def use(server: Running) -> None:
        said = (500, "Task with ID=4fe5 not registered")
        assert await server.call("rpc_exec_start_server_task", task_id="4fe5") == said
        assert await server.call("rpc_exec_stop_server_task", task_id="4fe5") == said
        assert await server.call("rpc_exec_get_task_by_id", task_id="4fe5") == said
        assert await server.call("rpc_exec_update_task", task_id="4fe5", port=1) == said
        assert await server.call("rpc_exec_update_task", port=1) == (200, None)

    run(use)


def test_what_has_not_been_has_nothing_to_show(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **TASK)
        for path, words in {
            "4fe5/logs": "`4fe5` has never run",
            "4fe5/metrics": "`4fe5` has never run",
            "4fe5/logs?run=none": "no run is called `none`",
            "gone/files": "no Flower task `gone` is registered",
        }.items():
            response = await server.client.get(f"/api/v1/cloud/tasks/{path}")
            assert response.status_code == 404
            assert words in response.text
        assert await server.ask("GET", "tasks/4fe5/files") == []

    run(use)


def test_a_task_without_code_is_not_started(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **TASK)

        said = await server.call("rpc_exec_start_server_task", task_id="4fe5")

        folder = server.folder / "work" / "tasks" / "task_4fe5"
        assert said == (500, f"Directory '{folder}' does not exist.")
        assert (await server.done("rpc_exec_get_task_by_id", task_id="4fe5"))["running"] == 0

    run(use)


def test_a_client_is_registered_changed_and_told(run: Run) -> None:
    async def use(server: Running) -> None:
        said = await server.call("rpc_exec_get_user_info", user_id="u")
        assert said == (500, "User with ID=u not registered")
        said = await server.call("rpc_exec_client_requesting_task", user_id="u")
        assert said == (500, "Could not retrieve info from user with ID=u")
        await server.done("rpc_exec_update_user_info", user_id="u", data_qnt=3, sensors=["a"])
        await server.done("rpc_exec_update_user_info", user_id="u", avg_disconnection_per_round=0.5)

        told = await server.done("rpc_exec_get_user_info", user_id="u")

        dates = told.pop("creation_date"), told.pop("last_mod_date")
        assert all(len(date) == len("2026-01-01 00:00:00") for date in dates)
        assert told == {
            "ID": "u",
            "data_qnt": 3,
            "avg_acc_contrib": None,
            "avg_disconnection_per_round": 0.5,
            "sensors": ["a"],
        }

    run(use)


def test_a_service_is_started_offered_and_stopped(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **{**TASK, "port": 0})
        await server.upload("4fe5", server=LOOPS, client="c = 1", task="t = 1")
        await server.done("rpc_exec_update_user_info", user_id="no", data_qnt=3)
        await server.done(
            "rpc_exec_update_user_info", user_id="yes", data_qnt=300, sensors=["camera"]
        )
        assert await server.done("rpc_exec_client_requesting_task", user_id="yes") == []

        await server.done("rpc_exec_start_server_task", task_id="4fe5")

        assert await server.done("rpc_exec_client_requesting_task", user_id="no") == []
        [offer] = await server.done("rpc_exec_client_requesting_task", user_id="xxxx")
        port = offer["port"]
        assert offer == {
            "ID": "4fe5",
            "host": "localhost",
            "port": port,
            "tags": [],
            "client_arguments": None,
            "username": "user",
            "password": "123",
            "files_paths": ["./task_4fe5/client.py", "./task_4fe5/task.py"],
        }
        assert port > 1023
        [own] = await server.done("rpc_exec_client_requesting_task", user_id="yes")
        assert own.keys() == offer.keys()
        assert own["password"] != "123"
        # a second start is refused, and changes nothing
        said = await server.call("rpc_exec_start_server_task", task_id="4fe5")
        assert said == (500, "Task with ID=4fe5 alredy exists")
        assert (await server.done("rpc_exec_get_task_by_id", task_id="4fe5"))["running"] == 1
        assert await server.done("rpc_exec_client_requesting_task", user_id="xxxx") == [offer]
        # nor does a change of its port end the offer
        await server.done("rpc_exec_update_task", task_id="4fe5", port=9090)
        assert await server.done("rpc_exec_client_requesting_task", user_id="xxxx") == [offer]

        await server.done("rpc_exec_stop_server_task", task_id="4fe5")

        assert await server.done("rpc_exec_client_requesting_task", user_id="xxxx") == []
        said = await server.call("rpc_exec_stop_server_task", task_id="4fe5")
        assert said == (500, "Task with ID=4fe5 not found")
        found = await server.ask("GET", "tasks/4fe5")
        assert (found["state"], found["reason"]) == ("Cancelled", "stopped")

    run(use)


def test_a_service_gets_its_arguments_from_the_call_or_from_the_task(run_here: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **TASK, server_arguments="a {port}")
        await server.upload("4fe5", server=LOOPS)
        logs = []
        for given in ({}, {"arguments": "b  c"}, {"arguments": ""}):
            await server.done("rpc_exec_start_server_task", task_id="4fe5", **given)
            async with asyncio.timeout(30):
                while "arguments" not in (text := (await _logs(server))["text"]):
                    await asyncio.sleep(0.02)
            port = (await server.ask("GET", "tasks/4fe5"))["service"]["port"]
            logs.append(text.replace(str(port), "PORT").splitlines()[-1])
            await server.done("rpc_exec_stop_server_task", task_id="4fe5")

        assert logs == ["arguments a PORT", "arguments b c", "arguments a PORT"]

    run_here(use)


async def _logs(server: Running) -> Any:
    return await server.ask("GET", "tasks/4fe5/logs")


def test_a_service_that_finishes_has_succeeded_with_its_metrics(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **TASK)
        await server.upload("4fe5", server=FINISHES)

        await server.done("rpc_exec_start_server_task", task_id="4fe5")

        found = await server.until_state("4fe5", "Succeeded")
        assert found["service"] is None
        measured = await server.ask("GET", "tasks/4fe5/metrics")
        assert [(each["round"], each["value"]) for each in measured] == [(1, 0.25), (2, 0.75)]
        [run] = await server.ask("GET", "tasks/4fe5/runs")
        assert run["name"] == found["run"]
        assert server.store.find(found["run"]).kind == "flower"

    run(use)


def test_a_service_that_fails_has_failed_with_its_reason(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **TASK)
        await server.upload("4fe5", server=FAILS)

        await server.done("rpc_exec_start_server_task", task_id="4fe5")

        found = await server.until_state("4fe5", "Failed")
        assert found["reason"] == "ended with exit code 1: ValueError: no data"
        [attempt] = server.store.attempts(found["run"])
        assert attempt.exit_code == 1

    run(use)


def test_a_bad_criterion_is_refused_and_an_unknown_name_selects_nobody(run: Run) -> None:
    async def use(server: Running) -> None:
        bad = {**TASK, "selection_criteria": "len(sensors) > 1"}
        status, text = await server.call("rpc_exec_create_task", **bad)
        assert status == 500
        assert "line 1, column 1: a call" in text
        await server.done("rpc_exec_create_task", **TASK)
        await server.done(
            "rpc_exec_create_task", **{**TASK, "task_id": "all"} | {"selection_criteria": ""}
        )
        for task in ("4fe5", "all"):
            await server.upload(task, server=LOOPS)
            await server.done("rpc_exec_start_server_task", task_id=task)
        await server.done("rpc_exec_update_task", task_id="4fe5", selection_criteria="aaaaa")
        status, _ = await server.call(
            "rpc_exec_update_task", task_id="4fe5", selection_criteria="().__class__"
        )
        assert status == 500

        offers = await server.done("rpc_exec_client_requesting_task", user_id="xxxx")

        assert [each["ID"] for each in offers] == ["all"]

    run(use)


def test_the_same_functions_answer_through_queues(run_here: Run) -> None:
    async def use(server: Running) -> None:
        ask = server.caller.ask
        assert await ask("rpc_exec_create_task", TASK) == {"status_code": 200, "return": None}
        assert await ask("rpc_exec_create_task", TASK) == {
            "status_code": 500,
            "exception": "UNIQUE constraint failed: tasks.ID",
        }
        answer = await ask("rpc_exec_client_requesting_task", {"client_id": "xxxx"})
        assert answer["status_code"] == 400
        assert await ask("rpc_exec_client_requesting_task", {"user_id": "xxxx"}) == {
            "status_code": 200,
            "return": [],
        }
        answer = await ask("rpc_exec_stop_server_task", {"task_id": "4fe5"})
        assert answer == {"status_code": 500, "exception": "Task with ID=4fe5 not found"}

    run_here(use)
