"""What a run gives back: its metrics, and the files that it saved."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ame as package

SOURCE = str(Path(package.__file__).parents[1])
FILE = """\
project: demo
tasks:
  - name: twice
    executor:
      !custom
      command: |
        echo '{"metric": "try", "value": '$AME_ATTEMPT'}' >> "$AME_REPORT"
        test $AME_ATTEMPT = 2
    retries: 1
  - name: pipe
    pipeline:
      # In the order of their names the second one would be the last.
      - name: b_first
        executor: !custom {command: echo first > out.txt}
        artifacts: {paths: [out.txt]}
      - name: a_second
        executor: !custom {command: echo second > out.txt}
        artifacts: {paths: [out.txt]}
"""
COUNTING = """\
project: counting
tasks:
  - name: count
    cache: true
    inputs: [input.txt]
    executor: !custom {command: "date +%s%N > out.txt"}
    artifacts: {paths: [out.txt]}
"""
OTHER = """\
project: other
dataSets:
  - name: data
    path: data
    task:
      name: make
      executor: !custom {command: mkdir data && echo 1 > data/all && echo 2 > theirs.txt}
      artifacts: {saveChangedFiles: true}
"""
LOADING = """\
project: loading
tasks:
  - name: load
    executor: !custom {command: cat data/all > mine.txt}
    artifacts: {saveChangedFiles: true}
    dataSets: [other.data]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "ame.yml").write_text(FILE)
    return tmp_path


def ame(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ame", *arguments],
        capture_output=True,
        text=True,
        cwd=place,
        env={**os.environ, "PYTHONPATH": SOURCE, "AME_HOME": str(place / "home")},
    )


def test_what_an_attempt_reported_counts_once_also_when_the_step_is_tried_again(
    place: Path,
) -> None:
    ran = ame(place, "task", "run", "twice", "--format", "json")

    assert ran.returncode == 0, ran.stderr
    assert [each["value"] for each in json.loads(ran.stdout)["metrics"]] == [1, 2]


def test_of_a_file_that_two_steps_saved_the_last_ones_is_brought_back(place: Path) -> None:
    ran = ame(place, "task", "run", "pipe")

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("out.txt") == 1
    assert (place / "out.txt").read_text() == "second\n"


def test_an_artifact_is_given_as_the_last_step_saved_it_or_as_the_one_that_is_named(
    place: Path,
) -> None:
    ame(place, "task", "run", "pipe")

    last = ame(place, "artifact", "get", "pipe", "out.txt", "-o", "-")
    named = ame(place, "artifact", "get", "pipe", "-o", "-", "--step", "b_first")
    unknown = ame(place, "artifact", "get", "pipe", "--step", "c")

    assert (last.stdout, named.stdout) == ("second\n", "first\n")
    assert unknown.returncode == 2
    assert "no step `c`; there are b_first, a_second" in unknown.stderr


def test_what_a_data_set_of_another_project_saved_is_not_brought_into_this_one(place: Path) -> None:
    (place / "other").mkdir()
    (place / "other" / "ame.yml").write_text(OTHER)
    (place / "ame.yml").write_text(LOADING)
    ame(place, "project", "add", "other")

    ran = ame(place, "task", "run", "load")

    assert ran.returncode == 0, ran.stderr
    assert (place / "mine.txt").exists()
    assert not (place / "theirs.txt").exists()
    assert "theirs.txt" in ame(place, "artifact", "list", "load").stdout


def test_a_cached_step_is_done_again_when_that_is_asked_for_and_its_result_is_cached(
    place: Path,
) -> None:
    (place / "ame.yml").write_text(COUNTING)

    def made(*options: str) -> str:
        assert ame(place, "task", "run", "count", *options).returncode == 0
        return ame(place, "artifact", "get", "count", "out.txt", "-o", "-").stdout

    first, again = made(), made()
    fresh, later = made("--fresh"), made()

    assert first == again != fresh == later


def test_a_file_in_the_way_of_an_artifact_is_kept_unless_it_is_the_same(place: Path) -> None:
    ame(place, "task", "run", "pipe")

    same = ame(place, "artifact", "get", "pipe")
    (place / "out.txt").write_text("mine\n")
    other = ame(place, "artifact", "get", "pipe")

    assert (same.returncode, other.returncode) == (0, 5)
    assert (place / "out.txt").read_text() == "mine\n"
    assert ame(place, "artifact", "get", "pipe", "--force").returncode == 0
    assert (place / "out.txt").read_text() == "second\n"
