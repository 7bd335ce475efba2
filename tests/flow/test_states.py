import os
import signal
import sys
from pathlib import Path

import pytest

from flow.running import Place, processes_with
from parts.waiting import eventually, is_running

RUNAWAY = """\
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("{pids}", "a").write(f"{{os.getpid()}}\\n")
        time.sleep(1000)
    os._exit(0)
open("{pids}", "a").write(f"{{os.getpid()}}\\n")
print("ready", flush=True)
time.sleep(1000)
"""


def runaway(place: Place) -> Path:
    """A task that leaves its session and its parent, and says who it is."""
    pids = place.home.parent / "pids"
    place.write({"runaway.py": RUNAWAY.format(pids=pids)})
    place.tasks(long=f"{sys.executable} runaway.py")
    return pids


def started(pids: Path) -> list[int]:
    assert eventually(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    return [int(pid) for pid in pids.read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_asks_a_run_to_stop_ends_its_whole_tree_and_cancels_it(
    place: Place, number: signal.Signals
) -> None:
    pids = runaway(place)
    going = place.start("task", "run", "long", "--logs")
    there = started(pids)

    if number is signal.SIGINT:
        going.type("\x03")
    else:
        going.signal(number)

    assert going.end() == 130
    assert not any(map(is_running, there))
    run = place.view("long")
    assert run["state"] == "Cancelled"
    assert run["reason"] in {"interrupted", "cancelled", "the terminal was closed"}
    assert place.states("long")["long"] == ("Cancelled", "the run was stopped")
    assert not list(place.home.glob("runs/*/work"))


def test_a_run_whose_terminal_is_closed_ends_with_its_tree(place: Place) -> None:
    pids = runaway(place)
    going = place.start("task", "run", "long", "--logs")
    there = started(pids)

    going.hang_up()

    assert eventually(lambda: going.process.poll() is not None)
    assert not any(map(is_running, there))
    assert place.view("long")["state"] == "Cancelled"


def test_a_second_interrupt_does_not_wait_for_a_step_that_will_not_end(place: Place) -> None:
    place.settings("grace = 1000")
    place.tasks(stubborn="trap '' TERM; echo ready; while :; do sleep 0.1; done")
    going = place.start("task", "run", "stubborn", "--logs")
    assert going.shows("ready")

    going.type("\x03")
    assert going.shows("stopping")
    going.type("\x03")

    assert going.end() == 130
    assert place.view("stubborn")["state"] == "Cancelled"


def test_a_step_has_time_to_end_by_itself_after_one_interrupt(place: Place) -> None:
    mark = place.home.parent / "mark"
    end = f"sleep 0.3; echo saved > {mark}; exit 0"
    place.tasks(tidy=f"trap '{end}' TERM; echo ready; while :; do sleep 0.05; done")
    going = place.start("task", "run", "tidy", "--logs")
    assert going.shows("ready")

    going.type("\x03")

    assert going.end() == 130
    assert mark.read_text() == "saved\n"


def test_steps_that_never_start_say_what_kept_them(place: Place) -> None:
    def step(name: str, command: str) -> dict[str, object]:
        return {"name": name, "executor": {"custom": {"command": command}}}

    place.file(
        {
            "tasks": [
                {
                    "name": "all",
                    "pipeline": [step("one", "true"), step("two", "exit 7"), step("three", "true")],
                }
            ]
        }
    )

    printed = place.run("all", code=1)

    assert place.states("all") == {
        "one": ("Succeeded", ""),
        "two": ("Failed", "exited with 7"),
        "three": ("Cancelled", "two failed"),
    }
    assert "exited with 7" in printed


def test_a_step_that_crashes_keeps_its_last_lines_and_exit_code_in_view(place: Place) -> None:
    place.tasks(crash="for i in $(seq 100); do echo line $i; done; kill -SEGV $$")

    printed = place.run("crash", code=1)
    viewed = place.ame("task", "view", "crash").stdout

    for shown in (printed, viewed):
        assert "line 100" in shown
        assert "line 95" in shown
        assert "line 50" not in shown
        assert "ended by SIGSEGV" in shown
    (step,) = place.view("crash")["steps"]
    assert [each["exit_code"] for each in step["attempts"]] == [-signal.SIGSEGV]


@pytest.mark.parametrize("limits", ["auto", "watch"])
def test_a_step_without_its_marker_is_found_when_ame_and_all_beside_it_were_killed(
    place: Place, limits: str
) -> None:
    place.settings(f'limits = "{limits}"')
    file = place.home.parent / "pid"
    place.tasks(t=f"echo $$ > {file}.new; mv {file}.new {file}; exec env -i sleep 1000")
    going = place.start("task", "run", "t")
    assert eventually(file.exists)
    step = int(file.read_text())
    assert eventually(lambda: step not in processes_with(f"AME_HOME={place.home}"))
    # So that none sees another's end; and parents last, for theirs lets stopped children go on.
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in sorted(processes_with(f"AME_HOME={place.home}"), reverse=True):
            os.kill(pid, number)
    going.end()
    assert is_running(step)

    assert place.view("t")["reason"].startswith("lost")

    assert not is_running(step)


def test_an_ame_that_is_killed_leaves_a_run_that_is_lost_and_nothing_behind(place: Place) -> None:
    pids = runaway(place)
    going = place.start("task", "run", "long")
    there = started(pids)

    going.signal(signal.SIGKILL)
    going.end()
    listed = place.ame("task", "list")

    assert listed.stdout.split()[3:] == [*listed.stdout.split()[3:4], "Failed", "demo"]
    assert not any(map(is_running, there))
    run = place.view("long")
    assert run["reason"] == "lost: the process that led it is gone"
    assert not list(place.home.glob("runs/*/work"))
    assert not processes_with(f"AME_HOME={place.home}")
    place.tasks(next="true")
    place.run("next")


def test_a_run_can_be_cancelled_from_elsewhere(place: Place) -> None:
    pids = runaway(place)
    going = place.start("task", "run", "long")
    there = started(pids)

    cancelled = place.ame("task", "cancel", "long")

    assert cancelled.returncode == 0, cancelled.stderr
    assert "Cancelled" in cancelled.stdout
    assert going.end() == 130
    assert not any(map(is_running, there))
    assert "has ended already: Cancelled" in place.ame("task", "cancel", "long").stdout


def test_an_interrupt_while_a_step_waits_for_the_machine_cancels_it(place: Place) -> None:
    place.settings('gpus = ["0"]\ngrace = 1')
    gpu = {"nvidia.com/gpu": 1}
    place.file(
        {
            "tasks": [
                {
                    "name": "hold",
                    "executor": {"custom": {"command": "echo ready; sleep 1000"}},
                    "resources": gpu,
                },
                {"name": "wait", "executor": {"custom": {"command": "true"}}, "resources": gpu},
            ]
        }
    )
    holding = place.start("task", "run", "hold", "--logs")
    assert holding.shows("ready")
    waiting = place.start("task", "run", "wait")
    assert eventually(lambda: len(place.json("task", "list")) == 2)

    waiting.type("\x03")

    assert waiting.end() == 130
    assert place.states("wait") == {"wait": ("Cancelled", "interrupted")}
    assert place.view("hold")["state"] == "Running"
    holding.type("\x03")
    assert holding.end() == 130


def test_an_interrupt_while_the_project_is_read_cancels_the_run(place: Place) -> None:
    place.tasks(never="touch ran")
    big = place.folder / "big"
    with big.open("wb") as file:
        file.truncate(20 << 30)
    going = place.start("task", "run", "never")
    assert eventually(lambda: place.ame("task", "list").stdout.count("Pending") == 1)

    going.type("\x03")

    assert going.end() == 130
    assert place.view("never")["state"] == "Cancelled"
    assert place.view("never")["reason"] == "interrupted"
    assert not list((place.home / "blobs").glob(".*"))


def test_an_interrupt_while_a_data_set_is_waited_for_ends_the_wait(place: Place) -> None:
    made = place.home.parent / "made"
    make = f"echo making; while [ ! -e {made} ]; do sleep 0.05; done; mkdir data; date > data/one"
    maker = {"name": "make", "executor": {"custom": {"command": make}}}
    user = {"name": "use", "executor": {"custom": {"command": "cat data/one"}}}
    place.file(
        {
            "dataSets": [{"name": "numbers", "path": "data", "task": maker}],
            "tasks": [{**user, "dataSets": ["numbers"]}],
        }
    )
    first = place.start("task", "run", "use", "--logs")
    assert first.shows("making")
    second = place.start("task", "run", "use", "--logs")
    assert second.shows("waiting for data set")

    second.type("\x03")

    assert second.end() == 130
    made.touch()
    assert first.end() == 0, first.output
    assert len(place.json("ds", "list")) == 1
