"""The least that could be done: spawn, capture, record. No workspace, limits, leases or states.

Usage: skeleton.py seq|wide STEPS FOLDER
"""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

shape, steps, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
database = sqlite3.connect(folder / "steps.db", isolation_level=None, check_same_thread=False)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = NORMAL")
database.execute("CREATE TABLE step (name TEXT PRIMARY KEY, state TEXT, at REAL, code INTEGER)")
alone = threading.Lock()


def do(number: int) -> None:
    name = f"s{number}"
    with alone:
        database.execute("INSERT INTO step VALUES (?, 'Running', ?, NULL)", (name, time.time()))
    with (folder / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(
            ["bash", "-c", "true"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert child.stdout is not None
        while chunk := child.stdout.read(65536):
            log.write(chunk)
        code = child.wait()
    with alone:
        ended = ("Failed" if code else "Succeeded", time.time(), code, name)
        database.execute("UPDATE step SET state = ?, at = ?, code = ? WHERE name = ?", ended)


if shape == "seq":
    for each in range(steps):
        do(each)
else:
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(do, range(steps)))
