"""Steps in Dagster, in one process: the quickest of its executors, which does not run two at once.

Usage: dagster_steps.py seq|wide STEPS FOLDER
"""

import logging
import subprocess
import sys

from dagster import DagsterInstance, In, Nothing, Out, job, op

shape, steps, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
logging.disable(logging.CRITICAL)


@op(out=Out(Nothing))
def first() -> None:
    subprocess.run(["bash", "-c", "true"], check=True, capture_output=True)


@op(ins={"before": In(Nothing)}, out=Out(Nothing))
def step() -> None:
    subprocess.run(["bash", "-c", "true"], check=True, capture_output=True)


@job
def go() -> None:
    before = first.alias("s0")()
    for number in range(1, steps):
        if shape == "seq":
            before = step.alias(f"s{number}")(before)
        else:
            first.alias(f"s{number}")()


with DagsterInstance.local_temp(folder) as instance:
    if not go.execute_in_process(instance=instance).success:
        sys.exit(1)
