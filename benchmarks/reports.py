"""What becomes of a child's reports, starts and ends: from the call to the disk, and what it costs.

`call to disk` is from the call of the reporter to the return of `fdatasync` for the record.
Its peer is the least that could be done: a line through a pipe, written and synced, in that run.
Services are started as a manager starts them, each with a supervisor of its own.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measure import machine, table

from ame import process
from ame.daemon.child import Arrived, Child, python
from ame.daemon.reports.messages import Ended, Info, Message, Print
from ame.daemon.services import supervisor
from ame.daemon.services.journal import Journal
from ame.daemon.services.service import Service

ONE_BY_ONE = 1000
AT_ONCE = 20_000
CRASHES = 20
CHILDREN = 50
IDLE = 10.0
EXAMPLE = Path(__file__).parents[1] / "examples" / "flower-task"
VARIABLES = {
    **os.environ,
    "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
    "FLWR_TELEMETRY_ENABLED": "0",
}
HEAD = "import os, sys, time\nfrom ame.daemon.reports import reporter\n"
SAY = "reporter.send({'type': 'print', 'message': str(n)})\n"


class Kept:
    """A journal, and when its records were on the disk."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.taken: list[tuple[float, float, Message]] = []

    def __call__(self, arrived: Sequence[Arrived]) -> None:
        self._journal.append(arrived)
        now = time.time()
        self.taken += [(at, now, message) for at, message in arrived]


def share(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def script(folder: Path, name: str, body: str) -> tuple[str, ...]:
    file = folder / f"{name}.py"
    file.write_text(HEAD + body)
    return python(file)


def report(folder: Path, name: str, body: str) -> list[tuple[float, float, Message]]:
    """What a child that does this has reported."""
    with Journal(folder / name) as journal, process.Supervisor() as trees:
        kept = Kept(journal)
        argv = script(folder, name, body)
        Child.start(argv, folder=folder, on=kept, supervisor=trees, variables=VARIABLES).wait()
    return [each for each in kept.taken if isinstance(each[2], Print)]


def bare(folder: Path) -> list[float]:
    """The least that could be done: a line through a pipe, written to a file of that length."""
    body = f"for n in range({ONE_BY_ONE}):\n"
    body += "    print(time.time(), 'x' * 80, flush=True)\n    time.sleep(0.002)\n"
    argv = script(folder, "bare", body)
    spans = []
    descriptor = os.open(folder / "least", os.O_RDWR | os.O_CREAT)
    os.pwrite(descriptor, bytes(1 << 20), 0)
    os.fsync(descriptor)
    with subprocess.Popen(argv, env=VARIABLES, stdout=subprocess.PIPE) as child:
        assert child.stdout
        for n, line in enumerate(child.stdout):
            os.pwrite(descriptor, line, n * 120)
            os.fdatasync(descriptor)
            spans.append(time.time() - float(line.split()[0]))
    os.close(descriptor)
    return spans


def latency(folder: Path) -> list[tuple[str, str]]:
    body = f"for n in range({ONE_BY_ONE}):\n    {SAY}    time.sleep(0.002)\n"
    spans = [kept - called for called, kept, _ in report(folder, "single", body)]
    assert len(spans) == ONE_BY_ONE
    least = bare(folder)
    return [
        ("call to disk, one report at a time: median", ms(share(spans, 0.5))),
        ("the same: p99", ms(share(spans, 0.99))),
        ("a line through a pipe to disk, bare: median", ms(share(least, 0.5))),
        ("the same: p99", ms(share(least, 0.99))),
    ]


def rate(folder: Path) -> list[tuple[str, str]]:
    kept = report(folder, "many", f"for n in range({AT_ONCE}):\n    {SAY}")
    assert [message.text for *_, message in kept if isinstance(message, Print)] == [
        str(n) for n in range(AT_ONCE)
    ]
    seconds = kept[-1][1] - kept[0][0]
    return [(f"{AT_ONCE:,} reports as fast as they go", f"{AT_ONCE / seconds:,.0f} a second")]


def start(folder: Path, argv: tuple[str, ...], **variables: str) -> supervisor.Supervised:
    service = Service(
        argv=argv, folder=folder, works_in=EXAMPLE, variables={**VARIABLES, **variables}
    )
    found = supervisor.find(supervisor.start(service))
    assert found
    return found


def stopped(folder: Path) -> list[tuple[str, str]]:
    """Reports at 1,000 a second to a supervisor that is stopped every other half second."""
    body = f"for n in range(5000):\n    {SAY}    time.sleep(0.001)\n"
    service = start(folder / "stopped", script(folder, "paced", body))
    pid = service.ref.identity.pid
    for _ in range(5):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.5)
    texts = [each.message.text for each in service.messages() if isinstance(each.message, Print)]
    lost = 5000 - len(set(texts))
    twice = len(texts) - len(set(texts))
    kept = "in order" if texts == [str(n) for n in range(5000)] else "OUT OF ORDER"
    return [("5,000 reports, parent stopped five times", f"{lost} lost, {twice} twice, {kept}")]


