"""Several processes of one user on one machine, and several terminals on one run."""

import subprocess
from pathlib import Path

import pytest

from ame.engine.home import Home
from flow.running import ARGV, Place, processes_with
from parts.waiting import eventually

GPU = {"nvidia.com/gpu": 1}


def step(name: str, command: str, **more: object) -> dict[str, object]:
    return {"name": name, "executor": {"custom": {"command": command}}, **more}


def until(file: Path) -> str:
    return f"until [ -e {file} ]; do sleep 0.02; done"


def test_two_runs_at_once_make_a_data_set_once_and_the_second_waits_for_no_more(
    place: Place,
) -> None:
    there = place.home.parent
    make = (
        f"echo making; echo . >> {there}/made; {until(there / 'go')}; mkdir data; echo 1 > data/x"
    )
    place.file(
        {
            "dataSets": [{"name": "numbers", "path": "data", "task": step("make", make)}],
            "tasks": [
                step("long", f"echo loaded; {until(there / 'end')}", dataSets=["numbers"]),
                step("short", "cat data/x", dataSets=["numbers"]),
            ],
        }
    )
    first = place.start("task", "run", "long", "--logs")
    assert first.shows("making")
    second = place.start("task", "run", "short", "--logs")
    assert second.shows("waiting for data set demo.numbers")
    (there / "go").touch()

    assert second.end() == 0, second.output
    assert first.shows("loaded")
    assert first.process.poll() is None
    (there / "end").touch()
    assert first.end() == 0, first.output
    assert (there / "made").read_text().split() == ["."]


def test_two_processes_take_turns_at_a_gpu_and_a_dead_one_gives_it_back(place: Place) -> None:
    there = place.home.parent
    place.settings('gpus = ["3"]\ngrace = 1')
    hold = f"echo got $CUDA_VISIBLE_DEVICES; {until(there / 'never')}"
    place.file(
        {"tasks": [step("hold", hold, resources=GPU), step("next", "echo mine", resources=GPU)]}
    )
    first = place.start("task", "run", "hold", "--logs")
    assert first.shows("got 3")
    second = place.start("task", "run", "next", "--logs")
    assert eventually(lambda: _is_running(place, "next"))
    assert place.states("next") == {"next": ("Pending", "")}

    first.process.kill()
    first.end()

    assert second.end() == 0, second.output
    assert b"mine" in second.output


def test_a_run_gives_way_to_another_that_waits_and_then_goes_on(place: Place) -> None:
    there = place.home.parent
    place.settings("grace = 1")
    with Home(place.home) as home:
        whole = {"cpu": str(home.capacity.cpu)}
    held = f"echo one >> {there}/order; {until(there / 'go')}"
    group = [
        step(name, f"echo {name} >> {there}/order" if name != "one" else held, resources=whole)
        for name in ("one", "two", "three")
    ]
    other = step("other", f"echo other >> {there}/order", resources=whole)
    place.file({"tasks": [{"name": "wide", "pipeline": [group]}, other]})
    first = place.start("task", "run", "wide")
    assert eventually((there / "order").exists)
    second = place.start("task", "run", "other")
    assert eventually(lambda: _is_running(place, "other"))
    assert place.states("other") == {"other": ("Pending", "")}
    with Home(place.home) as home:
        owner = home.store.find("wide").owner
        assert eventually(lambda: home.leases.awaited(but=owner))
    assert (there / "order").read_text().split() == ["one"]

    (there / "go").touch()

    assert first.end() == 0, first.output
    assert second.end() == 0, second.output
    order = (there / "order").read_text().split()
    assert order[:1] == ["one"]
    assert order.index("other") < 3, order
    assert sorted(order) == ["one", "other", "three", "two"]


def _is_running(place: Place, task: str) -> bool:
    runs = place.json("task", "list")
    return any((run["task"], run["state"]) == (task, "Running") for run in runs)


