"""What Flower tasks cost through a manager: starts, reports, ends, a site's next task, a crowd.

The manager is `ame server start` on SQLite, asked over HTTP; what it has recorded is read from the
run store, as any other process would. The peer of a start is the same script, started bare; that
of a site's next task is what the task manager of the document took on an idle machine to handle an
error (0.81 s) and to ask again (0.049 s), without downloading and starting anything.

Usage: python benchmarks/cloud.py [start|report|crash|site|crowd]...
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import machine, table
from reports import EXAMPLE, VARIABLES, answer, ms, proportional, seconds, share

from ame import runs
from ame.storage import sqlite

AME = (sys.executable, "-c", "from ame.cli import main; main()")
SAYS = "from task_daemon_lib.task_reporter import TaskReporter\nimport os, sys, time\n"
IDLE_SERVER = f"{SAYS}TaskReporter()\ntime.sleep(3600)\n"
REPORTS, CRASHES, SITES = 300, 20, 5
TASKS, RUNNING, WATCHED = 500, 50, 20.0
POLL = 0.0005


@dataclass
class Manager:
    """A server that anyone on this machine may manage."""

    url: str
    pid: int
    store: runs.Store

    def ask(self, method: str, path: str, said: object = None) -> Any:
        body = said if isinstance(said, bytes) else json.dumps(said).encode() if said else None
        url = self.url + path if path.startswith("/") else f"{self.url}/api/v1/cloud/{path}"
        request = urllib.request.Request(url, body, method=method)
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.loads(response.read())

    def add(self, task: str, files: dict[str, str], *, port: int = 0) -> None:
        """Registers a task with this code."""
        fields = {
            "task_id": task,
            "host": "127.0.0.1",
            "port": port,
            "username": "u",
            "password": "p",
            "files_paths": [f"{name}.py" for name in files if name != "server"],
        }
        self.ask("POST", "tasks", fields)
        for name, content in files.items():
            self.ask("PUT", f"tasks/{task}/files/{name}.py", content.encode())

    def start(self, task: str) -> str:
        """The name of its run."""
        name: str = self.ask("POST", f"tasks/{task}/start", {})["run"]
        return name


@contextmanager
def serving(folder: Path) -> Iterator[Manager]:
    log = folder / "server.log"
    variables = {**VARIABLES, "AME_HOME": str(folder / "home")}
    with log.open("wb") as output:
        child = subprocess.Popen(
            (*AME, "server", "start", "--open", "--port", "0"),
            cwd=folder,
            env=variables,
            stdout=output,
            stderr=output,
        )
    wait(lambda: b"serving at " in log.read_bytes())
    url = log.read_text().partition("serving at ")[2].split()[0]
    store = sqlite.Database(folder / "home" / "runs.db")
    try:
        yield Manager(url=url, pid=child.pid, store=store)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()
        store.close()


def wait(true: Callable[[], object]) -> None:
    while not true():
        time.sleep(POLL)


def start(manager: Manager, folder: Path) -> list[tuple[str, str]]:
    """From the request to the port of the example's Flower server; beside the script alone."""
    code = {file.stem: file.read_text() for file in (EXAMPLE / "tasks/task_4fe5").glob("*.py")}
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    manager.add("start", code, port=port)
    argv = (sys.executable, str(EXAMPLE / "tasks/task_4fe5/server.py"), str(EXAMPLE))
    spans: dict[str, list[float]] = {"asked": [], "port": [], "bare": []}
    for _ in range(3):
        began = time.perf_counter()
        variables = {**VARIABLES, "FLOWER_ADDRESS": f"127.0.0.1:{port}"}
        null = subprocess.DEVNULL
        with subprocess.Popen(argv, cwd=folder, env=variables, stdout=null, stderr=null) as bare:
            answer(port)
            spans["bare"].append(time.perf_counter() - began)
            bare.kill()
        began = time.perf_counter()
        manager.start("start")
        spans["asked"].append(time.perf_counter() - began)
        answer(port)
        spans["port"].append(time.perf_counter() - began)
        manager.ask("POST", "tasks/start/stop", {})
    return [
        ("`start` of a task answers", ms(min(spans["asked"]))),
        ("from `start` to Flower's port answering", f"{min(spans['port']):.2f} s"),
        ("the same script, started bare", f"{min(spans['bare']):.2f} s"),
    ]


def report(manager: Manager, _: Path) -> list[tuple[str, str]]:
    """From the child's call to the metric in the run store, as another process reads it."""
    body = f"reporter = TaskReporter()\ntime.sleep(1)\nfor n in range({REPORTS}):\n"
    body += "    reporter.send_stats(n, time.time())\n    time.sleep(0.02)\ntime.sleep(3600)\n"
    manager.add("report", {"server": SAYS + body})
    run = manager.start("report")
    spans: list[float] = []
    while len(spans) < REPORTS:
        found = manager.store.metrics(run)
        now = time.time()
        spans += [now - each.value for each in found[len(spans) :]]
        time.sleep(POLL)
    manager.ask("POST", "tasks/report/stop", {})
    return [
        ("from a child's report to the manager's record: median", ms(share(spans, 0.5))),
        ("the same: p99", ms(share(spans, 0.99))),
    ]


