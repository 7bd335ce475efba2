"""The command line, as a person meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flow.running import ARGV, Place, processes_with
from parts.waiting import eventually

HEAVY = {"pydantic", "yaml", "cryptography", "pathspec", "cronsim", "keyring", "hvac", "asyncio"}


def loaded(place: Place, *arguments: str) -> set[str]:
    """The modules that a command has imported in the end."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr))\n"
        "from ame.cli import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=place.folder,
        env=place.environment,
    )
    assert ran.returncode == 0, ran.stderr
    return set(ran.stderr.split())


def test_help_imports_nothing_but_click_and_the_errors(place: Place) -> None:
    modules = loaded(place, "--help")

    assert not modules & (HEAVY | {"sqlite3", "ame.runs", "ame.process", "ame.project"})
    own = {name for name in modules if name.split(".")[0] == "ame"}
    assert {name for name in own if not name.startswith("ame.errors")} == {
        "ame",
        "ame.cli",
        "ame.cli.exits",
        "ame.cli.main",
    }


def test_the_list_imports_nothing_heavy(place: Place) -> None:
    place.tasks(t="true")
    place.run("t")
    modules = loaded(place, "task", "list")

    assert not modules & (HEAVY | {"ame.process", "ame.project", "ame.engine.home", "subprocess"})


def test_a_first_project_runs(place: Place) -> None:
    assert place.ame("init", "first").returncode == 0
    assert place.ame("validate").returncode == 0
    printed = place.run("hello")

    assert "Succeeded" in printed


def test_runs_are_listed_newest_first_as_a_table_and_as_json(place: Place) -> None:
    place.tasks(good="true", bad="exit 1")
    place.run("good")
    place.run("bad", code=1)

    lines = place.ame("task", "list").stdout.splitlines()
    assert [line.split()[1:] for line in lines] == [
        ["Status", "Project"],
        ["Failed", "demo"],
        ["Succeeded", "demo"],
    ]
    assert lines[0].split()[0] == "Name"
    assert lines[1].startswith("bad-")
    listed = place.json("task", "list", "--limit", "1")
    assert [(run["task"], run["state"]) for run in listed] == [("bad", "Failed")]
    assert [run["task"] for run in place.json("task", "list", "--state", "succeeded")] == ["good"]


def test_an_empty_list_says_why(place: Place) -> None:
    assert "`ame task run` starts one" in place.ame("task", "list").stderr
    assert "no runs like that" in place.ame("task", "list", "--task", "x").stderr


def test_fifty_runs_are_listed_unless_another_limit_is_given(place: Place) -> None:
    from datetime import UTC, datetime

    from ame import runs
    from ame.storage.sqlite import Database

    place.home.mkdir()
    store = Database(place.home / "runs.db")
    for number in range(60):
        name, ended = f"t-{number}", runs.State.SUCCEEDED
        store.save(
            runs.Run(name=name, task="t", project="", created=datetime.now(UTC), state=ended)
        )
    store.close()

    fifty = place.ame("task", "list")
    assert len(fifty.stdout.splitlines()) == 51
    assert "--limit" in fifty.stderr
    assert fifty.stdout.splitlines()[1].split() == ["t-59", "Succeeded", "Unknown"]
    assert len(place.ame("task", "list", "--limit", "100").stdout.splitlines()) == 61


def test_a_task_is_picked_from_a_list_on_a_terminal(place: Place) -> None:
    place.tasks(one="echo the first", two="echo the second")
    going = place.start("task", "run", "--logs")
    assert going.shows("Task (number or name)")

    going.type("9\n")
    assert going.shows("none of them")
    going.type("tw\n")

    assert going.end() == 0
    assert b"the second" in going.output
    assert b"the first" not in going.output


def test_without_a_terminal_a_task_must_be_named(place: Place) -> None:
    place.tasks(one="true", two="true")
    ran = place.ame("task", "run")

    assert ran.returncode == 2
    assert "one, two" in ran.stderr


