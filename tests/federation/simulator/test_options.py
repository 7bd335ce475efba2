"""What a simulation can be asked for, and what it refuses."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ame import errors
from ame.federation.simulator import gpus
from ame.federation.simulator.chances import Chances, Fate
from ame.federation.simulator.setup import spread
from parts.simulated import Seen, app, job, log, model, simulate, text
from parts.waiting import eventually

COUNTS = """
from ame.federation import client as flare
flare.init()
done = 0
while flare.is_running():
    model = flare.receive()
    done += 1
    print("round", model.current_round, "done", done)
    flare.send(flare.FLModel(params={"w": model.params["w"] + 1}))
"""


def test_the_same_sites_stay_away_with_the_same_seed(tmp_path: Path) -> None:
    absent = {}
    for name, seed, threads in (("a", 1, 1), ("b", 1, 2), ("c", 2, 2)):
        seen = Seen()
        simulate(
            job(app(text("counts.py", COUNTS)), rounds=2),
            workspace=tmp_path / name,
            sites=20,
            seed=seed,
            threads=threads,
            dropout=0.3,
            watcher=seen,
        )
        assert {lost.why.kind for lost in seen.losses} == {"dropped"}
        assert len(seen.losses) + len(seen.replies) == 40
        absent[name] = [(lost.site, lost.number) for lost in seen.losses]

    assert absent["a"] == absent["b"]
    assert absent["a"] != absent["c"]


def test_stragglers_are_the_same_sites_in_every_round_and_late_for_a_deadline() -> None:
    fate = Fate(Chances(stragglers=0.25, slowdown=10, deadline=4), seed=3, first=0)
    late = [
        {site for site in range(200) if fate.of(f"site-{site}", number + 1000 * site)[1]}
        for number in (1, 2)
    ]

    assert late[0] == late[1]
    assert 25 < len(late[0]) < 75
    assert {fate.of(f"site-{site}", 1)[1].kind for site in late[0]} == {"timeout"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (None, ()),
        ("", ()),
        ("0", ("0",)),
        ("0,1", ("0", "1")),
        ("[0,1],[2]", ("0,1", "2")),
        ("[0, 1], 3", ("0,1", "3")),
        ("GPU-8a6b", ("GPU-8a6b",)),
    ],
)
def test_gpus_are_given_to_workers_in_groups(given: str | None, made: tuple[str, ...]) -> None:
    assert gpus.groups(given, Path("/nowhere")) == made


@pytest.mark.parametrize("given", ["a", "[0", "0;1", "[]", "[0,0]", "-1", "0.5", "[0],[x]"])
def test_gpus_that_cannot_be_are_refused(given: str) -> None:
    with pytest.raises(errors.SimulationInvalid, match="`gpu`"):
        gpus.groups(given, Path("/nowhere"))


def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0000:01:00.0").mkdir()

    assert gpus.groups("0", tmp_path) == ("0",)
    with pytest.raises(errors.SimulationInvalid, match="names GPU 1; this machine has 0"):
        gpus.groups("0,1", tmp_path)


def test_each_worker_sees_its_own_gpus(tmp_path: Path) -> None:
    script = "import os\nprint('sees', os.environ.get('CUDA_VISIBLE_DEVICES'))\n" + COUNTS
    simulate(job(app(text("s.py", script)), rounds=1), workspace=tmp_path, sites=3, gpu="[0,1],2")

    seen = [log(tmp_path, f"site-{number}").splitlines()[0] for number in (1, 2, 3)]
    assert seen == ["sees 0,1", "sees 2", "sees 0,1"]


@pytest.mark.parametrize(
    "given",
    [
        {"threads": 0},
        {"blas_threads": 0},
        {"dropout": 1.5},
        {"dropout": -0.1},
        {"stragglers": 2},
        {"slowdown": 0.5},
        {"deadline": 0},
        {"log_config": "loud"},
        {"gpu": "x"},
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(
    tmp_path: Path, given: dict[str, object]
) -> None:
    with pytest.raises(errors.SimulationInvalid, match=f"`{next(iter(given))}`"):
        simulate(
            job(app(text("s.py", COUNTS))),
            workspace=tmp_path / "made",
            sites=2,
            **given,  # type: ignore[arg-type]
        )
    assert not (tmp_path / "made").exists()


def test_what_lies_in_the_workspace_stays(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "site-1").mkdir()
    (tmp_path / "site-1" / "data.csv").write_text("mine")
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "notes").write_text("mine")
    for _ in range(2):
        simulate(job(app(text("s.py", COUNTS)), rounds=1), workspace=tmp_path, sites=2)

    for kept in ("thesis.txt", "site-1/data.csv", "server/notes"):
        assert (tmp_path / kept).read_text() == "mine"
    assert log(tmp_path, "site-1") == "round 0 done 1\n"  # not those of the run before


def test_a_disk_is_asked_to_spread_folders_and_need_not(tmp_path: Path) -> None:
    spread(tmp_path)
    spread(tmp_path)
    (tmp_path / "site-1").mkdir()
    spread(Path("/proc/self"))  # no disk at all

    assert [each.name for each in tmp_path.iterdir()] == ["site-1"]


def test_a_folder_in_our_place_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "simulate_job").mkdir()
    (tmp_path / "simulate_job" / "thesis.txt").write_text("mine")

    with pytest.raises(errors.SimulationInvalid, match="`workspace` has a folder"):
        simulate(job(app(text("s.py", COUNTS))), workspace=tmp_path, sites=2)
    assert (tmp_path / "simulate_job" / "thesis.txt").exists()


def test_the_generators_of_the_process_that_simulates_are_as_before(tmp_path: Path) -> None:
    import random

    random.seed(7)
    np.random.seed(7)
    expected = random.random(), np.random.rand()
    random.seed(7)
    np.random.seed(7)
    simulate(job(app(text("s.py", COUNTS)), rounds=1), workspace=tmp_path, sites=2)

    assert (random.random(), np.random.rand()) == expected


def test_without_a_run_there_is_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(errors.NothingToResume, match="begin anew"):
        simulate(job(app(text("s.py", COUNTS))), workspace=tmp_path, sites=2, resume=True)


TESTS = Path(__file__).parents[2]
LONG = f"""
import sys
sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent / "src")!r}]
from parts.simulated import app, job, simulate, text
script = '''
import time
{COUNTS.replace("flare.send", "time.sleep(0.1); flare.send")}'''
simulate(job(app(text("s.py", script)), rounds=6), workspace=sys.argv[1], sites=2, threads=2,
    resume=sys.argv[2] == "resume")
"""


def test_a_run_that_was_killed_goes_on_after_its_last_complete_round(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", LONG, str(tmp_path)]
    first = subprocess.Popen([*argv, "begin"])
    assert eventually(
        lambda: (tmp_path / "site-1/log.txt").exists() and "round 3" in log(tmp_path, "site-1")
    )
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    kept = tmp_path / "simulate_job"
    newest = max(kept.glob("resume-????????"))
    (kept / "resume-00000001").write_bytes(b"of a round before, not removed yet")
    (kept / f"{newest.name[:-1]}9.new").write_bytes(b"half of what was being written")
    subprocess.run([*argv, "resume"], check=True)
    assert len(list(kept.glob("resume-*"))) == 1

    lines = log(tmp_path, "site-1").splitlines()
    again = lines.index("round 3 done 1")
    assert [line.split()[1] for line in lines[again:]] == ["3", "4", "5"]
    np.testing.assert_array_equal(model(tmp_path), np.full(8, 6.0))
    with pytest.raises(errors.NothingToResume, match="have all ended"):
        simulate(job(app(text("s.py", COUNTS))), workspace=tmp_path, sites=2, resume=True)