def crash(folder: Path) -> list[tuple[str, str]]:
    """From a SIGKILL to the record of the end, as who follows the service sees it."""
    spans = []
    for n in range(CRASHES):
        argv = script(folder, "crash", "print(os.getpid())\ntime.sleep(600)\n")
        service = start(folder / f"crash{n}", argv)
        records = service.messages()
        pid = int(getattr(next(records).message, "line"))  # noqa: B009
        begin = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        assert isinstance(next(records).message, Ended)
        spans.append(time.perf_counter() - begin)
    return [
        ("from a crash to its record, read by another process: median", ms(share(spans, 0.5))),
        (f"the same: most of {CRASHES}", ms(max(spans))),
    ]


def flower(folder: Path) -> list[tuple[str, str]]:
    """From the start of a service to the port of Flower's server; beside the server alone."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    address = f"127.0.0.1:{port}"
    argv = python(EXAMPLE / "tasks" / "task_4fe5" / "server.py", str(EXAMPLE))
    spans = {}
    null = subprocess.DEVNULL
    for name in ("alone", "service", "alone", "service"):
        begin = time.perf_counter()
        if name == "alone":
            variables = {**VARIABLES, "FLOWER_ADDRESS": address}
            child = subprocess.Popen(
                argv,
                cwd=EXAMPLE,
                env=variables,
                stdout=null,
                stderr=null,
            )
            answer(port)
            spans[name] = time.perf_counter() - begin
            child.kill()
            child.wait()
        else:
            service = start(folder / f"flower{begin}", argv, FLOWER_ADDRESS=address)
            began = time.perf_counter() - begin
            answer(port)
            spans[name] = time.perf_counter() - begin
            service.stop()
    return [
        ("`start` of a service returns", ms(began)),
        ("from `start` to Flower's port answering", f"{spans['service']:.2f} s"),
        ("the same script, started bare", f"{spans['alone']:.2f} s"),
    ]


def answer(port: int) -> None:
    while True:
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)


def crowd(folder: Path) -> list[tuple[str, str]]:
    """What supervisors of children that do nothing need, with all that they have beside them."""
    body = "reporter.send({'type': 'info', 'info': 'Started'})\ntime.sleep(600)\n"
    argv = script(folder, "idle", body)
    begin = time.perf_counter()
    services = [start(folder / f"crowd{n}", argv) for n in range(CHILDREN)]
    for service in services:
        assert isinstance(next(service.messages()).message, Info)
    began = time.perf_counter() - begin
    marks = [f"AME_SERVICE={service.ref.folder}".encode() for service in services]
    everything = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    members = {pid for pid in everything if marked(pid, marks)}
    keepers = [*members, *(service.ref.identity.pid for service in services)]
    children = [pid for pid in keepers if "idle.py" in command(pid)]
    beside = [pid for pid in keepers if pid not in children]
    before = sum(map(seconds, beside))
    time.sleep(IDLE)
    used = (sum(map(seconds, beside)) - before) / IDLE
    memory = sum(map(proportional, beside)) / CHILDREN
    own = sum(map(proportional, children)) / CHILDREN
    for service in services:
        service.ask()
    for service in services:
        service.stop()
    return [
        (f"{CHILDREN} services, until all have reported", f"{began:.1f} s"),
        ("memory of a supervisor and what it has beside it", f"{memory / 2**20:.1f} MiB"),
        ("memory of the idle child itself", f"{own / 2**20:.1f} MiB"),
        (f"CPU of {CHILDREN} supervisors of idle children", f"{used * 100:.2f} % of a core"),
    ]


def marked(pid: int, marks: Sequence[bytes]) -> bool:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(mark in environ for mark in marks)


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode()


def seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def proportional(pid: int) -> int:
    """Bytes of memory, its share of what it shares with others."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def main() -> None:
    wanted = sys.argv[1:]
    parts = (latency, rate, stopped, crash, flower, crowd)
    print(machine())
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as name:
        for part in parts:
            if not wanted or part.__name__ in wanted:
                rows += part(Path(name))
    print(table(("", ""), rows))


if __name__ == "__main__":
    main()
