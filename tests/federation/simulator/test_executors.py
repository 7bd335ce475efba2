"""Sites whose executor is a class, and sites whose script is a process of its own."""

from pathlib import Path

import numpy as np
import pytest

from ame.federation.program import App, Part, Routed
from ame.federation.simulator import simulation
from parts.simulated import Seen, app, descendants, file, job, log, model, simulate, text


def classes(kind: str = "Adds", **args: float) -> App:
    executor = Part(path=f"executors.{kind}", args=args)
    return App(
        executors=(Routed(tasks=("*",), executor=executor),),
        files=(file("executors.py"), file("helper_module.py")),
    )


def test_an_executor_stays_and_has_its_modules_to_itself_whatever_the_threads(
    tmp_path: Path,
) -> None:
    models = {}
    for threads in (1, 2, 3):
        folder = tmp_path / str(threads)
        simulate(job(classes(by=2.0)), workspace=folder, sites=5, threads=threads, seed=3)
        models[threads] = model(folder).tobytes()
        assert log(folder, "site-4").splitlines() == [f"site-4 {call} site-4" for call in (1, 2, 3)]

    assert models[1] == models[2] == models[3]


TELLS = """
from ame.federation.conversion import FLModelUtils
from ame.federation.flare.tools.logs import get_module_logger
from ame.federation.spec.executor import Executor

class Tells(Executor):
    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        self.log_info(fl_ctx, "a step")
        self.log_debug(fl_ctx, "a detail")
        get_module_logger().info("a word")
        return FLModelUtils.to_shareable(FLModelUtils.from_shareable(shareable))
"""


def test_what_components_tell_is_in_the_log_of_their_site(tmp_path: Path) -> None:
    tells = App(
        executors=(Routed(tasks=("*",), executor=Part(path="tells.Tells")),),
        files=(text("tells.py", TELLS),),
    )
    simulate(job(tells, rounds=1), workspace=tmp_path, sites=1)

    first, second = log(tmp_path, "site-1").splitlines()
    assert first.endswith("INFO [identity=site-1, peer=server, task_name=train]: a step")
    assert second.endswith("INFO a word")


def test_an_executor_that_raises_is_lost_with_its_place(tmp_path: Path) -> None:
    seen = Seen()
    program = job(None, sites={"a": classes(), "b": classes("Fails")}, rounds=1)
    simulate(program, workspace=tmp_path, threads=2, watcher=seen)

    (lost,) = seen.losses
    assert lost.site == "b"
    assert lost.why.kind == "raised"
    assert "ValueError: no data here" in lost.why.text
    assert "ame/federation" not in lost.why.trace
    assert "executors.py:" in lost.why.place


def test_a_crowd_is_made_anew_for_each_task_and_repeats_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "CROWD", 10)
    crowd = text(
        "crowd.py",
        file("executors.py").read().decode().replace(', "a module of its own"', " or True"),
    )
    everyone = App(
        executors=(Routed(tasks=("*",), executor=Part(path="crowd.Adds")),),
        files=(crowd, file("helper_module.py")),
    )
    models = {}
    for threads in (1, 2):
        folder = tmp_path / str(threads)
        simulate(job(everyone, rounds=2), workspace=folder, sites=12, threads=threads, seed=3)
        models[threads] = model(folder).tobytes()
        assert [line.split()[:2] for line in log(folder, "site-7").splitlines()] == [
            ["site-7", "1"],
            ["site-7", "1"],
        ]

    assert models[1] == models[2]


ONE_OF_MANY = """
import os, time
from ame.federation.conversion import FLModelUtils
from ame.federation.spec.executor import Executor

class Adds(Executor):
    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        site = fl_ctx.get_identity_name()
        if site == "site-23":
            HOW
        model = FLModelUtils.from_shareable(shareable)
        model.params["w"] = model.params["w"] + int(site.removeprefix("site-"))
        return FLModelUtils.to_shareable(model)
"""


@pytest.mark.parametrize(
    ("how", "kind"), [("os._exit(3)", "killed"), ("raise ValueError('no data')", "raised")]
)
def test_one_of_a_crowd_that_fails_takes_no_others_reply_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, kind: str
) -> None:
    monkeypatch.setattr(simulation, "CROWD", 10)
    everyone = App(
        executors=(Routed(tasks=("*",), executor=Part(path="one.Adds")),),
        files=(text("one.py", ONE_OF_MANY.replace("HOW", how)),),
    )
    seen = Seen()
    simulate(job(everyone, rounds=1), workspace=tmp_path, sites=60, threads=1, watcher=seen)

    assert [(lost.site, lost.why.kind) for lost in seen.losses] == [("site-23", kind)]
    others = [number for number in range(1, 61) if number != 23]
    assert [reply.site for reply in seen.replies] == [f"site-{number}" for number in others]
    np.testing.assert_allclose(model(tmp_path), np.full(8, np.mean(others)))


OUTSIDE = """
import os, sys
from ame.federation import client as flare
flare.init()
print("pid", os.getpid(), os.path.basename(os.getcwd()), sys.argv[1:])
while flare.is_running():
    m = flare.receive()
    flare.log("loss", 0.5, flare.AnalyticsDataType.SCALAR, global_step=m.current_round)
    if "--fail" in sys.argv and m.current_round == 1:
        raise ValueError("no data outside")
    flare.send(flare.FLModel(params={"w": m.params["w"] + 1}))
print("to its end")
"""


def outside(**more: str) -> App:
    return app(text("out.py", OUTSIDE), args="--site {SITE_NAME} " + more.pop("args", ""),
               external=True, **more)  # fmt: skip


def test_a_script_may_be_a_process_of_its_own(tmp_path: Path) -> None:
    seen = Seen()
    simulate(job(outside()), workspace=tmp_path / "with space", sites=3, threads=2, watcher=seen)

    np.testing.assert_array_equal(model(tmp_path / "with space"), np.full(8, 3.0))
    pids = set()
    for site in ("site-1", "site-2", "site-3"):
        first, last = log(tmp_path / "with space", site).splitlines()
        assert last == "to its end"
        assert first.endswith(f"{site} ['--site', '{site}']")
        pids.add(first.split()[1])
    assert len(pids) == 3
    assert sorted((site, record.step) for site, record in seen.records) == [
        (f"site-{number}", step) for number in (1, 2, 3) for step in (0, 1, 2)
    ]
    assert descendants() == []


def test_a_process_of_its_own_that_fails_is_lost_with_its_traceback(tmp_path: Path) -> None:
    seen = Seen()
    program = job(None, sites={"bad": outside(args="--fail"), "good": outside()})
    simulate(program, workspace=tmp_path, threads=1, watcher=seen)

    (lost,) = seen.losses
    assert lost.site == "bad"
    assert "ValueError: no data outside" in lost.why.trace
    assert lost.why.place.endswith("out.py:10")
    assert "to its end" in log(tmp_path, "good")