def test_logs_are_shown_while_they_come_here_and_elsewhere(place: Place) -> None:
    there = place.home.parent
    place.file(
        {
            "tasks": [
                {
                    "name": "all",
                    "pipeline": [
                        [
                            step(
                                "a", f"echo whole; printf half; {until(there / 'go')}; echo ' done'"
                            ),
                            step("longer", f"{until(there / 'go')}; echo end"),
                        ]
                    ],
                }
            ]
        }
    )
    run = place.start("task", "run", "all", "--logs")
    assert run.shows("whole")
    assert run.shows("half")
    assert run.process.poll() is None
    following = place.start("task", "logs", "-f", "all")
    assert following.shows("a      | whole")
    assert following.shows("half")
    assert following.process.poll() is None

    (there / "go").touch()

    assert following.end() == 0
    assert run.end() == 0
    assert b"longer | end" in following.output
    lines = [line for line in following.output.decode().splitlines() if line.startswith("a ")]
    assert lines == ["a      | whole", "a      | half", "a      |  done"]


def test_logs_of_one_step_come_out_as_the_bytes_they_were(place: Place) -> None:
    place.tasks(t="printf 'a\\0b\\377\\rc\\n'; printf tail")
    place.run("t")

    assert place.bytes("task", "logs", "t", "--raw") == b"a\0b\xff\rc\ntail"
    assert place.bytes("task", "logs", "t") == b"t | a\0b\\xff\rc\nt | tail\n"


def test_a_reader_that_goes_away_does_not_end_the_run(place: Place) -> None:
    place.tasks(t="for i in $(seq 2000); do echo $i; done; echo > done")
    going = place.start("task", "run", "t", "--logs")
    assert going.shows("100")
    assert going.end() == 0

    piped = subprocess.run(
        [
            "sh",
            "-c",
            '"$@" 2>&1 | head -1; echo ${PIPESTATUS}',
            "sh",
            *ARGV,
            "task",
            "run",
            "t",
            "--logs",
        ],
        capture_output=True,
        text=True,
        cwd=place.folder,
        env=place.environment,
    )
    assert "Traceback" not in piped.stderr + piped.stdout
    assert eventually(lambda: place.view("t")["state"] == "Succeeded")


@pytest.mark.slow
def test_after_a_kill_at_any_moment_all_is_told_and_the_run_can_be_resumed(place: Place) -> None:
    place.settings('cpu = 0.1\nmemory = "100Mi"\nstorage = "100Mi"\ngrace = 1')

    def slow(name: str) -> str:
        return (
            f"(setsid sleep 1000 &) ; cat done* 2>/dev/null; sleep 0.1; echo {name} > done_{name}"
        )

    pipeline = [
        step("a", slow("a"), artifacts={"paths": ["done_a"]}),
        [step("b", slow("b"), cache=True), step("c", slow("c"), retries=1)],
        step("d", "cat done_a done_b done_c set/s", dataSets=["s"]),
    ]
    make = step("make", "sleep 0.1; mkdir set; echo s > set/s")
    sets = [{"name": "s", "path": "set", "task": make}]
    place.file({"dataSets": sets, "tasks": [{"name": "all", "pipeline": pipeline}]})
    seen: set[str] = set()
    resumed = 0
    for number in range(20):
        moment = 0.3 + 0.07 * number
        going = place.start("task", "run", "all")
        if not eventually(lambda going=going: going.process.poll() is not None, moment):  # type: ignore[misc]
            going.process.kill()
        going.end()

        new = [run for run in place.json("task", "list") if run["name"] not in seen]
        seen.update(run["name"] for run in new)
        assert {run["state"] for run in new} <= {"Succeeded", "Failed"}, (moment, new)
        assert eventually(lambda: not processes_with(f"AME_HOME={place.home}"), 10), moment
        assert not list(place.home.glob("runs/*/work")), moment
        for run in new:
            steps = place.states(run["name"])
            ended = {"Succeeded", "Failed", "Cancelled"}
            assert {state for state, _ in steps.values()} <= ended, (moment, steps)
            if run["state"] == "Failed":
                assert run["reason"].startswith("lost"), run
                place.run("--resume", run["name"])
                resumed += 1
                seen.add(place.json("task", "list")[0]["name"])
                assert (place.folder / "done_a").read_text() == "a\n"
        place.ame("ds", "remove", "s")
    assert resumed
