import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ame
from ame.engine.home import Home
from ame.engine.reports import lines


def test_a_line_from_a_shell_and_one_from_python_are_both_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "report"
    monkeypatch.setenv("AME_REPORT", str(report))

    ame.report("loss", 0.5, iteration=3)
    subprocess.run(
        ["sh", "-c", """echo '{"metric": "accuracy", "value": 0.97}' >> "$AME_REPORT" """],
        check=True,
    )
    ame.progress(0.25, "half of a half")

    assert lines.Reader(report).new() == [
        lines.Measured(name="loss", value=0.5, iteration=3),
        lines.Measured(name="accuracy", value=0.97, iteration=None),
        lines.Progress(done=0.25, message="half of a half"),
    ]


def test_outside_a_step_reporting_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AME_REPORT", raising=False)

    ame.report("loss", 0.5)


def test_the_module_that_steps_import_needs_nothing_beside_itself() -> None:
    alone = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"exec(open({ame.__file__!r}).read()); report('a', 1)",
    ]

    assert subprocess.run(alone, check=False).returncode == 0


def test_a_half_written_line_waits_for_its_end(tmp_path: Path) -> None:
    report = tmp_path / "report"
    reader = lines.Reader(report)
    report.write_text('{"metric": "a", "va')

    assert reader.new() == []
    with report.open("a") as more:
        more.write('lue": 1}\n{"progress": 1}')
    assert reader.new() == [lines.Measured(name="a", value=1.0, iteration=None)]
    assert reader.new(last=True) == [lines.Progress(done=1.0, message="")]


def test_not_a_number_is_a_value_too() -> None:
    entry = lines.parse('{"metric": "loss", "value": NaN}')

    assert isinstance(entry, lines.Measured)
    assert math.isnan(entry.value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("accuracy=1", "not JSON"),
        ('{"metric": "a"}', "`value`"),
        ('{"metric": "a", "value": "1"}', "`value`"),
        ('{"metric": "a", "value": 1, "iteration": 0.5}', "`iteration`"),
        ('{"metric": "a", "value": 1' + "0" * 400 + "}", "too large"),
        ('{"progress": 2}', "from 0 to 1"),
        ("[1]", "neither"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_line_that_cannot_be_meant_says_why(line: str, why: str) -> None:
    entry = lines.parse(line)

    assert isinstance(entry, lines.Unread)
    assert why in entry.why


@given(st.text() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_no_line_breaks_the_reader(line: str) -> None:
    lines.parse(line)


def test_the_copy_that_steps_import_gives_way_to_an_installed_ame(tmp_path: Path) -> None:
    site = Home(tmp_path).site
    whole = Path(ame.__file__).parents[1]
    script = "import ame, ame.errors; print(ame.__file__, ame.errors.__file__)"

    told = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{whole}"},
        capture_output=True,
        text=True,
    )

    assert told.stdout.split() == [f"{site}/ame/__init__.py", f"{whole}/ame/errors/__init__.py"]
