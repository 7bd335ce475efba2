"""What becomes of scripts that fail, each in its own way, and of those beside them."""

import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from ame import errors
from ame.federation.exchange.sites import Lost, Why
from ame.federation.program import File
from parts.simulated import Seen, app, descendants, job, log, model, simulate, text
from parts.waiting import eventually

GOOD = """
from ame.federation import client as flare
flare.init()
done = 0
while flare.is_running():
    model = flare.receive()
    done += 1
    flare.send(flare.FLModel(params={"w": model.params["w"] + done}))
print("good to its end", done)
"""


def failing(line: str, *, at: int = 1) -> str:
    """A script that does this in that round, before it sends."""
    return f"""
import os, signal, sys
import numpy as np
from ame.federation import client as flare
def fail():
    {line}
flare.init()
while flare.is_running():
    model = flare.receive()
    params = {{"w": model.params["w"] + 1}}
    if model.current_round == {at}:
        fail()
    flare.send(flare.FLModel(params=params))
"""


def ran(
    folder: Path, scripts: Mapping[str, str], *, threads: int = 2, rounds: int = 3, **more: object
) -> Seen:
    """Of the sites, each runs its own script."""
    seen = Seen()
    sites = {
        name: app(text(f"{name.replace('-', '_')}.py", script)) for name, script in scripts.items()
    }
    program = job(None, sites=sites, rounds=rounds)
    simulate(program, workspace=folder, threads=threads, watcher=seen, **more)  # type: ignore[arg-type]
    return seen


def whys(seen: Seen) -> dict[str, Why]:
    return {lost.site: lost.why for lost in seen.losses}


def test_an_error_is_told_in_the_scripts_own_words_and_the_round_goes_on(tmp_path: Path) -> None:
    seen = ran(tmp_path, {"a": GOOD, "bad": failing('raise ValueError("no data")')})

    why = whys(seen)["bad"]
    assert why.kind == "raised"
    assert why.text == "ValueError: no data"
    assert why.place.endswith("bad.py:6")
    assert why.trace.startswith("Traceback (most recent call last):\n")
    assert why.trace.endswith("ValueError: no data\n")
    assert "in fail" in why.trace
    assert "simulator" not in why.trace
    assert len(seen.losses) == 1  # in the next round it starts again, and does not fail
    assert "good to its end 3" in log(tmp_path, "a")


def test_the_place_of_an_error_is_in_the_file_that_the_job_was_made_from(tmp_path: Path) -> None:
    source = tmp_path / "mine" / "train.py"
    source.parent.mkdir()
    source.write_text(failing('raise ValueError("no data")', at=0))
    script = File(source=source, target=PurePosixPath("train.py"))
    seen = Seen()
    sites = {"bad": app(script), "ok": app(text("ok.py", GOOD))}
    program = job(None, sites=sites, rounds=1)
    simulate(program, workspace=tmp_path / "work", threads=1, watcher=seen)

    why = whys(seen)["bad"]
    assert why.place == f"{source}:6"
    assert f'File "{source}", line 6, in fail' in why.trace


@pytest.mark.parametrize("line", ['raise ValueError("no data")', "os._exit(3)"])
def test_a_failure_is_told_while_others_before_it_are_still_at_work(
    tmp_path: Path, line: str
) -> None:
    class Says(Seen):
        def lost(self, lost: Lost) -> None:
            super().lost(lost)
            (tmp_path / "told").touch()

    patient = GOOD.replace("    done += 1", f"    wait({str(tmp_path / 'told')!r})\n    done += 1")
    wait = """
import os, time
def wait(path):
    ends = time.monotonic() + 60
    while not os.path.exists(path):
        assert time.monotonic() < ends, "the loss was not told"
        time.sleep(0.01)
"""
    seen = Says()
    sites = {
        "patient": app(text("patient.py", wait + patient)),
        "bad": app(text("bad.py", failing(line, at=0))),
    }
    program = job(None, sites=sites, rounds=1)
    simulate(program, workspace=tmp_path / "work", threads=2, watcher=seen)

    assert [lost.site for lost in seen.losses] == ["bad"]
    assert [reply.site for reply in seen.replies] == ["patient"]


@pytest.mark.parametrize(
    ("line", "kind", "text_", "place"),
    [
        ("sys.exit(3)", "exited", "exited with code 3", "bad.py:6"),
        ("sys.exit('no data')", "exited", "exited with code 1: no data", "bad.py:6"),
        ("raise SystemExit", "exited", "exited with code 0", "bad.py:6"),
        ("raise KeyboardInterrupt", "raised", "KeyboardInterrupt", "bad.py:6"),
        ("import missing_module", "raised", "No module named 'missing_module'", "bad.py:6"),
        ("input()", "raised", "EOFError", "bad.py:6"),
        ("flare.send(flare.FLModel())", "raised", "NothingToSend", "bad.py:6"),
        ("params['x'] = object()", "unfit", "", ""),
    ],
)
def test_a_script_that_ends_says_how(
    tmp_path: Path, line: str, kind: str, text_: str, place: str
) -> None:
    if kind == "unfit":
        line = "flare.send(flare.FLModel(params={'w': np.ones(8)}, meta={'x': object()}))"
    seen = ran(tmp_path, {"bad": failing(line), "ok": GOOD}, rounds=2)

    why = whys(seen)["bad"]
    assert why.kind == kind
    assert text_ in why.text
    assert why.place.endswith(place)


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ("x = 1\n", "silent", "ended and sent nothing"),
        ("import this_is no python\n", "raised", "SyntaxError"),
        (
            GOOD.replace("    flare.send(", "    flare.clear()\n    continue\n    flare.send("),
            "silent",
            "asked for its next task",
        ),
        ("raise RuntimeError('at once')\n", "raised", "at once"),
        ("b = 'no \\xff'\n", "silent", ""),
    ],
)
def test_a_script_that_never_sends_is_known_at_its_end(
    tmp_path: Path, script: str, kind: str, words: str
) -> None:
    seen = ran(tmp_path, {"bad": script, "ok": GOOD}, rounds=2)

    assert [lost.why.kind for lost in seen.losses] == [kind, kind]
    assert words in seen.losses[0].why.text
    assert model(tmp_path)[0] == 3


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("os._exit(7)", "exit code 7"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os.abort()", "SIGABRT"),
    ],
)
def test_one_that_takes_its_process_with_it_is_lost_and_the_others_start_again(
    tmp_path: Path, line: str, words: str
) -> None:
    seen = ran(
        tmp_path,
        {"a": GOOD, "bad": failing(line), "b": GOOD, "c": GOOD, "d": GOOD},
        threads=1,
    )

    assert [(lost.site, lost.why.kind) for lost in seen.losses] == [("bad", "killed")]
    assert words in seen.losses[0].why.text
    assert len(seen.notes) == 1
    assert "while bad was at work" in seen.notes[0]
    assert "a, b, c, d start again from the top" in seen.notes[0]
    assert len(seen.replies) == 14
    assert log(tmp_path, "a").count("good to its end") == 1
    assert descendants() == []


