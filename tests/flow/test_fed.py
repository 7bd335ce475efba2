"""`ame fed`, as people use it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flow.fedjob import FILES
from flow.running import Place, processes_with
from parts.flare import flare
from parts.waiting import eventually


@pytest.fixture
def job(place: Place) -> Place:
    return place.write(FILES)


def test_a_job_runs_and_is_in_the_list_with_logs_metrics_and_artifacts(job: Place) -> None:
    ran = job.ame("fed", "run", "job.py")

    assert ran.returncode == 0, ran.stderr
    assert "✓ round 2" in ran.stderr
    assert "returned 0" in ran.stdout
    assert [run["kind"] for run in job.json("task", "list")] == ["fedjob"]
    view = job.view("line")
    assert [step["name"] for step in view["steps"]] == [
        "server",
        *(f"site-{n}" for n in range(1, 5)),
    ]
    losses = [m["value"] for m in view["metrics"] if m["step"] == "site-3" and m["name"] == "loss"]
    assert losses == [1, 1 / 2, 1 / 3]
    assert "site-1 | hello from site-1" in job.ame("task", "logs", "line").stdout
    assert job.ame("artifact", "get", "line", "-o", "saved").returncode == 0
    assert (job.folder / "saved" / "models" / "last.safetensors").is_file()
    assert "<svg" in (job.folder / "saved" / "results" / "metrics.html").read_text()


def test_the_script_alone_keeps_the_same_records(job: Place) -> None:
    ran = subprocess.run(
        [sys.executable, "job.py"],
        cwd=job.folder,
        env=job.environment,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
    assert "✓ round 2" in ran.stderr
    assert job.view("line")["state"] == "Succeeded"


def test_what_is_said_on_the_command_line_goes_before_what_the_script_says(job: Place) -> None:
    ran = job.ame(
        "fed", "run", "job.py", "--clients", "a,b", "--workspace", "other", "--threads", "1"
    )

    assert ran.returncode == 0, ran.stderr
    assert [step["name"] for step in job.view("line")["steps"]] == ["server", "a", "b"]
    assert (job.folder / "other" / "results" / "rounds.csv").is_file()
    assert not (job.folder / "workspace").exists()


@pytest.mark.parametrize(
    ("deed", "least", "code", "said"),
    [
        ("raise", 1, 10, "site-2 is lost: ValueError: no data"),
        ("raise", 4, 11, "site-2 is lost: ValueError: no data"),
        ("exit", 4, 12, "site-2 is lost"),
        ("mute", 4, 12, "site-2 is lost"),
        ("kill", 4, 13, "site-2 is lost"),
        ("wait", 4, 14, "site-2 is lost: it took longer than the 2 s of the task"),
        ("nan", 4, 15, "site-2 is lost"),
        ("shape", 4, 15, "site-2 is lost"),
    ],
)
def test_the_exit_code_says_what_happened(
    job: Place, deed: str, least: int, code: int, said: str
) -> None:
    if deed == "wait":
        job.write({"job.py": FILES["job.py"].replace("FedAvg(", "Hurried(")})
    ran = job.ame("fed", "run", "job.py", "--", str(least), deed)

    assert ran.returncode == code, ran.stderr
    assert said in ran.stderr
    assert job.view("line")["state"] == ("Succeeded" if code == 10 else "Failed")


def test_a_job_that_may_lose_sites_ends_well(job: Place) -> None:
    ran = job.ame("fed", "run", "job.py", "--tolerate", "--", "1", "raise")

    assert ran.returncode == 0, ran.stderr


def test_json_is_all_that_is_printed(place: Place) -> None:
    place.write(FILES)

    ran = place.ame("fed", "run", "job.py", "--format", "json")

    (run,) = json.loads(ran.stdout)
    assert (run["kind"], run["state"]) == ("fedjob", "Succeeded")
    assert ran.stderr == "returned 0\n"


def test_an_error_of_the_script_is_shown_from_its_own_first_line(place: Place) -> None:
    place.write({"job.py": "def broken():\n    return 1 / 0\n\nbroken()\n"})

    ran = place.ame("fed", "run", "job.py")

    assert ran.returncode == 1
    lines = ran.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert 'job.py", line 4, in <module>' in lines[1]
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_a_script_that_cannot_be_read_is_shown_by_the_place_alone(place: Place) -> None:
    place.write({"job.py": "x = 1\ndef (\n"})

    ran = place.ame("fed", "run", "job.py")

    assert ran.returncode == 1
    lines = ran.stderr.splitlines()
    assert lines[0].strip() == 'File "job.py", line 2'
    assert lines[-1] == "SyntaxError: invalid syntax"


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_misspelt_argument_is_said_with_the_line_and_the_right_name(
    place: Place, command: str
) -> None:
    place.write({"job.py": "from ame.federation import FedAvg\n\nFedAvg(num_round=2)\n"})

    ran = place.ame("fed", command, "job.py")

    assert ran.returncode == 3
    said = "job.py:3: `FedAvg` has no argument `num_round`; did you mean `num_rounds`?\n"
    assert ran.stderr.endswith(said)
    assert "Traceback" not in ran.stderr


def test_what_a_job_refuses_is_said_with_the_line_of_the_script(place: Place) -> None:
    place.write({"job.py": "from ame.federation import FedJob\n\nFedJob(name='a/b')\n"})

    ran = place.ame("fed", "run", "job.py")

    assert ran.returncode == 3
    assert "job.py:3: " in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_script_that_runs_no_job_is_told_so(place: Place) -> None:
    place.write({"job.py": "x = 1\n"})

    ran = place.ame("fed", "run", "job.py")

    assert ran.returncode == 4
    assert "job.simulator_run" in ran.stderr


def test_a_script_that_only_exports_has_done_what_it_is_for(job: Place) -> None:
    simulates = 'job.simulator_run("workspace", n_clients=4)'
    assert simulates in FILES["job.py"]
    job.write({"job.py": FILES["job.py"].replace(simulates, 'job.export_job("jobs")')})

    ran = job.ame("fed", "run", "job.py")

    assert ran.returncode == 0, ran.stderr
    folder = next((job.folder / "jobs").iterdir())
    assert f"exported to jobs/{folder.name}" in ran.stderr
    assert job.ame("fed", "check", "job.py").returncode == 4


def test_a_script_s_own_exit_is_passed_on(place: Place) -> None:
    place.write({"job.py": "raise SystemExit(7)\n"})

    assert place.ame("fed", "run", "job.py").returncode == 7


def test_a_script_finds_nvflare_s_names_under_the_command_alone(place: Place) -> None:
    script = "from nvflare.job_config.api import FedJob\nprint(FedJob.__module__)\n"
    place.write({"job.py": script})

    ran = place.ame("fed", "run", "job.py")

    assert "ame.federation" in ran.stdout


def test_an_interrupt_ends_all_of_it_and_keeps_what_was_done(job: Place) -> None:
    going = job.start("fed", "run", "job.py", "--", "1", "wait")
    assert going.shows("✓ round 0")
    assert eventually(lambda: bool(list((job.folder / "workspace").rglob("waiting"))))

    going.signal(signal.SIGINT)

    assert going.end() == 130
    run = job.view("line")
    assert run["state"] == "Cancelled"
    assert any(m["name"] == "loss" for m in run["metrics"])
    assert b"--resume " + run["name"].encode() in going.output
    assert not processes_with(f"AME_RUN={run['name']}")


def test_a_job_is_cancelled_by_its_name(job: Place) -> None:
    going = job.start("fed", "run", "job.py", "--", "1", "wait")
    assert going.shows("✓ round 0")

    assert job.ame("task", "cancel", "line").returncode == 0

    assert going.end() == 130
    assert job.view("line")["state"] == "Cancelled"


def test_check_shows_what_runs_where_and_runs_nothing(job: Place) -> None:
    ran = job.ame("fed", "check", "job.py")

    assert ran.returncode == 0, ran.stderr
    assert "line: 4 sites" in ran.stdout
    assert "workflows.averaging.fedavg.FedAvg" in ran.stdout
    assert not (job.folder / "workspace").exists()
    (told,) = job.json("fed", "check", "job.py")
    assert told["sites"] == [f"site-{number}" for number in range(1, 5)]


def test_a_job_in_a_step_tells_the_engine_its_metrics(place: Place) -> None:
    place.write(FILES).tasks(learn=f"{sys.executable} -m ame fed run job.py")

    place.run("learn")

    assert {"fedjob", "task"} == {run["kind"] for run in place.json("task", "list")}
    told = [m for m in place.view("learn")["metrics"] if m["name"] == "loss"]
    assert [m["iteration"] for m in told] == [0, 1, 2]


def test_a_job_that_failed_goes_on_from_its_last_round(job: Place) -> None:
    assert job.ame("fed", "run", "job.py", "--", "4", "raise").returncode == 11
    (first,) = job.json("task", "list")
    job.write({"client.py": FILES["client.py"].replace('"raise"', '"mended"')})

    ran = job.ame("fed", "run", "--resume", first["name"])

    assert ran.returncode == 0, ran.stderr
    assert "✓ round 0" not in ran.stderr
    assert "✓ round 2" in ran.stderr
    assert job.json("task", "list")[0]["resumes"] == first["name"]
    page = (job.folder / "workspace" / "results" / "metrics.html").read_text()
    assert "loss in rounds 0 to 2" in page


def test_a_federated_run_is_not_continued_as_a_task(job: Place) -> None:
    assert job.ame("fed", "run", "job.py", "--", "4", "raise").returncode == 11
    (run,) = job.json("task", "list")

    refused = job.ame("task", "run", "--resume", run["name"])

    assert refused.returncode == 5
    assert f"`{run['name']}` is a run of kind `fedjob`" in refused.stderr
    assert "`ame fed run --resume` continues it" in refused.stderr


def test_sites_that_stay_away_are_no_loss(job: Place) -> None:
    ran = job.ame("fed", "run", "job.py", "--dropout", "0.5", "--seed", "3")

    assert ran.returncode == 0, ran.stderr
    assert "dropped" in ran.stderr


def test_an_exported_job_runs_from_its_folder(job: Place) -> None:
    ran = job.ame("fed", "export", "job.py", "-o", "jobs", "--flare-version", "2.9")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "jobs/line\n"
    assert not (job.folder / "workspace").exists()

    ran = job.ame("fed", "run", "jobs/line", "--clients", "2")

    assert ran.returncode == 0, ran.stderr
    assert job.view("line")["state"] == "Succeeded"


@pytest.mark.slow
def test_the_nvflare_that_is_installed_does_a_job(job: Place) -> None:
    installed = flare("2.9").folder / "bin"
    job.variables["PATH"] = f"{installed}:{os.environ['PATH']}"

    ran = job.ame("fed", "run", "job.py", "--engine", "nvflare", "--clients", "2")

    assert ran.returncode == 0, ran.stderr
    run = job.view("line")
    assert (run["kind"], run["state"]) == ("fedjob", "Succeeded")
    assert "models/persistor.npy" in [each["path"] for each in run["artifacts"]]
    assert "hello from" in job.ame("task", "logs", "line").stdout
    assert not processes_with(f"AME_RUN={run['name']}")


def test_an_engine_that_is_not_there_is_named_with_the_remedy(job: Place) -> None:
    job.variables["PATH"] = "/usr/bin:/bin"

    ran = job.ame("fed", "run", "job.py", "--engine", "nvflare")

    assert ran.returncode == 6
    assert "pip install nvflare" in ran.stderr


def test_a_run_of_another_kind_is_not_continued(place: Place) -> None:
    place.tasks(plain="true").run("plain")

    ran = place.ame("fed", "run", "--resume", "plain")

    assert ran.returncode == 5
    assert "`ame task run --resume" in ran.stderr


def test_a_job_s_workspace_is_not_emptied(job: Place) -> None:
    kept = job.folder / "workspace" / "thesis.txt"
    job.write({"workspace/thesis.txt": "mine"})

    assert job.ame("fed", "run", "job.py").returncode == 0

    assert kept.read_text() == "mine"


def test_the_command_needs_a_job(place: Place) -> None:
    ran = place.ame("fed", "run")

    assert ran.returncode == 2
    assert "say which job" in ran.stderr
    assert place.ame("fed", "run", "missing.py").returncode == 2
    assert not Path(place.home / "runs").exists()


def test_options_of_a_script_are_told_where_they_go(job: Place) -> None:
    ran = job.ame("fed", "run", "job.py", "--num_rounds", "3")

    assert ran.returncode == 2
    assert "goes after `--`: `ame fed run job.py -- --num_rounds`" in ran.stderr


def test_a_job_is_told_from_where_it_finds_its_script(place: Place) -> None:
    place.write({f"project/{name}": text for name, text in FILES.items()})

    ran = place.ame("fed", "run", "project/job.py")

    assert ran.returncode == 4
    assert f"it is in {place.folder / 'project'}: run the job from there" in ran.stderr
