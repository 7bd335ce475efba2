"""What is told of rounds that sites lead."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors, runs
from ame.federation import Cyclic, FedAvg, FedJob, FrameworkType, ScriptRunner, engines, results
from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.components.generators import SimpleModelShareableGenerator
from ame.federation.components.persistors.numpy_files import NPModelPersistor
from ame.federation.components.selector import IntimeModelSelector
from ame.federation.exchange.sites import Reply
from ame.federation.exchange.watcher import Nobody, Watcher
from ame.federation.job.ccwf import CCWFJob
from ame.federation.peers.config import (
    CrossSiteEvalConfig,
    CyclicClientConfig,
    CyclicServerConfig,
    SwarmClientConfig,
    SwarmServerConfig,
)
from ame.federation.peers.led import ClientControllerExecutor
from ame.federation.peers.rounds import Rounds, summary
from ame.federation.peers.server import ServerSideController
from ame.federation.peers.words import Constant
from ame.federation.simulator import simulate
from ame.federation.spec.dxo import DXO, DataKind
from parts.userfolder import user_folder

SITES = ("site-1", "site-2", "site-3")
TRAIN = """
import ame.federation.client as flare

flare.init()
number = int(flare.get_site_name()[-1])
while flare.is_running():
    received = flare.receive()
    at = received.current_round
    if number == 2 and at == BREAKS:
        raise ValueError("no data")
    if flare.is_submit_model():
        flare.send(flare.FLModel(params={"numpy_key": [1.0]}))
        continue
    metrics = {"accuracy": number / 10 - abs((at or 0) - 1)}
    if flare.is_evaluate():
        flare.send(flare.FLModel(metrics=metrics))
        continue
    weights = received.params["numpy_key"]
    meta = {"NUM_STEPS_CURRENT_ROUND": number}
    flare.send(flare.FLModel(params={"numpy_key": weights + number}, metrics=metrics, meta=meta))
