"""Orders, timeouts, order of replies, isolation by need: the sites by themselves."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame.federation.conversion import FLModelUtils
from ame.federation.exchange.sites import Lost, Order, Reply
from ame.federation.model import FLModel
from ame.federation.program import App, File
from ame.federation.simulator.chances import Chances, Fate
from ame.federation.simulator.crew import Crew
from ame.federation.simulator.lanes import Lanes
from ame.federation.simulator.logs import Logs
from ame.federation.simulator.setup import JOB, Setup, lay_out
from ame.federation.simulator.sites import SimulatedSites
from ame.federation.spec.shareable import Shareable
from parts.simulated import Seen, app, descendants, job, log, simulate, text

STEPS = """
import os, time
from ame.federation import client as flare
flare.init()
while flare.is_running():
    model = flare.receive()
    at = model.meta.get("sleep", {}).get(flare.get_site_name(), 0)
    time.sleep(at)
    flare.send(flare.FLModel(params={"w": model.params["w"] + 1}))
"""


@contextmanager
def sites(
    folder: Path, everyone: App, count: int, *, threads: int = 2, budget: int = 1 << 30
) -> Iterator[tuple[SimulatedSites, Seen]]:
    seen = Seen()
    program = job(everyone)
    (folder / JOB).mkdir(parents=True)
    code, codes = lay_out(program, folder)
    setup = Setup(
        program=program, workspace=str(folder), temporary=str(folder), seed=0,
        path=tuple(sys.path), code=code, codes=codes,
    )  # fmt: skip
    crew = Crew(setup, variables={**os.environ, "OMP_NUM_THREADS": "1"})
    names = [f"site-{number}" for number in range(1, count + 1)]
    made = SimulatedSites(
        crew,
        Lanes(crew, names, lanes=threads, isolate=False, note=seen.note, lost=seen.lost),
        logs=Logs(folder, seen),
        watcher=seen,
        fate=Fate(Chances(), 0, 0),
        budget=budget,
    )
    try:
        yield made, seen
    finally:
        made.close()


def data(size: int = 4, **meta: Any) -> Shareable:
    return FLModelUtils.to_shareable(FLModel(params={"w": np.zeros(size)}, meta=meta))


def orders(names: tuple[str, ...], what: Shareable, **more: Any) -> list[Order]:
    return [
        Order(number=number, site=name, task="train", data=what, **more)
        for number, name in enumerate(names, more.pop("first", 1))
    ]


def taken(made: SimulatedSites, count: int) -> list[Reply | Lost]:
    found: list[Reply | Lost] = []
    while len(found) < count:
        outcome = made.take(30)
        assert isinstance(outcome, Reply | Lost), outcome
        found.append(outcome)
    return found


def test_replies_come_in_the_order_of_the_orders_whoever_is_first(tmp_path: Path) -> None:
    with sites(tmp_path, app(text("s.py", STEPS)), 6, threads=3) as (made, _):
        made.send(orders(made.names, data(sleep={"site-1": 0.5, "site-2": 0.2})))

        assert [outcome.site for outcome in taken(made, 6)] == list(made.names)


def test_two_broadcasts_do_not_wait_for_one_another(tmp_path: Path) -> None:
    with sites(tmp_path, app(text("s.py", STEPS)), 2) as (made, _):
        slow, fast = made.names
        made.send([Order(number=1, site=slow, task="train", data=data(sleep={slow: 1}))])
        made.send([Order(number=2, site=fast, task="train", data=data())])

        assert [outcome.number for outcome in taken(made, 2)] == [2, 1]


def test_an_order_that_takes_too_long_is_lost_and_the_others_are_done(tmp_path: Path) -> None:
    with sites(tmp_path, app(text("s.py", STEPS)), 4, threads=1) as (made, seen):
        made.send(orders(made.names, data(sleep={"site-2": 1000}), timeout=1.0))
        outcomes = taken(made, 4)

        assert [type(outcome) for outcome in outcomes] == [Reply, Lost, Reply, Reply]
        assert isinstance(outcomes[1], Lost)
        assert outcomes[1].why.kind == "timeout"
        assert "longer than the 1 s" in outcomes[1].why.text
        assert "start again from the top" in seen.notes[0]


def test_time_spent_in_waiting_for_others_does_not_count(tmp_path: Path) -> None:
    with sites(tmp_path, app(text("s.py", STEPS)), 6, threads=1) as (made, _):
        each = dict.fromkeys(made.names, 0.4)
        made.send(orders(made.names, data(sleep=each), timeout=1.5))

        assert [type(outcome) for outcome in taken(made, 6)] == [Reply] * 6


def test_what_is_withdrawn_stays_out(tmp_path: Path) -> None:
    with sites(tmp_path, app(text("s.py", STEPS)), 4, threads=1) as (made, _):
        made.send(orders(made.names, data(sleep={"site-1": 0.5})))
        made.withdraw([3])

        assert [outcome.number for outcome in taken(made, 3)] == [1, 2, 4]
        assert made.take(0.3) is None


def test_replies_that_wait_are_bounded_and_all_come_in_the_end(tmp_path: Path) -> None:
    size = 300_000
    with sites(tmp_path, app(text("s.py", STEPS)), 8, threads=2, budget=3_000_000) as (made, _):
        made.send(orders(made.names, data(size, sleep={"site-1": 1.5})))
        outcomes = taken(made, 8)

    assert [outcome.site for outcome in outcomes] == list(made.names)
    for outcome in outcomes:
        assert isinstance(outcome, Reply)
        assert outcome.result["DXO"]["data"]["w"].sum() == size


def test_a_site_may_write_into_what_it_got_and_nobody_else_sees_it(tmp_path: Path) -> None:
    script = STEPS.replace(
        'params={"w": model.params["w"] + 1}', 'params={"w": change(model.params["w"])}'
    ).replace("flare.init()", "def change(w):\n    w += 1\n    return w\nflare.init()")
    for size in (10, 1_000_000):
        with sites(tmp_path / str(size), app(text("s.py", script)), 4) as (made, _):
            what = data(size)
            for first in (1, 5):
                made.send(orders(made.names, what, first=first))
                for outcome in taken(made, 4):
                    assert isinstance(outcome, Reply)
                    assert outcome.result["DXO"]["data"]["w"].max() == 1
            assert what["DXO"]["data"]["w"].max() == 0


def test_a_flood_of_lines_is_in_the_log_and_the_watcher_sees_its_end(tmp_path: Path) -> None:
    script = STEPS.replace(
        "flare.init()",
        "flare.init()\nprint('\\n'.join(f'line {n}' for n in range(100_000)))",
    )
    with sites(tmp_path, app(text("s.py", script)), 1) as (made, seen):
        made.send(orders(made.names, data()))
        taken(made, 1)

    lines = log(tmp_path, "site-1").splitlines()
    assert len(lines) == 100_000
    assert len(seen.prints["site-1"]) < 1_000_000
    assert seen.prints["site-1"].endswith(b"line 99999\n")
    assert b"bytes more are in" in seen.prints["site-1"]


def test_what_a_worker_said_before_it_died_is_heard(tmp_path: Path) -> None:
    script = STEPS.replace("    time.sleep(at)", "    if at: os._exit(1)")
    for turn in range(5):
        with sites(tmp_path / str(turn), app(text("s.py", script)), 8, threads=1) as (made, seen):
            made.send(orders(made.names, data(sleep={"site-5": 1})))
            outcomes = taken(made, 8)

        assert [type(outcome) for outcome in outcomes] == [Reply] * 4 + [Lost] + [Reply] * 3
        assert len(seen.notes) == 1
        assert "while site-5 was at work" in seen.notes[0]


@pytest.mark.parametrize(
    "line",
    [
        "import signal; signal.signal(signal.SIGUSR1, print)",
        "import multiprocessing; multiprocessing.set_start_method('spawn')",
        "import asyncio; asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))",
        pytest.param(
            "import torch; torch.set_num_interop_threads(2); torch.ones(2).sum()",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_script_that_needs_a_process_of_its_own_gets_one(tmp_path: Path, line: str) -> None:
    seen = Seen()
    script = "import os\n" + line + "\nprint('pid', os.getpid())\n" + STEPS
    simulate(
        job(app(text("s.py", script)), rounds=2),
        workspace=tmp_path, sites=3, threads=2, watcher=seen,
    )  # fmt: skip

    assert seen.losses == []
    assert len(seen.replies) == 6
    pids = {log(tmp_path, f"site-{number}").splitlines()[-1] for number in (1, 2, 3)}
    assert len(pids) == 3 or "set_start_method" in line
    assert any("gets a process of its own" in note for note in seen.notes)
    assert descendants() == []


def test_an_own_process_runs_the_script_in_its_main_thread(tmp_path: Path) -> None:
    script = "import threading\nassert threading.current_thread() is threading.main_thread()\n"
    simulate(
        job(app(text("s.py", script + STEPS)), min_clients=3),
        workspace=tmp_path, sites=3, threads=2, isolate=True,
    )  # fmt: skip


def test_only_the_thread_of_a_script_goes_by_the_name_of_the_main_one(tmp_path: Path) -> None:
    script = """
