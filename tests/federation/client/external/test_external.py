"""Training scripts that are processes of their own."""

from __future__ import annotations

import os
import signal
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ame import errors, process
from ame.federation import client as flare
from ame.federation.client.external.launch import Launched, Place
from federation.client.external.looping import LOOP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ame.federation.client.record import Record

HOME = Path(process.__file__).parents[2]


@pytest.fixture(scope="module")
def supervisor() -> Iterator[process.Supervisor]:
    with process.Supervisor() as made:
        yield made


class Site:
    """Starts scripts, and keeps what they say."""

    def __init__(self, folder: Path, supervisor: process.Supervisor) -> None:
        self.folder = folder
        self.supervisor = supervisor
        self.printed = bytearray()
        self.records: list[Record] = []
        self.started: list[Launched] = []

    def start(
        self,
        text: str,
        *command: str,
        exchange: flare.Exchange | None = None,
        launch_timeout: float = 60,
    ) -> Launched:
        script = self.folder / "client.py"
        script.write_text(textwrap.dedent(text))
        place = Place(
            code=self.folder,
            folder=self.folder,
            log=self.printed.extend,
            record=self.records.append,
            supervisor=self.supervisor,
        )
        info = flare.SystemInfo(
            site_name="site-1", job_id="j1", exchange=exchange or flare.Exchange()
        )
        argv = (*(command or ("python3", "-u")), str(script))
        made = Launched(info, place, argv, launch_timeout=launch_timeout)
        self.started.append(made)
        return made


@pytest.fixture
def site(tmp_path: Path, supervisor: process.Supervisor) -> Iterator[Site]:
    made = Site(tmp_path, supervisor)
    yield made
    for each in made.started:
        each.close()


def model(size: int = 3, current_round: int = 0) -> flare.FLModel:
    return flare.FLModel(params={"w": np.arange(float(size))}, current_round=current_round)