"""


def swarm(*, evaluation: bool = False) -> Any:
    made = CCWFJob(name="swarmed", min_clients=2)
    made.add_swarm(
        SwarmServerConfig(num_rounds=3, min_clients=2),
        SwarmClientConfig(
            executor=ScriptRunner("train.py", framework=FrameworkType.NUMPY),
            persistor=NPModelPersistor(model=[0.0, 0.0]),
            shareable_generator=SimpleModelShareableGenerator(),
            aggregator=InTimeAccumulateWeightedAggregator(expected_data_kind="WEIGHTS"),
            model_selector=IntimeModelSelector(key_metric="accuracy"),
        ),
        CrossSiteEvalConfig() if evaluation else None,
    )
    return made


def cyclic() -> Any:
    made = CCWFJob(name="cycled")
    made.add_cyclic(
        CyclicServerConfig(num_rounds=2, cyclic_order="random"),
        CyclicClientConfig(
            executor=ScriptRunner("train.py", framework=FrameworkType.NUMPY),
            persistor=NPModelPersistor(model=[0.0, 0.0]),
            shareable_generator=SimpleModelShareableGenerator(),
        ),
    )
    return made


def led() -> Any:
    made = FedJob(name="led", min_clients=3)
    made.to_server(ServerSideController(task_name_prefix="led"))
    for site in SITES:
        made.to(NPModelPersistor(model=[0.0, 0.0]), site, id="persistor")
        made.to(FedAvg(num_clients=3, num_rounds=2), site, id="lead")
        made.to(ClientControllerExecutor(["lead"], "led"), site, tasks=["led_*"])
        made.to(ScriptRunner("train.py", framework=FrameworkType.NUMPY), site, tasks=["train"])
    return made


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AME_RUN", "")
    monkeypatch.delenv("AME_REPORT", raising=False)


def done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any, breaks: int = -1
) -> results.Result:
    with user_folder(tmp_path, monkeypatch) as folder:
        folder.write("train.py", TRAIN.replace("BREAKS", repr(breaks)))
        program = make().program()

        def work(watcher: Watcher, workspace: Path) -> None:
            simulate(program, workspace=workspace, sites=SITES, threads=2, watcher=watcher)

        return results.lead(results.Wish(job="demo", sites=SITES), work)


def accuracies(result: results.Result) -> dict[tuple[str, int | None], Any]:
    return {
        (each.step, each.iteration): pytest.approx(each.value)
        for each in result.metrics
        if each.name == "accuracy"
    }


def test_rounds_of_a_swarm_are_told_as_those_that_a_server_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = done(tmp_path, monkeypatch, swarm)

    assert [(each.task, each.number, each.total) for each in result.rounds] == [
        ("train", 0, 3),
        ("train", 1, 3),
        ("train", 2, 3),
    ]
    assert [set(each.answers) for each in result.rounds] == [set(SITES)] * 3
    told = accuracies(result)
    assert told["site-3", 1] == 0.3
    assert told["server", 1] == (1 * 0.1 + 2 * 0.2 + 3 * 0.3) / 6
    marked = [line for line in capsys.readouterr().err.splitlines() if "best so far" in line]
    assert [line.split("  ")[0] for line in marked] == ["✓ round 1"]
    assert (result.workspace / "results" / "metrics.png").exists()


def test_a_site_that_fails_in_a_swarm_is_lost_in_its_round_and_asked_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = done(tmp_path, monkeypatch, swarm, breaks=1)

    assert [(len(each.answers), len(each.asked)) for each in result.rounds] == [
        (3, 3),
        (2, 3),
        (2, 2),
    ]
    assert result.lost == ("site-2",)
    said = capsys.readouterr().err
    assert said.count("site-2 is lost") == 1
    script = tmp_path / "project" / "train.py"
    assert f"site-2 is lost: ValueError: no data ({script}:10)" in said
    assert f'File "{script}", line 10, in <module>\n        raise ValueError("no data")' in said
    assert "/ame/federation/" not in said
    why = result.rounds[1].losses["site-2"]
    assert (why.kind, why.place) == ("raised", f"{script}:10")


def server_cycle(min_clients: int = 3) -> FedJob:
    made = FedJob(name="cycled", min_clients=min_clients)
    made.to_server(Cyclic(num_clients=3, num_rounds=3))
    made.to_server(NPModelPersistor(model=[0.0, 0.0]), id="persistor")
    made.to_clients(ScriptRunner("train.py", framework=FrameworkType.NUMPY))
    return made


@pytest.mark.parametrize(
    ("make", "breaks", "continues"),
    [(server_cycle, 1, True), (server_cycle, 0, False), (cyclic, 1, False), (swarm, 1, False)],
    ids=["led by the server", "in its first round", "cycle of sites", "swarm"],
)
def test_to_continue_is_offered_where_a_round_is_kept_and_else_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make: Any,
    breaks: int,
    continues: bool,
) -> None:
    with user_folder(tmp_path, monkeypatch) as folder:
        folder.write(
            "train.py", TRAIN.replace("== 2 and at == BREAKS", f"in (1, 2) and at == {breaks}")
        )
        options = engines.Options(workspace=tmp_path / "work", clients=3, threads=2)
        result = engines.run(make().program(), options)
        assert result is not None
        assert result.error is not None
        assert (f"`ame fed run --resume {result.run.name}`" in capsys.readouterr().err) == continues

        folder.write("train.py", TRAIN.replace("BREAKS", "-1"))
        again = replace(options, resume=result.run.name)
        if continues:
            done = engines.run(make().program(), again)
            assert done is not None
            assert [each.number for each in done.rounds] == [1, 2]
        elif make is not server_cycle:
            with pytest.raises(errors.NothingToResume, match="lead themselves"):
                engines.run(make().program(), again)
        else:
            failed = engines.run(make().program(), again)
            assert failed is not None
            assert isinstance(failed.error, errors.NothingToResume)


def test_rounds_of_a_cycle_that_sites_lead_are_told_whatever_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = done(tmp_path, monkeypatch, cyclic)

    assert [(each.label, set(each.answers)) for each in result.rounds] == [
        ("round 0", set(SITES)),
        ("round 1", set(SITES)),
    ]
    assert accuracies(result)["site-2", 0] == -0.8


def test_rounds_of_a_controller_that_a_site_leads_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = done(tmp_path, monkeypatch, led)

    assert [(each.label, set(each.answers)) for each in result.rounds] == [
        ("round 0", set(SITES)),
        ("round 1", set(SITES)),
    ]
    assert accuracies(result)["site-1", 1] == 0.1


def test_a_site_that_fails_under_a_controller_of_a_peer_is_lost_in_its_round_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = done(tmp_path, monkeypatch, led, breaks=0)

    script = tmp_path / "project" / "train.py"
    said = capsys.readouterr().err
    assert f"site-2 is lost: ValueError: no data ({script}:10)" in said
    assert f'File "{script}", line 10, in <module>' in said
    assert [(each.label, len(each.answers), len(each.asked)) for each in result.rounds] == [
        ("round 0", 2, 3),
        ("round 1", 3, 3),
    ]
    assert result.rounds[0].losses["site-2"].kind == "raised"
    assert result.lost == ("site-2",)


def test_an_evaluation_that_sites_lead_is_told_model_by_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = done(tmp_path, monkeypatch, lambda: swarm(evaluation=True))

    assert result.rounds[-1].label == "validate"
    assert "accuracy of site-2" in result.rounds[-1].answers["site-1"].metrics
    assert result.run.state is runs.State.SUCCEEDED


def test_a_summary_of_a_result_holds_no_model() -> None:
    meta = {"initial_metrics": {"loss": 1.0}, "NUM_STEPS_CURRENT_ROUND": 5, "other": [1, 2]}
    result = DXO(DataKind.WEIGHTS, data={"w": np.ones(3)}, meta=meta).to_shareable()

    assert summary(result, 2.0) == {
        Constant.SECONDS: 2.0,
        Constant.RESULT: {},
        Constant.META: {"initial_metrics": {"loss": 1.0}, "NUM_STEPS_CURRENT_ROUND": 5},
    }


class Notes(Nobody):
    def __init__(self) -> None:
        self.said: list[str] = []

    def replied(self, reply: Reply) -> None:
        self.said.append(reply.site)

    def closed(self, *, best: bool) -> None:
        self.said.append("best" if best else "closed")


def test_a_round_that_is_done_waits_for_what_was_overtaken() -> None:
    notes = Notes()
    rounds = Rounds(notes, first=0, count=2)
    rounds.begin(["a", "b"])
    rounds.trained("a", {Constant.ROUND: 0})

    rounds.done({Constant.ROUND: 0, Constant.BEST: True})
    rounds.trained("b", {Constant.ROUND: 0})

    assert notes.said == ["a", "b", "best"]


def test_a_round_that_a_site_never_tells_of_ends_with_the_next_or_with_all() -> None:
    notes = Notes()
    rounds = Rounds(notes, first=0, count=2)
    rounds.begin(["a", "b"])
    rounds.trained("a", {Constant.ROUND: 0})
    rounds.done({Constant.ROUND: 0})

    rounds.trained("a", {Constant.ROUND: 1})
    rounds.trained("b", {Constant.ROUND: 0})
    rounds.done({Constant.ROUND: 1})
    rounds.end()

    assert notes.said == ["a", "closed", "a", "closed"]