def test_a_run_is_removed_once_that_is_approved(place: Place) -> None:
    place.tasks(t="true")
    place.run("t")

    refused = place.ame("task", "remove", "t")
    assert refused.returncode == 5
    assert "--approve" in refused.stderr
    going = place.start("task", "remove", "t")
    assert going.shows("[y/N]")
    going.type("n\n")
    assert going.end() == 130
    assert place.ame("task", "remove", "t", "--approve").returncode == 0
    assert place.json("task", "list") == []
    assert not any((place.home / "runs").iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("task", "run", "tt"), 4, "has no task `tt`; its tasks: `t`"),
        (("task", "run", "large"), 6, "--fit"),
        (("task", "view", "t-nothing"), 4, "no run is called `t-nothing`"),
        (("task", "logs", "nothing"), 4, "no run is called"),
        (("task", "run", "t", "--nosuch"), 2, "--nosuch"),
        (("artifact", "list", "nothing"), 4, "no run is called"),
        (("ds", "remove", "nothing"), 4, "no data set `nothing`"),
        (("task", "run", "all", "--", "x"), 3, "has no one command"),
        (("task", "run", "--resume", "nothing"), 4, "no run is called"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_documented_code_and_a_remedy(
    place: Place, arguments: tuple[str, ...], code: int, said: str
) -> None:
    true = {"custom": {"command": "true"}}
    place.file(
        {
            "tasks": [
                {"name": "t", "executor": true},
                {"name": "large", "executor": true, "resources": {"cpu": 9999}},
                {"name": "all", "pipeline": [{"taskRef": "t"}]},
            ]
        }
    )
    ran = place.ame(*arguments)

    assert ran.returncode == code, ran.stderr
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert place.json("task", "list") == []


@pytest.mark.parametrize("words", [("task", "list"), ("task", "run", "t"), ("secret", "list")])
def test_a_state_folder_that_cannot_be_used_is_named(place: Place, words: tuple[str, ...]) -> None:
    place.tasks(t="true")
    place.home.write_text("a file is in the way")
    place.home = place.home / "inside"
    ran = place.ame(*words)

    assert ran.returncode == 6, ran.stderr
    assert f"error: {place.home.parent}: File exists; see that" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_outside_a_project_there_is_nothing_to_run(place: Place) -> None:
    ran = place.ame("task", "run", "t")

    assert ran.returncode == 4
    assert "ame init" in ran.stderr


def test_a_run_ends_as_json_for_programs(place: Place) -> None:
    command = 'echo \'{"metric": "m", "value": NaN}\' >> $AME_REPORT; echo 1 > out; exit $1'
    place.file(
        {
            "tasks": [
                {
                    "name": "t",
                    "executor": {"custom": {"command": command}},
                    "artifacts": {"paths": ["out"]},
                }
            ]
        }
    )
    ran = place.ame("task", "run", "t", "--format", "json")

    end = json.loads(ran.stdout)
    assert (end["state"], end["returned"]["written"]) == ("Succeeded", ["out"])
    assert end["artifacts"][0]["path"] == "out"
    assert [metric["name"] for metric in end["metrics"]] == ["m"]


def test_artifacts_are_listed_and_copied(place: Place) -> None:
    place.file(
        {
            "tasks": [
                {
                    "name": "t",
                    "executor": {"custom": {"command": "mkdir out; echo 1 > out/a; echo 2 > b"}},
                    "artifacts": {"saveChangedFiles": True},
                }
            ]
        }
    )
    place.run("t")
    target = place.home.parent / "target"

    listed = place.ame("artifact", "list", "t").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["Path", "b", "out/a"]
    assert place.ame("artifact", "get", "t", "out", "-o", str(target)).returncode == 0
    assert place.bytes("artifact", "get", "t", "b", "-o", "-") == b"2\n"
    place.write({"b": "my own"})
    there = place.ame("artifact", "get", "t", "b")

    assert (there.returncode, "--force" in there.stderr) == (5, True)
    missing = place.ame("artifact", "get", "t", "bb")
    assert (missing.returncode, "did you mean `b`?" in missing.stderr) == (4, True)


def test_a_failed_run_is_continued_once_it_is_mended(place: Place) -> None:
    place.write({"step.sh": "exit 1"})
    place.tasks(t="sh step.sh")
    printed = place.run("t", code=1)
    name = place.json("task", "list")[0]["name"]
    assert f"ame task run --resume {name}" in printed
    place.write({"step.sh": "echo mended"})

    assert "mended" in place.run("--resume", name, "--logs")
    assert place.view("t")["resumes"] == name


def test_arguments_after_two_dashes_reach_the_command(place: Place) -> None:
    place.tasks(t="echo got")

    assert "got --epochs 3 -l" in place.run("t", "--logs", "--", "--epochs", "3", "-l")


def test_a_file_that_cannot_be_read_is_named_and_nothing_starts(place: Place) -> None:
    place.tasks(t="true")
    place.write({"deep/locked": "x"})
    (place.folder / "deep" / "locked").chmod(0)
    # Root reads everything, unless these capabilities are taken from it.
    drop = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    ran = subprocess.run(
        [*(drop if os.geteuid() == 0 else ()), *ARGV, "task", "run", "t"],
        capture_output=True,
        text=True,
        cwd=place.folder,
        env=place.environment,
    )

    assert ran.returncode == 8, ran.stderr
    assert "deep/locked cannot be read (Permission denied)" in ran.stderr
    assert ".ameignore" in ran.stderr
    assert place.view("t")["state"] == "Failed"


def test_a_project_that_speaks_of_models_and_triggers_still_runs_its_tasks(place: Place) -> None:
    place.file(
        {
            "tasks": [
                {
                    "name": "t",
                    "executor": {"custom": {"command": "true"}},
                    "triggers": {"schedule": "0 4 * * *"},
                }
            ],
            "models": [{"name": "m", "training": {"task": {"taskRef": "t"}}}],
        }
    )
    place.run("t")
    ran = place.ame("task", "run", "m")

    assert ran.returncode == 7
    assert "`m` is a model" in ran.stderr


def test_an_interrupt_while_an_environment_is_made_leaves_nothing_half_made(place: Place) -> None:
    backend = "import time\ndef build_wheel(*a, **k):\n    time.sleep(999)\n"
    place.write(
        {
            "slow/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
            'backend-path = ["."]\n[project]\nname = "slow"\nversion = "1"\n',
            "slow/backend.py": backend,
            "requirements.txt": "./slow\n",
        }
    )
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    pip = {"pip": {"pythonVersion": version, "command": "true"}}
    place.file({"tasks": [{"name": "t", "executor": pip}]})
    going = place.start("task", "run", "t", "--logs")
    assert going.shows("creating environment")
    assert eventually(lambda: len(processes_with(f"AME_HOME={place.home}")) > 3)

    going.type("\x03")

    assert going.end() == 130
    assert place.view("t")["state"] == "Cancelled"
    assert not processes_with(f"AME_RUN={place.view('t')['name']}")
    assert not list(Path(place.home / "environments").glob("*/*/venv"))
