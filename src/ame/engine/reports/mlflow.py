"""Metrics that a step logged with plain MLflow calls.

MLflow tags every run with what `MLFLOW_RUN_CONTEXT` holds; ame reads the metrics of the runs so
tagged, straight from a SQLite store, else through the tracking server's REST interface
(`runs/search`, `metrics/get-history`).
"""

import base64
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime

from ame import errors, runs

_HISTORY = """
    SELECT metrics.key, metrics.value, metrics.timestamp, metrics.step, metrics.is_nan
    FROM metrics
    JOIN tags AS run ON run.run_uuid = metrics.run_uuid AND run.key = 'ame.run' AND run.value = ?
    JOIN tags AS step ON step.run_uuid = metrics.run_uuid AND step.key = 'ame.step'
        AND step.value = ?
    JOIN tags AS try ON try.run_uuid = metrics.run_uuid AND try.key = 'ame.attempt'
        AND try.value = ?
    ORDER BY metrics.timestamp, metrics.step
"""
_SECONDS = 10


def metrics(uri: str, run: str, step: str, attempt: int) -> list[runs.Metric]:
    """All metrics that one attempt at the step has logged, in the order of their times.

    Raises:
        errors.MlflowUnread: the store is there but cannot be read.
    """
    kind = uri.partition(":")[0].lower()
    try:
        if kind == "sqlite":
            return _from_file(uri.removeprefix("sqlite:///"), run, step, attempt)
        if kind in {"http", "https"}:
            return _from_server(uri, run, step, attempt)
    except (sqlite3.Error, OSError, ValueError, KeyError) as error:
        raise errors.MlflowUnread(uri, str(error)) from error
    return []


def _from_file(file: str, run: str, step: str, attempt: int) -> list[runs.Metric]:
    if not os.path.exists(file):  # noqa: PTH110  # asked for each step
        return []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=_SECONDS)) as database:
        rows = database.execute(_HISTORY, (run, step, str(attempt))).fetchall()
    return [
        _metric(run, step, key, float("nan") if is_nan else value, at, iteration)
        for key, value, at, iteration, is_nan in rows
    ]


def _from_server(uri: str, run: str, step: str, attempt: int) -> list[runs.Metric]:
    from urllib.parse import urlencode

    # Quotes end a string in MLflow's filter grammar; names of runs and steps hold none.
    tags = {"ame.run": run, "ame.step": step, "ame.attempt": attempt}
    wanted = " and ".join(f"tags.`{tag}` = '{value}'" for tag, value in tags.items())
    experiments = _call(uri, "experiments/search", {"max_results": 1000})["experiments"]
    ids = [experiment["experiment_id"] for experiment in experiments]
    query = {"experiment_ids": ids, "filter": wanted, "max_results": 1000}
    found: list[runs.Metric] = []
    for logged in _call(uri, "runs/search", query).get("runs", []):
        for last in logged["data"].get("metrics", []):
            asked = {"run_id": logged["info"]["run_id"], "metric_key": last["key"]}
            history = _call(uri, f"metrics/get-history?{urlencode(asked)}", None)
            found.extend(
                _metric(run, step, each["key"], each["value"], each["timestamp"], each["step"])
                for each in history.get("metrics", [])
            )
    return sorted(found, key=lambda metric: metric.at)


def _call(uri: str, path: str, body: object) -> dict[str, list[dict]]:  # type: ignore[type-arg]  # JSON
    from urllib.request import Request, urlopen

    request = Request(  # noqa: S310  # http and https only, by `metrics`
        f"{uri.rstrip('/')}/api/2.0/mlflow/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **_credentials(os.environ)},
    )
    with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
        return json.load(answer)  # type: ignore[no-any-return]  # JSON


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """What MLflow's own client would say of who it is."""
    name = environ.get("MLFLOW_TRACKING_USERNAME")
    password = environ.get("MLFLOW_TRACKING_PASSWORD")
    token = environ.get("MLFLOW_TRACKING_TOKEN")
    if name and password:
        both = base64.b64encode(f"{name}:{password}".encode()).decode()
        return {"Authorization": f"Basic {both}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


def _metric(
    run: str, step: str, name: str, value: float, milliseconds: float, iteration: float
) -> runs.Metric:
    at = datetime.fromtimestamp(float(milliseconds) / 1000, UTC)
    return runs.Metric(
        run=run, step=step, name=name, value=float(value), at=at, iteration=int(iteration)
    )
