"""Code that a task asks to be run, on the manager's side."""

from collections.abc import Callable

from server.cloud.clouds import TASK, Running

Run = Callable[..., None]

ASKS = """
import json, sys, time
def say(**fields):
    print(json.dumps(fields), flush=True)
say(type="trigger", trigger_name="tell", trigger_arguments="0.51 of 1")
say(type="trigger", trigger_name="../../outside", trigger_arguments="")
say(type="trigger", trigger_name="absent", trigger_arguments="")
time.sleep(600)
"""
TELLS = """
import sys
print("told", sys.argv[1:], flush=True)
sys.exit("it was not enough")
"""
STAYS = """
import time
print("stays", flush=True)
time.sleep(600)
"""


def test_what_a_trigger_says_and_how_it_ends_is_in_the_log_of_its_run(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **TASK)
        await server.upload("4fe5", server=ASKS, tell=TELLS)
        await server.done("rpc_exec_start_server_task", task_id="4fe5")

        await server.logged(
            "4fe5",
            "trigger: tell 0.51 of 1\n",
            "trigger tell | told ['0.51 of 1']\n",
            "trigger tell | it was not enough\n",
            "trigger tell | ended with exit code 1\n",
            "trigger ../../outside was not run: '../../outside.py' names no file of a task",
            "trigger absent was not run: ",
        )
        assert (await server.ask("GET", "tasks/4fe5"))["state"] == "Running"

    run(use)


def test_who_is_stopped_is_stopped_with_its_triggers(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **TASK)
        await server.upload("4fe5", server=ASKS, tell=STAYS)
        await server.done("rpc_exec_start_server_task", task_id="4fe5")
        await server.logged("4fe5", "trigger tell | stays\n")

        await server.done("rpc_exec_stop_server_task", task_id="4fe5")

        await server.logged("4fe5", "trigger tell | stopped\n")

    run(use)
