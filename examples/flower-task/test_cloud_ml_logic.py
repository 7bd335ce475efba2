"""A self-test of a running task manager: `python -m test_cloud_ml_logic`.

It calls the manager's functions through the broker that `config.ini` names, and says what answered
otherwise than it must. The tasks `4fe5` and `aaaa` are the test's own: it takes away what an
earlier test has left of them, over HTTP at the gateway that `config.ini` names.
"""

import configparser
import os
import sys
import time
import urllib.error
import urllib.request

from microservice_interconnect.rpc_client import rpc_send

TASK = {
    "task_id": "4fe5",
    "host": "localhost",
    "port": 0,
    "selection_criteria": '(data_qnt > 50) and ("camera" in sensors)',
    "username": "user",
    "password": "123",
    "files_paths": ["./task_4fe5/client.py", "./task_4fe5/task.py"],
}
DONE = {"status_code": 200, "return": None}
SECONDS = 60


def failed(text):
    """The answer of a function that failed with these words."""
    return {"status_code": 500, "exception": text}


class TestCloudMLLogic:
    """Each check by itself, and all of them in their order."""

    __test__ = False  # not for pytest: it needs a manager

    def __init__(self, config="config.ini"):
        read = configparser.ConfigParser()
        if not read.read(config):
            sys.exit(f"there is no {config} here: it names the manager's broker and gateway")
        self.host = read["server.broker"]["host"]
        self.port = int(read["server.broker"]["port"])
        self.gateway = f"http://{self.host}:{read.get('server.gateway', 'port', fallback='9001')}"
        self.number = 0

    def ask(self, function, **arguments):
        return rpc_send(function, arguments, self.host, self.port)

    def check(self, what, answer, wanted):
        self.number += 1
        if answer != wanted:
            sys.exit(f"{self.number} {what}: failed\n  answered {answer}\n  wanted   {wanted}")
        print(f"{self.number} {what}: ok", flush=True)

    def ends(self):
        """Waits until the task's server runs no more."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if not self.ask("rpc_exec_get_task_by_id", task_id="4fe5")["return"]["running"]:
                return
            time.sleep(0.1)
        sys.exit(f"{self.number} the server of 4fe5 still runs after {SECONDS} s")

    def take_away(self):
        """What an earlier test has left; a manager that asks for a token is shown that."""
        headers = {}
        if os.environ.get("AME_OPERATOR_TOKEN"):
            headers["authorization"] = f"Bearer {os.environ['AME_OPERATOR_TOKEN']}"
        for task in ("4fe5", "aaaa"):
            url = f"{self.gateway}/api/v1/cloud/tasks/{task}?stop=1"
            try:
                urllib.request.urlopen(urllib.request.Request(url, None, headers, method="DELETE"))
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    sys.exit(f"{url}: {error.read().decode()}")
            except OSError as error:
                sys.exit(f"no manager at {self.gateway}: {error}")

    def perform_tests(self):
        self.take_away()
        unknown = failed("Task with ID=4fe5 not registered")
        for deed in ("start", "stop"):
            answer = self.ask(f"rpc_exec_{deed}_server_task", task_id="4fe5")
            self.check(f"{deed} a task that is not registered", answer, unknown)
        self.registrations()
        self.services()
        self.selection()
        self.take_away()
        print("all is as it must be")

    def registrations(self):
        create = "rpc_exec_create_task"
        self.check("register a task", self.ask(create, **TASK), DONE)
        self.check("register another", self.ask(create, **{**TASK, "task_id": "aaaa"}), DONE)
        twice = failed("UNIQUE constraint failed: tasks.ID")
        self.check("register a task twice", self.ask(create, **TASK), twice)
        text = (
            f"{create} cannot be executed due to invalid arguments: 'error' is not of type "
            "'integer'\n\nFailed validating 'type' in schema['properties']['port']:\n"
            "    {'type': 'integer'}\n\nOn instance['port']:\n    'error'"
        )
        answer = self.ask(create, **{**TASK, "port": "error"})
        self.check("register a wrong field", answer, {"status_code": 400, "exception": text})

    def services(self):
        start, stop = "rpc_exec_start_server_task", "rpc_exec_stop_server_task"
        answer = self.ask(start, task_id="aaaa")
        told = answer.get("exception", "")
        missing = told.startswith("Directory '") and told.endswith("/task_aaaa' does not exist.")
        self.check("start a task without files", missing, True)
        self.check("start a task", self.ask(start, task_id="4fe5"), DONE)
        again = failed("Task with ID=4fe5 alredy exists")
        self.check("start it twice", self.ask(start, task_id="4fe5"), again)
        self.check("stop it", self.ask(stop, task_id="4fe5"), DONE)
        answer = self.ask(start, task_id="4fe5", arguments="test-error")
        self.check("start a task that fails", answer, DONE)
        self.ends()
        gone = failed("Task with ID=4fe5 not found")
        self.check("stop what has ended", self.ask(stop, task_id="4fe5"), gone)
        self.check("start it again", self.ask(start, task_id="4fe5"), DONE)

    def selection(self):
        request = "rpc_exec_client_requesting_task"
        answer = self.ask(request, user_id="xxxx")
        offers = answer.get("return", answer)
        if isinstance(offers, list):
            offers = [{**each, "port": 0} for each in offers]
        names = ("host", "port", "username", "password", "files_paths")
        fields = {name: TASK[name] for name in names}
        wanted = [{"ID": "4fe5", "tags": [], "client_arguments": None, **fields}]
        self.check("a client asks for tasks", offers, wanted)
        answer = self.ask("rpc_exec_update_task", task_id="4fe5", selection_criteria="aaaaa")
        self.check("change who gets the task", answer, DONE)
        answer = self.ask(request, user_id="xxxx")
        self.check("nobody gets it", answer, {"status_code": 200, "return": []})
        answer = self.ask("rpc_exec_update_task", task_id="4fe5", selection_criteria="1 +")
        self.check("a criterion that is none", answer["status_code"], 500)
        answer = self.ask("rpc_exec_stop_server_task", task_id="4fe5")
        self.check("stop it", answer, DONE)


if __name__ == "__main__":
    TestCloudMLLogic().perform_tests()
