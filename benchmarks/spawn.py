"""What starting, capturing, limiting and ending a command costs over a bare spawn of the same.

Each form starts `true` over and over, in turns with the others; the best turn of each counts, in
milliseconds a command. `folder` is a workspace of 50 files, whose size is limited too.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from ame import process

COMMANDS = 200
TURNS = 7
PATH = {"PATH": os.environ["PATH"]}


def bare_popen() -> None:
    subprocess.Popen(["/bin/true"]).wait()


def captured_popen() -> None:
    subprocess.run(["/bin/true"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)


def bare_posix_spawn() -> None:
    pid = os.posix_spawn("/bin/true", ["true"], PATH)
    os.waitpid(pid, 0)


def supervised(
    supervisor: process.Supervisor, folder: Path, limits: process.Limits
) -> Callable[[], None]:
    command = process.Command(argv=("/bin/true",), folder=folder, variables=PATH)

    def once() -> None:
        child = supervisor.start(command, limits)
        process.pump(child, lambda _: None)
        child.wait()

    return once


def milliseconds(once: Callable[[], None]) -> float:
    begin = time.perf_counter()
    for _ in range(COMMANDS):
        once()
    return (time.perf_counter() - begin) / COMMANDS * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in range(50):
            (folder / f"file{n}").write_bytes(b"x" * 1000)
        limits = process.Limits(memory=256 << 20, cpu=Decimal(1), storage=1 << 30)
        with (
            process.Supervisor() as auto,
            process.Supervisor(limits="watch") as watch,
        ):
            forms = {
                "subprocess.Popen": bare_popen,
                "os.posix_spawn": bare_posix_spawn,
                "subprocess.run, captured": captured_popen,
                "ame.process": supervised(auto, folder, process.Limits()),
                "ame.process, limits": supervised(auto, folder, limits),
                "ame.process, limits by watching": supervised(watch, folder, limits),
            }
            best = dict.fromkeys(forms, float("inf"))
            for _ in range(TURNS):
                for form, once in forms.items():
                    best[form] = min(best[form], milliseconds(once))
    bare = best["subprocess.Popen"]
    for form, cost in best.items():
        print(f"{form:34} {cost:6.2f} ms   {cost - bare:+6.2f} over a bare spawn")


if __name__ == "__main__":
    main()