import _thread, queue, threading
names = queue.SimpleQueue()
def tell(): names.put(threading.current_thread().name)
threading.Thread(target=tell, name="own").start()
print(names.get(timeout=60))
_thread.start_new_thread(tell, ())
print(names.get(timeout=60).partition("-")[0])
print(threading.current_thread().name)
"""
    simulate(
        job(app(text("s.py", script + STEPS)), rounds=1),
        workspace=tmp_path, sites=3, threads=1,
    )  # fmt: skip

    told = [log(tmp_path, f"site-{number}").split() for number in (1, 2, 3)]
    assert told == [["own", "Dummy", "MainThread"]] * 3


@pytest.mark.parametrize("args", ["--fixed 'two words'", "--folder {WORKSPACE}"])
def test_each_script_has_its_own_arguments_whether_they_differ_or_not(
    tmp_path: Path, args: str
) -> None:
    script = "import sys\nprint(sys.argv.pop())\nprint(sys.argv[0])\n"
    simulate(
        job(app(text("./s.py", script + STEPS), args=args), rounds=1),
        workspace=tmp_path, sites=3, threads=1,
    )  # fmt: skip

    for site in ("site-1", "site-2", "site-3"):
        last = str(tmp_path / site) if "{" in args else "two words"
        place = tmp_path / site / JOB / f"app_{site}" / "custom" / "s.py"
        assert log(tmp_path, site).splitlines() == [last, str(place)]


def test_one_that_closes_all_it_finds_open_is_lost(tmp_path: Path) -> None:
    script = STEPS.replace("    time.sleep(at)", "    if at: os.closerange(3, 1000)")
    with sites(tmp_path, app(text("s.py", script)), 3, threads=1) as (made, _):
        made.send(orders(made.names, data(sleep={"site-2": 1})))
        outcomes = taken(made, 3)

    assert [type(outcome) for outcome in outcomes] == [Reply, Lost, Reply]


def test_sites_may_have_scripts_and_modules_of_one_name_that_differ(tmp_path: Path) -> None:
    def own(word: str) -> App:
        helper = File(source=f"WORD = {word!r}\n".encode(), target=text("helper.py", "").target)
        return app(text("s.py", "import helper\nprint(helper.WORD)\n" + STEPS), helper)

    names = [f"site-{number}" for number in range(1, 5)]
    program = job(None, sites={name: own(name) for name in names}, rounds=2)
    simulate(program, workspace=tmp_path, threads=1)

    assert [log(tmp_path, name) for name in names] == [f"{name}\n" for name in names]


@pytest.mark.parametrize(
    ("more", "there"), [({"framework": "pytorch"}, True), ({"framework": "numpy"}, False)]
)
def test_what_a_scripts_form_needs_is_imported_once_for_all(
    tmp_path: Path, more: dict[str, str], there: bool
) -> None:
    steps = "import sys\nprint('torch' in sys.modules)\n" + STEPS
    simulate(job(app(text("s.py", steps), **more), rounds=1), workspace=tmp_path, sites=1)

    assert log(tmp_path, "site-1") == f"{there}\n"
