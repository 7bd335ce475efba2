"""Steps in Prefect: tasks of one flow, with a server of its own that it starts for the run.

Usage: prefect_steps.py seq|wide STEPS FOLDER
"""

import os
import subprocess
import sys

shape, steps = sys.argv[1], int(sys.argv[2])
os.environ["PREFECT_HOME"] = f"{sys.prefix}/home"  # its database is made once
os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "120"

from prefect import flow, task  # noqa: E402  # it reads the variables when it is imported
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402


@task
def step(number: int) -> int:
    subprocess.run(["bash", "-c", "true"], check=True, capture_output=True)
    return number


@flow(task_runner=ThreadPoolTaskRunner(max_workers=len(os.sched_getaffinity(0))))
def go() -> None:
    if shape == "seq":
        for number in range(steps):
            step(number)
    else:
        for each in [step.submit(number) for number in range(steps)]:
            each.result()


go()
