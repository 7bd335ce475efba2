"""What steps report while they run."""

import math
import sqlite3
import sys
from contextlib import closing

import pytest

from ame import runs
from engine.doing import Doing, step

REPORT = """\
import ame
for epoch in range(3):
    ame.report("loss", 1 / (epoch + 1), epoch)
ame.report("accuracy", float("nan"))
ame.progress(0.5, "half way")
"""


def measured(doing: Doing, run: str) -> list[tuple[str, float, int | None]]:
    return [(each.name, each.value, each.iteration) for each in doing.home.store.metrics(run)]


def test_a_script_reports_by_the_function_in_ame(doing: Doing) -> None:
    doing.write({"train.py": REPORT})
    site = doing.home.site
    ended = doing.does(step("t", f"PYTHONPATH={site} {sys.executable} train.py; sleep 0.4"))

    *losses, (name, value, iteration) = measured(doing, ended.run.name)
    assert losses == [("loss", 1.0, 0), ("loss", 0.5, 1), ("loss", 1 / 3, 2)]
    assert (name, math.isnan(value), iteration) == ("accuracy", True, None)
    assert doing.seen.done == [("t", 0.5, "half way")]
    assert len(doing.seen.metrics) == 4


def test_any_program_reports_by_appending_lines(doing: Doing) -> None:
    line = '{"metric": "a", "value": 2, "more": 1}'
    broken = 'echo nonsense; echo \'{"metric": 1}\'; printf \'%s\' \'{"metric": "b", "value": 3}\''
    ended = doing.does(step("t", f"(echo '{line}'; {broken}) >> $AME_REPORT"))

    assert measured(doing, ended.run.name) == [("a", 2.0, None), ("b", 3.0, None)]
    assert len([note for note in doing.seen.notes if "report" in note]) == 2


def test_each_attempt_reports_its_own(doing: Doing) -> None:
    say = 'echo "{\\"metric\\": \\"m\\", \\"value\\": $AME_ATTEMPT}" >> $AME_REPORT'
    doing.file(step("t", f"{say}; [ $AME_ATTEMPT = 3 ]", retries=2))
    ended = doing.run("t")

    assert measured(doing, ended.run.name) == [("m", 1.0, None), ("m", 2.0, None), ("m", 3.0, None)]


def test_a_report_that_is_no_file_does_not_end_the_run(doing: Doing) -> None:
    doing.does(step("t", "rm -f $AME_REPORT; mkdir $AME_REPORT; sleep 0.4"))


def test_metrics_of_a_step_that_fails_are_kept(doing: Doing) -> None:
    doing.file(step("t", 'echo \'{"metric": "m", "value": 1}\' >> $AME_REPORT; exit 1'))
    ended = doing.run("t")

    assert ended.run.state is runs.State.FAILED
    assert measured(doing, ended.run.name) == [("m", 1.0, None)]


def test_why_a_step_fails_is_what_it_says_last_and_nothing_to_one_that_succeeds(
    doing: Doing,
) -> None:
    says = 'echo \'{"failed": "no plan"}\' >> $AME_REPORT'
    doing.file(step("t", f'echo \'{{"failed": "a"}}\' >> $AME_REPORT; {says}; exit 3'))
    assert doing.steps(doing.run("t")) == {"t": (runs.State.FAILED, "exited with 3: no plan")}

    ended = doing.does(step("t", says))
    assert doing.steps(ended) == {"t": (runs.State.SUCCEEDED, "")}


def test_an_attempt_that_says_nothing_does_not_fail_for_the_reason_of_the_one_before(
    doing: Doing,
) -> None:
    says = '[ $AME_ATTEMPT = 2 ] || echo \'{"failed": "no plan"}\' >> $AME_REPORT'
    doing.file(step("t", f"{says}; exit 3", retries=1))

    assert doing.steps(doing.run("t")) == {"t": (runs.State.FAILED, "exited with 3")}
    assert any("no plan; trying again" in note for note in doing.seen.notes)


def test_a_reason_that_is_no_text_is_shown_and_passed_over(doing: Doing) -> None:
    doing.file(step("t", "echo '{\"failed\": 1}' >> $AME_REPORT; exit 3"))

    assert doing.steps(doing.run("t")) == {"t": (runs.State.FAILED, "exited with 3")}
    assert any("`failed` is a text" in note for note in doing.seen.notes)


LOG = """\
import os, sys
import mlflow
with mlflow.start_run():
    for epoch in range(3):
        mlflow.log_metric("loss", 1 / (epoch + 1), step=epoch)
    mlflow.log_metric("attempt", float(os.environ["AME_ATTEMPT"]))
    mlflow.log_text("kept", "file.txt")
sys.exit(os.environ["AME_ATTEMPT"] == "1")
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_plain_mlflow_calls_of_steps_that_start_at_once_are_metrics_of_their_attempts(
    doing: Doing,
) -> None:
    doing.write({"requirements.txt": "mlflow-skinny>=3\nsqlalchemy\nalembic\n", "train.py": LOG})
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    pip = {"pip": {"pythonVersion": version, "command": "python train.py"}}
    once = {"executor": pip, "retries": 1, "resources": {"memory": "1G", "cpu": 1}}
    doing.file({"name": "t", "pipeline": [[{"name": name, **once} for name in ("a", "b")]]})

    ended = doing.run("t")

    assert ended.run.state is runs.State.SUCCEEDED, doing.log(ended).decode()
    found = sorted(measured(doing, ended.run.name))
    losses = [("loss", 1.0, 0), ("loss", 0.5, 1), ("loss", 1 / 3, 2)] * 2
    assert found == sorted([*losses, ("attempt", 1.0, 0), ("attempt", 2.0, 0)] * 2)
    store = doing.home.folder / "mlflow"
    assert len([*store.glob("artifacts/*/*/artifacts/file.txt")]) == 4
    with closing(sqlite3.connect(store / "mlflow.db")) as kept:
        names = kept.execute("SELECT name FROM experiments").fetchall()
    assert ("demo",) in names
