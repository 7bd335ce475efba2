"""Runs a command within a run of MLflow, as `mlflow run` does with an entry point.

    python -I -c TEXT DESCRIPTION COMMAND...

A program by itself: TEXT is this file, the Python any that has MLflow. DESCRIPTION is JSON with
`tags` and `parameters`, and where they are said `run_name`, `experiment_name`, `experiment_id`.

MLflow is imported in children that end at once, so that the command has the step's memory for
itself.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(described: str, command: list[str]) -> None:
    """Opens a run, and ends as the command ended in it; with `MLFLOW_RUN_ID` it has one already."""
    if os.environ.get("MLFLOW_RUN_ID"):
        os.execvp(command[0], command)  # noqa: S606  # the argv is what there is to run
    asked: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _: object) -> None:
        asked.append(number)
        if child is not None:
            child.send_signal(number)

    for number in _PASSED_ON:  # from here on, so that no run is left open
        signal.signal(number, pass_on)
    os.environ.update(_apart(lambda: _open(json.loads(described))))
    if asked:
        code = -asked[-1]
    else:
        child = subprocess.Popen(command)
        for early in asked:  # it came while the child was being made
            child.send_signal(early)
        code = child.wait()
    status = "KILLED" if asked else "FAILED" if code else "FINISHED"
    _close(os.environ["MLFLOW_RUN_ID"], status)
    if code < 0:
        if -code in _PASSED_ON:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def _open(described: dict[str, Any]) -> dict[str, str]:
    """Opens a run; the variables that lead a command into it."""
    from mlflow import MlflowClient  # type: ignore[import-not-found]  # there where this runs
    from mlflow.entities import Param  # type: ignore[import-not-found]
    from mlflow.tracking.context.registry import (  # type: ignore[import-not-found]
        resolve_tags,
    )

    client = MlflowClient()
    experiment = described.get("experiment_id") or _experiment(
        client, described.get("experiment_name") or os.environ.get("MLFLOW_EXPERIMENT_NAME", "")
    )
    # The program that asks is this one: the project stands in its place.
    source = {"mlflow.source.name": os.environ.get("AME_PROJECT", Path.cwd().name)}
    tags = resolve_tags({**source, **described["tags"]})
    opened = client.create_run(experiment, tags=tags, run_name=described.get("run_name")).info
    parameters = [Param(name, value) for name, value in described["parameters"].items()]
    client.log_batch(opened.run_id, params=parameters)
    return {"MLFLOW_RUN_ID": opened.run_id, "MLFLOW_EXPERIMENT_ID": experiment}


def _experiment(client: Any, name: str) -> str:  # noqa: ANN401  # MLflow has no types here
    """The id of the experiment of that name, which is made if it is not there."""
    from mlflow.exceptions import MlflowException  # type: ignore[import-not-found]

    if not name:
        return "0"
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            found = client.get_experiment_by_name(name)  # another step has made it meanwhile
            if found is None:
                raise
    return str(found.experiment_id)


def _close(run: str, status: str) -> None:
    """Closes the run, if the command has not."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if uri.startswith("sqlite:///"):
        # Three columns as old as MLflow's stores, in place of seconds of importing it.
        with closing(sqlite3.connect(uri[len("sqlite:///") :], timeout=10)) as store, store:
            store.execute(
                "UPDATE runs SET status = ?, end_time = ?"
                " WHERE run_uuid = ? AND status = 'RUNNING'",
                (status, int(time.time() * 1000), run),
            )
    else:
        _apart(lambda: _close_by_mlflow(run, status))


def _close_by_mlflow(run: str, status: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient()
    if client.get_run(run).info.status == "RUNNING":
        client.set_terminated(run, status)


def _apart(do: Callable[[], _T]) -> _T:
    """What a function returns that is called in a child; ends all when it fails there."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(do()).encode())
        except BaseException:  # noqa: BLE001  # whatever it is, the child must not go on from here
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:  # noqa: PTH123  # a descriptor
        told = answer.read()
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit("error: MLflow could not open or close its run, see above")
    return cast("_T", json.loads(told))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
