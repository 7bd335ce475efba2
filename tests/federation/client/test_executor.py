"""A site's tasks, done by a script that is a process of its own."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ame import errors, process
from ame.federation.client.executor import ScriptExecutor
from ame.federation.client.external.launch import Place
from ame.federation.conversion import FLModelUtils
from ame.federation.model import ExchangeFormat, FLModel, ParamsType, TransferType
from ame.federation.spec.context import FLContextManager
from ame.federation.spec.names.events import EventType
from ame.federation.spec.task import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = """
import os, sys
from ame.federation import client as flare
flare.init()
while flare.is_running():
    model = flare.receive()
    said = {
        "pid": os.getpid(), "args": sys.argv[1:], "site": flare.get_site_name(),
        "train": flare.is_train(), "round": model.current_round, "folder": os.getcwd(),
    }
    flare.send(flare.FLModel(params={"w": model.params["w"] * 2}, meta=said))
"""


@pytest.fixture(scope="module")
def supervisor() -> Iterator[process.Supervisor]:
    with process.Supervisor() as made:
        yield made


class Run:
    """One executor and what its tasks need."""

    def __init__(self, folder: Path, supervisor: process.Supervisor, **options: Any) -> None:
        (folder / "code" / "src").mkdir(parents=True)
        (folder / "work").mkdir()
        (folder / "code" / "src" / "client.py").write_text(textwrap.dedent(SCRIPT))
        self.folder = folder
        self.executor = ScriptExecutor("src/client.py", external=True, **options)
        self.executor.place = Place(
            code=folder / "code",
            folder=folder / "work",
            log=bytearray().extend,
            record=lambda _: None,
            supervisor=supervisor,
        )
        manager = FLContextManager(identity_name="site-7", job_id="j1")
        self.context = manager.new_context()
        self.signal = Signal()

    def do(self, task: str = "train", current_round: int = 0) -> FLModel:
        asked = FLModel(params={"w": np.ones(2)}, current_round=current_round)
        data = FLModelUtils.to_shareable(asked)
        return FLModelUtils.from_shareable(
            self.executor.execute(task, data, self.context, self.signal)
        )

    def end(self) -> None:
        self.executor.handle_event(EventType.END_RUN, self.context)


def test_one_process_does_all_tasks(tmp_path: Path, supervisor: process.Supervisor) -> None:
    run = Run(tmp_path, supervisor, framework="numpy", script_args="--name 'two words'")
    first, second = run.do(), run.do("validate", 3)
    run.end()

    assert first.params["w"].tolist() == [2, 2]
    assert first.meta["pid"] == second.meta["pid"]
    assert first.meta["args"] == ["--name", "two words"]
    assert (first.meta["site"], first.meta["folder"]) == ("site-7", str(tmp_path / "work"))
    assert (first.meta["train"], first.meta["round"]) == (True, 0)
    assert (second.meta["train"], second.meta["round"]) == (False, 3)


def test_a_process_for_each_task(tmp_path: Path, supervisor: process.Supervisor) -> None:
    run = Run(tmp_path, supervisor, framework="numpy", launch_once=False)
    pids = {run.do().meta["pid"] for _ in range(3)}
    run.end()

    assert len(pids) == 3


def test_a_torch_script_sends_differences(tmp_path: Path, supervisor: process.Supervisor) -> None:
    run = Run(tmp_path, supervisor, params_transfer_type="DIFF")
    answer = run.do()
    run.end()

    assert answer.params["w"].tolist() == [1, 1]
    assert answer.params_type == ParamsType.DIFF


def test_a_task_that_is_no_longer_wanted_is_given_up(
    tmp_path: Path, supervisor: process.Supervisor
) -> None:
    run = Run(tmp_path, supervisor)
    run.signal.trigger("over")
    with pytest.raises(errors.JobAborted):
        run.do()
    run.end()


def test_a_script_without_a_place_is_refused() -> None:
    executor = ScriptExecutor("client.py")
    context = FLContextManager(identity_name="a", job_id="b").new_context()
    data = FLModelUtils.to_shareable(FLModel(metrics={}))
    with pytest.raises(errors.Unsupported, match="launch_external_process=True"):
        executor.execute("train", data, context, Signal())


def test_what_a_script_is_told_is_what_the_job_says() -> None:
    info = ScriptExecutor(
        "client.py", framework="tensorflow", memory_gc_rounds=2, train_task_name="fit"
    ).info("site-1", "j", {"lr": 0.1})

    assert info.exchange.format is ExchangeFormat.KERAS_LAYER_WEIGHTS
    assert info.exchange.transfer is TransferType.FULL
    assert (info.exchange.train_task, info.collect_every) == ("fit", 2)
    assert info.config == {"lr": 0.1}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"framework": "jax"}, "Framework jax unsupported"),
        ({"script_args": "--name 'open"}, "close the quote"),
        ({"server_expected_format": "hdf"}, "hdf"),
        ({"params_transfer_type": "HALF"}, "HALF"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ScriptExecutor("client.py", **options)
