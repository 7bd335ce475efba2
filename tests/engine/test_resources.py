"""What the machine has is held, shared and enforced."""

import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest

from ame import errors, process, runs
from ame.engine.home import Home
from ame.process import groups
from engine.doing import Doing, step

FAILED = runs.State.FAILED
GPU = "nvidia.com/gpu"


def forms() -> list[str]:
    return ["cgroup", "watch"] if {"memory", "cpu"} <= groups.find().keys() else ["watch"]


@pytest.fixture(params=forms())
def form(request: pytest.FixtureRequest, doing: Doing) -> str:
    setting(doing, f'limits = "{request.param}"')
    return str(request.param)


def setting(doing: Doing, text: str) -> None:
    (doing.home.folder / "settings.toml").write_text(text)
    doing.home.close()
    doing.home = Home(doing.home.folder)


def python(script: str) -> str:
    return f"{sys.executable} -c '{script}'"


def test_a_step_over_its_memory_is_ended_whole_with_that_reason(doing: Doing, form: str) -> None:
    eat = python('x = bytearray(400 << 20); print("survived"); import time; time.sleep(1000)')
    doing.file(step("t", f"sleep 1000 & {eat}; sleep 1000", resources={"memory": "100Mi"}))

    ended = doing.run("t")

    assert doing.steps(ended)["t"] == (FAILED, "out of memory: used more than its 100Mi")
    assert "survived" not in doing.seen.texts("t")  # its shell may say who was killed


def test_a_step_over_its_storage_is_ended_with_that_reason(doing: Doing) -> None:
    write = "dd if=/dev/zero of=big bs=1M count=60 status=none; sleep 1000"
    doing.file(step("t", write, resources={"storage": "20Mi"}))

    ended = doing.run("t")

    assert doing.steps(ended)["t"] == (FAILED, "out of storage: wrote more than its 20Mi")


def test_a_step_gets_no_more_cpu_than_it_asked_for(doing: Doing, form: str) -> None:
    burn = "import time; end = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass"
    doing.write({"burn.py": burn})
    doing.file(step("t", f"{sys.executable} burn.py", resources={"cpu": "250m"}))

    ended = doing.run("t")

    (attempt,) = doing.home.store.attempts(ended.run.name)
    assert attempt.cpu_seconds is not None
    assert attempt.cpu_seconds < 0.9  # of the 1.5 s that it would take if it were let


def test_how_limits_are_held_is_said(doing: Doing, form: str) -> None:
    ended = doing.does(step("t", "true"))

    (found,) = doing.home.store.steps(ended.run.name)
    assert ("cgroup" in found.limits) == (form == "cgroup")
    assert "memory by" in found.limits


def test_a_task_larger_than_the_machine_is_refused_before_it_starts(doing: Doing) -> None:
    doing.file(
        step("t", "true", resources={"cpu": 9999, "memory": "1E", "storage": "1E", GPU: 64}),
    )

    with pytest.raises(errors.TooLarge) as refused:
        doing.run("t")

    said = str(refused.value)
    for what in (
        "cpu: asks for 9999",
        "memory: asks for 1E",
        "storage: asks",
        f"{GPU}: asks for 64",
    ):
        assert what in said
    assert "--fit" in said
    assert doing.home.store.page(runs.Filter(), limit=1).runs == ()


def test_a_task_that_is_too_large_gets_what_there_is_with_fit(doing: Doing) -> None:
    setting(doing, 'gpus = ["7"]')
    doing.file(
        step("t", "echo $CUDA_VISIBLE_DEVICES", resources={"cpu": 9999, GPU: 2, "amd.com/gpu": 1})
    )

    ended = doing.run("t", fit=True)

    assert ended.run.state is runs.State.SUCCEEDED
    assert doing.seen.texts("t") == ["7"]
    assert any("asks for 9999" in note for note in doing.seen.notes)


def test_gpus_are_handed_out_whole_and_to_one_step_at_a_time(doing: Doing) -> None:
    setting(doing, 'gpus = ["0", "GPU-abc"]\ncpu = 0.1\nmemory = "50Mi"')
    there = doing.folder.parent
    wait = f"touch {there}/$AME_STEP; until [ -e {there}/a -a -e {there}/b ]; do sleep 0.01; done"
    say = f"echo $CUDA_VISIBLE_DEVICES; {wait}"
    pair = [step(name, say, resources={GPU: 1}) for name in "ab"]
    alone = [step("c", "echo $CUDA_VISIBLE_DEVICES", resources={GPU: 2})]
    doing.does(
        {"name": "all", "pipeline": [pair, alone, step("d", "echo [$CUDA_VISIBLE_DEVICES]")]}
    )

    one, other = doing.seen.texts("a")[0], doing.seen.texts("b")[0]
    assert {one, other} == {"0", "GPU-abc"}
    assert doing.seen.texts("c") == ["0,GPU-abc"]
    assert doing.seen.texts("d") == ["[]"]


def test_runs_of_one_user_share_the_machine(doing: Doing) -> None:
    """Two homes stand for two processes: they share only the state folder."""
    setting(doing, 'gpus = ["0"]')
    note = doing.folder.parent / "notes"
    doing.file(step("t", f"echo in >> {note}; sleep 0.2; echo out >> {note}", resources={GPU: 1}))

    def other() -> None:
        with Home(doing.home.folder) as home:
            lease = home.leases.wait(claim, holder=holder, now=moment)
            assert lease is not None
            with note.open("a") as file:
                file.write("in\n")
                time.sleep(0.1)
                file.write("out\n")
            home.leases.release(lease, now=moment)

    from datetime import UTC, datetime

    from ame.runs.leases import Claim

    moment, holder = datetime.now(UTC), str(process.own_identity())
    claim = Claim(cpu=Decimal(0), gpus=1)
    beside = threading.Thread(target=other)
    beside.start()
    assert doing.run("t").run.state is runs.State.SUCCEEDED
    beside.join()

    assert note.read_text().split() == ["in", "out"] * 2


def test_a_task_that_asks_for_nothing_gets_the_defaults(doing: Doing) -> None:
    setting(doing, 'memory = "64Mi"\ncpu = "300m"\nstorage = "1Gi"')
    doing.file(step("t", python("x = bytearray(200 << 20)")))

    ended = doing.run("t")

    assert doing.steps(ended)["t"][1] == "out of memory: used more than its 64Mi"


def test_all_is_given_back_when_a_run_has_ended(doing: Doing) -> None:
    doing.file(
        {"name": "all", "pipeline": [[step("a", "exit 1"), step("b", "true")], step("c", "")]}
    )
    doing.write({"ame.yml": (doing.folder / "ame.yml").read_text().replace('""', '"true"')})
    doing.run("all")

    assert doing.home.leases.held() == ()
    assert not list(Path(doing.home.folder).glob("runs/*/work"))
