"""How a simulation ends before its time, and that nothing is left of it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parts.simulated import log
from parts.waiting import eventually

TESTS = Path(__file__).parents[2]
JOB = f"""
import sys
sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent / "src")!r}]
from parts.simulated import app, job, simulate, text
script = '''
import subprocess, time
from ame.federation import client as flare
child = subprocess.Popen(["sleep", "1234"])
detached = subprocess.Popen(["setsid", "sleep", "1234"])
flare.init()
while flare.is_running():
    model = flare.receive()
    print("at work", child.pid, detached.pid, flush=True)
    HOW
    flare.send(flare.FLModel(params={{"w": model.params["w"] + 1}}))
'''.replace("HOW", sys.argv[2])
simulate(job(app(text("slow.py", script)), rounds=1000), workspace=sys.argv[1], sites=3, threads=2)
"""


def marked(marker: str) -> list[int]:
    """Processes with this in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if marker.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def shared(pids: list[int]) -> set[Path]:
    """The files in shared memory that these processes have mapped or open."""
    found: set[Path] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
            found.update(Path(line.split()[-1]) for line in maps if " /dev/shm/" in line)
            for each in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    found.add(each.readlink())
    return {each for each in found if each.parent == Path("/dev/shm")}


def began(folder: Path) -> bool:
    return all(
        (folder / site / "log.txt").exists() and "at work" in log(folder, site)
        for site in ("site-1", "site-2")
    )


@pytest.mark.parametrize("how", ["time.sleep(0.05)", "time.sleep(1000)", "while True: pass"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_simulation_that_is_ended(
    tmp_path: Path, number: signal.Signals, how: str
) -> None:
    marker = f"AME_TEST_END={tmp_path}"
    name, _, value = marker.partition("=")
    lead = subprocess.Popen(
        [sys.executable, "-c", JOB, str(tmp_path), how],
        env={**os.environ, name: value},
        stderr=subprocess.PIPE,
    )
    try:
        assert eventually(lambda: began(tmp_path)), lead.poll()
        used = shared(marked(marker))
        at = time.monotonic()
        lead.send_signal(number)
        lead.wait(20)
        assert eventually(lambda: marked(marker) == []), marked(marker)
        assert time.monotonic() - at < 10
    finally:
        lead.kill()
        assert lead.stderr is not None
        said = lead.stderr.read().decode()
        lead.stderr.close()
    assert not [each for each in used if each.exists()]
    if number == signal.SIGINT:
        assert said.strip().endswith("KeyboardInterrupt")