def crash(manager: Manager, folder: Path) -> list[tuple[str, str]]:
    """From a SIGKILL to the run being Failed, as another process reads it."""
    own = folder / "pid"
    body = f"open({str(own)!r} + '.new', 'w').write(str(os.getpid()))\n"
    body += f"os.rename({str(own)!r} + '.new', {str(own)!r})\ntime.sleep(3600)\n"
    manager.add("crash", {"server": SAYS + body})
    spans = []
    for _ in range(CRASHES):
        run = manager.start("crash")
        wait(own.exists)
        began = time.perf_counter()
        os.kill(int(own.read_text()), signal.SIGKILL)
        wait(lambda run=run: manager.store.find(run).state is runs.State.FAILED)  # type: ignore[misc]
        spans.append(time.perf_counter() - began)
        own.unlink()
        wait(lambda: manager.ask("GET", "tasks/crash")["service"] is None)
    return [
        ("from a crash to Failed: median", ms(share(spans, 0.5))),
        (f"the same: most of {CRASHES}", ms(max(spans))),
    ]


def site(manager: Manager, folder: Path) -> list[tuple[str, str]]:
    """From the failure of a site's task to the first line of its next one's code."""
    bad, good = folder / "bad", folder / "good"
    fails = f"{SAYS}open({str(bad)!r}, 'w').write(repr(time.time()))\nraise ValueError('no data')\n"
    body = f"open({str(good)!r} + '.new', 'w').write(repr(time.time()))\n"
    body += f"os.rename({str(good)!r} + '.new', {str(good)!r})\ntime.sleep(3600)\n"
    manager.add("bad", {"server": IDLE_SERVER, "client": fails})
    manager.add("good", {"server": IDLE_SERVER, "client": f"import os, time\n{body}"})
    manager.start("bad")
    manager.start("good")
    spans = []
    for number in range(SITES):
        place = folder / f"site{number}"
        place.mkdir()
        argv = (*AME, "site", "run", f"s{number}", "--any", "--server", manager.url)
        variables = {**VARIABLES, "AME_HOME": str(place / "home")}
        null = subprocess.DEVNULL
        with subprocess.Popen(argv, cwd=place, env=variables, stdout=null, stderr=null) as child:
            wait(good.exists)
            spans.append(float(good.read_text()) - float(bad.read_text()))
            child.terminate()
        good.unlink()
    for task in ("bad", "good"):
        manager.ask("POST", f"tasks/{task}/stop", {})
    bare = []
    script = folder / "bare.py"
    script.write_text(f"import os, time\n{body}")
    for _ in range(SITES):
        began = time.time()
        with subprocess.Popen((sys.executable, str(script)), env=VARIABLES) as child:
            wait(good.exists)
            bare.append(float(good.read_text()) - began)
            child.kill()
        good.unlink()
    return [
        ("from a site's failed task to the code of its next one: median", ms(share(spans, 0.5))),
        ("of that, a start of Python, bare", ms(share(bare, 0.5))),
        ("the document's manager: an error handled, and asked again", "859 ms"),
    ]


def crowd(manager: Manager, _: Path) -> list[tuple[str, str]]:
    """A manager of many idle tasks, some of which run; and what it costs to serve a client."""
    alone = proportional(manager.pid)
    for number in range(TASKS):
        fields = {
            "task_id": f"idle{number}",
            "host": "127.0.0.1",
            "port": 0,
            "username": "u",
            "password": "p",
            "files_paths": ["client.py"],
            "selection_criteria": f"data_qnt > {number} and 'camera' in sensors",
        }
        manager.ask("POST", "tasks", fields)
    registered = proportional(manager.pid), used(manager.pid)
    names = [f"idle{number}" for number in range(RUNNING)]
    began = time.perf_counter()
    for name in names:
        manager.ask("PUT", f"tasks/{name}/files/server.py", IDLE_SERVER.encode())
        manager.start(name)
    began = time.perf_counter() - began
    running = proportional(manager.pid), used(manager.pid)
    client = {"user_id": "u", "data_qnt": 10**6, "sensors": ["camera"]}
    manager.ask("POST", "/rpc_exec_update_user_info", client)
    before, at = seconds(manager.pid), time.perf_counter()
    for _again in range(100):
        found = manager.ask("POST", "/rpc_exec_client_requesting_task", {"user_id": "u"})
        assert len(found) == RUNNING
        time.sleep(0.01)
    cost = (seconds(manager.pid) - before) / 100
    asked = (time.perf_counter() - at) / 100 - 0.01
    for name in names:
        manager.ask("POST", f"tasks/{name}/stop", {})
    return [
        ("memory of a manager without tasks", mib(alone)),
        (f"of {TASKS} idle tasks", mib(registered[0])),
        (f"of {TASKS} tasks, {RUNNING} of which run", mib(running[0])),
        (f"CPU of a manager of {TASKS} idle tasks", f"{registered[1] * 100:.1f} % of a core"),
        (f"of {TASKS} tasks, {RUNNING} of which run", f"{running[1] * 100:.1f} % of a core"),
        (f"{RUNNING} tasks given their code and started", f"{began:.1f} s"),
        (f"a client is offered {RUNNING} tasks: clock, CPU", f"{ms(asked)}, {ms(cost)}"),
    ]


def used(pid: int) -> float:
    """The share of a core that a process takes while nobody asks anything of it."""
    before: float = seconds(pid)
    time.sleep(WATCHED)
    return (seconds(pid) - before) / WATCHED


def mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


def main(wanted: Sequence[str]) -> None:
    print(machine())
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as manager:
        for part in (start, report, crash, site, crowd):
            if not wanted or part.__name__ in wanted:
                rows += part(manager, Path(name))
    print(table(("", ""), rows))


if __name__ == "__main__":
    main(sys.argv[1:])