def test_one_that_ends_its_process_after_its_answer_is_known_too(tmp_path: Path) -> None:
    tail = GOOD.replace("    flare.send(", "    last = done == 2\n    flare.send(").replace(
        "print(", "    if last: import os; os._exit(9)\nprint("
    )
    seen = ran(tmp_path, {"a": GOOD, "bad": tail, "b": GOOD}, threads=1)

    assert seen.losses == []
    assert "bad: its script ended its process after its answer, with exit code 9" in seen.notes
    assert [note for note in seen.notes if "start again from the top" in note]


def test_an_error_after_the_answer_is_told_and_costs_nothing(tmp_path: Path) -> None:
    tail = GOOD.replace("print(", "    if done == 2: raise OSError('disk')\nprint(")
    seen = ran(tmp_path, {"a": GOOD, "bad": tail}, threads=1)

    assert seen.losses == []
    assert [note for note in seen.notes if "OSError: disk" in note and note.startswith("bad")]


def test_a_job_that_needs_all_ends_with_what_each_said(tmp_path: Path) -> None:
    bad = app(text("bad.py", failing('raise ValueError("no data")', at=0)))
    program = job(None, sites={"bad": bad, "ok": app(text("ok.py", GOOD))}, min_clients=2)

    began = time.monotonic()
    with pytest.raises(errors.TooFewResults, match=r"bad: ValueError: no data \(.*bad.py:6\)"):
        simulate(program, workspace=tmp_path, threads=2)
    assert time.monotonic() - began < 60
    assert descendants() == []


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("{'w': np.full(8, np.nan)}", "nan"),
        ("{'w': np.ones((2, 2))}", "shape"),
        ("{'v': np.ones(8)}", "`v`"),
    ],
)
def test_what_does_not_fit_the_model_does_not_get_into_it(
    tmp_path: Path, params: str, words: str
) -> None:
    script = failing("pass").replace("params=params", f"params={params}")
    program = job(
        None, sites={"bad": app(text("bad.py", script)), "ok": app(text("ok.py", GOOD))},
        min_clients=2,
    )  # fmt: skip

    with pytest.raises(errors.TooFewResults, match=words):
        simulate(program, workspace=tmp_path, threads=2)


def workers() -> list[int]:
    """The processes in which scripts run: leaders of groups, but not of sessions."""
    return [pid for pid in descendants() if os.getpgid(pid) == pid and os.getsid(pid) != pid]


SLOW = """
import time
from ame.federation import client as flare
flare.init()
while flare.is_running():
    model = flare.receive()
    time.sleep(0.1)
    flare.send(flare.FLModel(params={"w": model.params["w"] + 1}))
print("to its end")
"""


@pytest.mark.parametrize("whom", ["worker", "zygote", "keeper"])
def test_whoever_is_killed_from_outside_the_job_comes_to_its_end(tmp_path: Path, whom: str) -> None:
    seen = Seen()
    killed: list[int] = []

    def kill() -> None:
        assert eventually(lambda: len(workers()) == 2 and len(seen.replies) > 2)
        from ame.process import tree

        worker = workers()[0]
        zygote = tree.look(worker)
        assert zygote is not None
        slot = tree.look(zygote.parent)
        assert slot is not None
        victim = {"worker": worker, "zygote": zygote.parent, "keeper": slot.parent}[whom]
        killed.append(victim)
        os.kill(victim, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    everyone = app(text("slow.py", SLOW))
    simulate(job(everyone, rounds=8), workspace=tmp_path, sites=4, threads=2, watcher=seen)
    thread.join()

    assert killed
    assert all("to its end" in log(tmp_path, f"site-{number}") for number in range(1, 5))
    np.testing.assert_array_equal(model(tmp_path), np.full(8, 8.0))
    assert eventually(lambda: descendants() == [])


def test_a_script_that_does_not_end_when_the_job_does_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ame.federation.simulator import sites

    monkeypatch.setattr(sites, "_FAREWELL", 1.0)
    seen = ran(tmp_path, {"a": GOOD, "bad": GOOD + "import time; time.sleep(1000)\n"}, threads=2)

    assert "some scripts did not end within 1 s of the job's end, and were killed" in seen.notes
    assert descendants() == []