def wait_for(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("size", [3, 1_000_000])
def test_a_script_answers_round_after_round(site: Site, size: int) -> None:
    script = site.start(LOOP)
    for number in range(3):
        asked = model(size, number)
        answer = script.perform("train", asked, timeout=60)
        assert answer.metrics == {"round": number}
        np.testing.assert_array_equal(answer.params["w"], np.arange(float(size)) + 1)
        np.testing.assert_array_equal(asked.params["w"], np.arange(float(size)))
        answer.params["w"] += 1  # its arrays are ours
    script.close()

    assert site.printed.decode().endswith("done\n")


def test_a_script_in_torch_gets_tensors(site: Site) -> None:
    script = site.start(
        """
        import torch
        from ame.federation import client as flare
        flare.init()
        model = flare.receive()
        assert isinstance(model.params["w"], torch.Tensor)
        flare.send(flare.FLModel(params={"w": model.params["w"] * 2}))
        """,
        exchange=flare.Exchange(
            format=flare.ExchangeFormat.PYTORCH, transfer=flare.TransferType.DIFF
        ),
    )
    answer = script.perform("train", model(), timeout=60)

    assert answer.params["w"].tolist() == [0, 1, 2]
    assert answer.params_type == flare.ParamsType.DIFF


def test_what_a_script_records_arrives_in_order(site: Site) -> None:
    script = site.start(
        """
        from ame.federation import client as flare
        from ame.federation.client.tracking import MLflowWriter, SummaryWriter
        flare.init()
        board = SummaryWriter()
        model = flare.receive()
        for step in range(2000):
            board.add_scalar("loss", 1 / (step + 1), step)
        MLflowWriter().log_text("x" * 100_000, "a.txt")
        flare.send(flare.FLModel(metrics={"a": 1}))
        for step in range(2000):
            board.add_scalar("after", step)
        """
    )
    script.perform("train", model(), timeout=60)
    assert [record.step for record in site.records[:2000]] == list(range(2000))
    assert site.records[2000].value == "x" * 100_000
    script.close()
    assert [number for record in site.records[2001:] for _, number in record.numbers()] == [
        float(step) for step in range(2000)
    ]


def test_each_process_of_a_script_knows_its_site_and_the_first_one_talks(site: Site) -> None:
    script = site.start(
        """
        import os, subprocess, sys
        from ame.federation import client as flare
        rank = int(os.environ.get("RANK", "-1"))
        if rank < 0:
            others = [
                subprocess.Popen([sys.executable, __file__], env={**os.environ, "RANK": str(r)})
                for r in (1, 0)
            ]
            sys.exit(max(p.wait() for p in others))
        flare.init()
        assert flare.get_site_name() == "site-1"
        if rank:
            assert not flare.is_running()
        while flare.is_running():
            flare.receive()
            flare.send(flare.FLModel(metrics={"rank": rank}))
        """
    )
    for _ in range(2):
        assert script.perform("train", model(), timeout=60).metrics == {"rank": 0}
    script.close()


@pytest.mark.slow
def test_a_script_runs_under_torchrun(site: Site) -> None:
    script = site.start(
        """
        import torch
        import torch.distributed as dist
        from ame.federation import client as flare
        dist.init_process_group("gloo")
        flare.init(rank=dist.get_rank())
        weights = torch.zeros(3, dtype=torch.float64)
        while True:
            running = [flare.is_running()]
            dist.broadcast_object_list(running)
            if not running[0]:
                break
            if dist.get_rank() == 0:
                weights = torch.as_tensor(flare.receive().params["w"])
            dist.broadcast(weights, 0)
            mine = weights + dist.get_rank()
            dist.all_reduce(mine)
            if dist.get_rank() == 0:
                flare.send(flare.FLModel(params={"w": mine.numpy()}))
        dist.destroy_process_group()
        """,
        "torchrun",
        "--nproc_per_node=2",
        "--standalone",
        launch_timeout=120,
    )
    for _ in range(2):
        answer = script.perform("train", model(), timeout=120)
        assert answer.params["w"].tolist() == [1, 3, 5]
    script.close()


def test_a_script_that_raises_is_told_with_its_own_traceback(site: Site) -> None:
    script = site.start(
        """
        from ame.federation import client as flare
        flare.init()
        flare.receive()
        raise ValueError("bad luck")
        """
    )
    with pytest.raises(errors.ScriptFailed, match="exit code 1 before it answered") as caught:
        script.perform("train", model(), timeout=60)

    failed = caught.value
    assert (failed.kind, failed.code) == ("exited", 1)
    assert failed.trace.endswith("ValueError: bad luck")
    assert failed.place == f"{site.folder / 'client.py'}:5"
    assert "bad luck" in str(failed)


def test_a_script_that_is_killed_is_missed_at_once(site: Site) -> None:
    script = site.start(
        """
        import os, signal
        from ame.federation import client as flare
        flare.init()
        flare.receive()
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    with pytest.raises(errors.ScriptFailed, match="signal 9") as caught:
        script.perform("train", model())

    assert (caught.value.kind, caught.value.code) == ("killed", -signal.SIGKILL)


def test_a_script_that_was_killed_between_tasks_is_told_at_the_next(site: Site) -> None:
    script = site.start(
        """
        import os, signal
        from ame.federation import client as flare
        flare.init()
        flare.send(flare.receive())
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    script.perform("train", model())
    script._ear.join(60)

    with pytest.raises(errors.ScriptFailed, match="signal 9"):
        script.perform("train", model())


def test_a_script_that_ends_without_sending_is_told(site: Site) -> None:
    script = site.start(
        """
        from ame.federation import client as flare
        flare.init()
        flare.receive()
        """
    )
    with pytest.raises(errors.ScriptFailed, match="must go on while") as caught:
        script.perform("train", model())

    assert (caught.value.kind, caught.value.code) == ("silent", 0)


def test_a_script_that_hangs_up_and_goes_on_is_ended(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ame.federation.client.external.launch._LAST_WORDS", 0.2)
    script = site.start(
        """
        import time
        from ame.federation import client as flare
        flare.init()
        flare.receive()
        flare.shutdown()
        time.sleep(600)
        """
    )
    with pytest.raises(errors.ScriptFailed, match="takes no more tasks"):
        script.perform("train", model())


def test_a_script_that_never_says_init_is_ended_at_its_time(site: Site) -> None:
    script = site.start("import time; time.sleep(600)", launch_timeout=0.3)
    with pytest.raises(errors.ScriptFailed, match=r"not said `init\(\)` within 0.3 seconds"):
        script.perform("train", model())


def test_a_script_that_cannot_be_imported_is_told_before_init(site: Site) -> None:
    script = site.start("import no_such_module_anywhere")
    with pytest.raises(errors.ScriptFailed, match="before it said `init"):
        script.perform("train", model())


def test_a_late_answer_is_not_taken_for_the_next_tasks(site: Site) -> None:
    script = site.start(
        """
        import os, time
        from ame.federation import client as flare
        flare.init()
        while flare.is_running():
            model = flare.receive()
            while model.current_round == 0 and not os.path.exists("go"):
                time.sleep(0.01)
            flare.send(flare.FLModel(metrics={"round": model.current_round}))
        """
    )
    script.perform("train", model(current_round=1), timeout=60)
    with pytest.raises(errors.TaskTimedOut, match=r"`train` within 0.2 seconds"):
        script.perform("train", model(), timeout=0.2)
    (site.folder / "go").touch()

    assert script.perform("train", model(current_round=2), timeout=60).metrics == {"round": 2}


def test_a_task_ends_when_the_site_is_told_to_stop(site: Site) -> None:
    script = site.start(
        """
        from ame.federation import client as flare
        flare.init()
        flare.receive()
        import time; time.sleep(600)
        """
    )
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(errors.JobAborted):
        script.perform("train", model(), aborted=stop.is_set)


def test_a_program_that_is_not_there_is_refused(site: Site) -> None:
    with pytest.raises(errors.ProgramNotFound, match="no-such-program"):
        site.start("", "no-such-program")


def test_the_end_of_the_site_ends_its_script(site: Site) -> None:
    script = site.start(
        """
        import os, time
        from ame.federation import client as flare
        open("pid", "w").write(str(os.getpid()))
        flare.init()
        try:
            flare.receive()
        finally:
            time.sleep(600)
        """
    )
    wait_for(lambda: script._line is not None)
    pid = int((site.folder / "pid").read_text())
    script._grace = 0.1
    script.close()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_nothing_is_left_when_a_script_has_ended(site: Site) -> None:
    script = site.start(LOOP)
    folder = script._folder
    assert folder.stat().st_mode & 0o077 == 0
    script.perform("train", model(), timeout=60)
    script.close()

    assert not folder.exists()


def test_a_stranger_at_the_door_is_not_let_in(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    script = site.start(LOOP)
    script.perform("train", model(), timeout=60)
    monkeypatch.setenv("AME_FEDERATION", str(script._folder))
    flare.swap(None)

    with pytest.raises(errors.NoSite, match="none answers"):
        flare.init()
    told = (script._folder / "site.json").read_text().replace(script._token, "0" * 32)
    (script._folder / "site.json").write_text(told)
    with pytest.raises(errors.NoSite, match="none answers"):
        flare.init()
    assert script.perform("train", model(), timeout=60).metrics == {"round": 0}
