"""A script's conversation with its site, over a channel in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ame import errors
from ame.federation import client as flare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Site:
    """A channel whose script is this test."""

    def __init__(self, exchange: flare.Exchange | None = None) -> None:
        info = flare.SystemInfo(
            site_name="site-1", job_id="j1", exchange=exchange or flare.Exchange()
        )
        self.channel = flare.MemoryChannel(info)
        flare.swap(flare.Session(self.channel))

    def put(self, task: str = "train", **values: object) -> None:
        params = {"w": np.arange(3.0)} | values
        self.channel.put(task, flare.FLModel(params=params, current_round=0, total_rounds=2))


@pytest.fixture(autouse=True)
def _no_session() -> Iterator[None]:
    flare.swap(None)
    yield
    flare.swap(None)


@pytest.fixture
def site() -> Site:
    made = Site()
    flare.init()
    return made


def test_a_model_goes_to_the_script_and_back(site: Site) -> None:
    site.put()
    assert flare.is_running()
    model = flare.receive()
    assert model is not None

    flare.send(flare.FLModel(params={"w": model.params["w"] + 1}, metrics={"loss": 0.5}))

    answer = site.channel.take(0)
    assert answer is not None
    assert answer.params["w"].tolist() == [1, 2, 3]
    assert answer.metrics == {"loss": 0.5}
    assert (flare.get_task_name(), flare.get_site_name(), flare.get_job_id()) == (
        "train",
        "site-1",
        "j1",
    )


def test_the_same_model_is_received_until_it_is_answered(site: Site) -> None:
    site.put()
    site.put()
    first = flare.receive()

    assert flare.is_running()
    assert flare.receive() is first
    flare.send(flare.FLModel(metrics={"loss": 1}))
    assert flare.receive() is not first


def test_receive_waits_and_wakes_when_a_task_comes(site: Site) -> None:
    got: list[flare.FLModel | None] = []
    script = threading.Thread(target=lambda: got.append(flare.receive()))
    script.start()
    site.put()
    script.join(10)

    assert got[0] is not None


def test_receive_gives_up_at_its_time_and_the_job_goes_on(site: Site) -> None:
    assert flare.receive(timeout=0.001) is None
    site.put()
    assert flare.receive(timeout=0.001) is not None


def test_the_end_of_the_job_is_no_more_running(site: Site) -> None:
    site.put()
    site.channel.end()

    assert flare.is_running()
    flare.receive()
    flare.send(flare.FLModel(metrics={"loss": 1}))
    assert not flare.is_running()
    assert flare.receive() is None


def test_an_aborted_job_raises_in_the_script(site: Site) -> None:
    site.channel.abort("site-2 was killed")

    with pytest.raises(RuntimeError, match="site-2 was killed"):
        flare.is_running()


def test_after_shutdown_nothing_runs(site: Site) -> None:
    site.put()
    flare.shutdown()

    assert not flare.is_running()
    assert site.channel.stopped()


def test_what_the_script_writes_into_its_model_is_seen_by_nobody(site: Site) -> None:
    sent = np.zeros(2)
    site.put(v=sent)
    model = flare.receive()
    assert model is not None
    model.params["v"] += 1

    assert sent.tolist() == [0, 0]


def test_models_stay_whole_until_the_next_task_is_asked_for(site: Site) -> None:
    site.put()
    site.put()
    received = flare.receive()
    assert received is not None
    sent = flare.FLModel(params={"w": np.ones(3)})
    flare.send(sent)
    assert sent.params["w"].tolist() == [1, 1, 1]
    assert received.params["w"].tolist() == [0, 1, 2]

    flare.is_running()
    assert sent.params is None
    assert received.params is None


def test_models_are_kept_for_a_script_that_asks_for_that(site: Site) -> None:
    site.put()
    site.put()
    received = flare.receive()
    assert received is not None
    flare.send(received, clear_cache=False)
    flare.is_running()

    assert received.params["w"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("task", "asked"),
    [
        ("train", flare.is_train),
        ("validate", flare.is_evaluate),
        ("submit_model", flare.is_submit_model),
    ],
)
def test_a_task_is_known_for_what_it_is(site: Site, task: str, asked: Callable[[], bool]) -> None:
    assert not asked()
    site.put(task)
    flare.receive()

    assert [f() for f in (flare.is_train, flare.is_evaluate, flare.is_submit_model)].count(
        True
    ) == 1
    assert asked()


def test_the_config_is_that_of_the_job(site: Site) -> None:
    site.put()
    flare.receive()
    config = flare.get_config()

    assert config["TASK_NAME"] == "train"
    assert config["TASK_EXCHANGE"] == {
        "train_with_eval": False,
        "exchange_format": "raw",
        "server_expected_format": "numpy",
        "transfer_type": "FULL",
        "train_task_name": "train",
        "eval_task_name": "validate",
        "submit_model_task_name": "submit_model",
    }
    assert flare.system_info() == {"site_name": "site-1", "job_id": "j1"}


def test_log_records_numbers_with_their_step(site: Site) -> None:
    flare.log("loss", np.float32(0.5), flare.AnalyticsDataType.SCALAR, global_step=3, writer="me")

    (record,) = site.channel.records
    assert list(record.numbers()) == [("loss", 0.5)]
    assert (record.step, record.extra) == (3, {"writer": "me"})


def test_a_metric_that_is_no_number_is_refused_where_it_is_logged(site: Site) -> None:
    with pytest.raises(ValueError, match="far"):
        flare.log("loss", "far", flare.AnalyticsDataType.SCALAR)


def test_sending_what_is_no_model_is_refused(site: Site) -> None:
    site.put()
    flare.receive()
    with pytest.raises(TypeError, match="was given dict"):
        flare.send({"w": 1})  # type: ignore[arg-type]


def test_sending_before_receiving_is_refused(site: Site) -> None:
    site.put()
    flare.is_running()
    with pytest.raises(RuntimeError, match='"receive" needs to be called'):
        flare.send(flare.FLModel(metrics={}))


def test_sending_twice_for_one_task_is_refused(site: Site) -> None:
    site.put()
    flare.receive()
    flare.send(flare.FLModel(metrics={"a": 1}), clear_cache=False)
    with pytest.raises(RuntimeError, match='"receive" needs to be called'):
        flare.send(flare.FLModel(metrics={"a": 1}))


def test_sending_nothing_is_refused(site: Site) -> None:
    site.put()
    flare.receive()
    with pytest.raises(RuntimeError, match="neither params nor metrics"):
        flare.send(flare.FLModel())


def test_every_call_before_init_is_refused() -> None:
    Site()
    for call in (flare.receive, flare.is_running, flare.system_info, flare.is_train, flare.clear):
        with pytest.raises(errors.NotBegun, match=call.__name__):
            call()


def test_a_script_without_a_job_learns_how_to_run_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AME_FEDERATION", raising=False)
    with pytest.raises(RuntimeError, match=r"ame fed run.*AME_FEDERATION=alone"):
        flare.init()


def test_init_again_changes_nothing(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    flare.init(rank=1)

    assert "no effect" in caplog.text
    site.put()
    assert flare.is_running()


def test_only_rank_0_talks(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    monkeypatch.setenv("RANK", "1")
    flare.init()
    site.put()

    assert not flare.is_running()
    assert flare.receive() is None
    flare.send(flare.FLModel(metrics={"a": 1}))
    assert site.channel.take(0) is None
    assert flare.get_site_name() == "site-1"
    for call in (flare.is_train, flare.get_task_name):
        with pytest.raises(errors.RankSilent, match="rank 1"):
            call()


def test_a_rank_that_is_none_is_refused() -> None:
    Site()
    with pytest.raises(ValueError, match="was given float"):
        flare.init(rank=0.5)  # type: ignore[arg-type]


def test_a_difference_is_to_what_arrived_even_when_the_script_wrote_into_it() -> None:
    site = Site(flare.Exchange(transfer=flare.TransferType.DIFF))
    flare.init()
    site.put()
    model = flare.receive()
    assert model is not None
    model.params["w"] += 2
    flare.send(model)

    answer = site.channel.take(0)
    assert answer is not None
    assert answer.params["w"].tolist() == [2, 2, 2]
    assert answer.params_type == flare.ParamsType.DIFF
    assert model.params_type == flare.ParamsType.FULL


def test_a_difference_that_the_script_took_itself_is_sent_as_it_is() -> None:
    site = Site(flare.Exchange(transfer=flare.TransferType.DIFF))
    flare.init()
    site.put()
    flare.receive()
    flare.send(flare.FLModel(params_type="DIFF", params={"w": np.ones(3)}))

    answer = site.channel.take(0)
    assert answer is not None
    assert answer.params["w"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"v": np.ones(3)}, "`v`.*was not received"),
        ({"w": np.ones(2)}, r"`w`.*shape is \(2,\), and was \(3,\)"),
        ({}, "no parameters"),
        ([np.ones(3)], "not named"),
    ],
)
def test_a_difference_that_cannot_be_taken_is_refused(params: object, said: str) -> None:
    site = Site(flare.Exchange(transfer=flare.TransferType.DIFF))
    flare.init()
    site.put()
    flare.receive()
    with pytest.raises(RuntimeError, match=said):
        flare.send(flare.FLModel(params=params))


def test_what_train_and_evaluate_return_is_sent_together(site: Site) -> None:
    @flare.evaluate
    def measure(model: flare.FLModel, factor: float) -> float:
        return float(model.params["w"].sum()) * factor

    @flare.train
    def fit(model: flare.FLModel | None = None, *, add: float = 0) -> flare.FLModel:
        assert model is not None
        return flare.FLModel(params={"w": model.params["w"] + add})

    site.put()
    assert measure(factor=2.0) == 6
    fit(add=1)
    answer = site.channel.take(0)
    assert answer is not None
    assert answer.metrics == {"metric": 6}
    assert answer.params["w"].tolist() == [1, 2, 3]

    site.put("validate")
    measure(1.0)
    alone = site.channel.take(0)
    assert alone is not None
    assert (alone.params, alone.metrics) == (None, {"metric": 3})


def test_a_model_that_the_caller_passes_on_is_the_received_one(site: Site) -> None:
    @flare.evaluate
    def measure(model: flare.FLModel | None = None, factor: float = 1.0) -> float:
        assert model is not None
        return float(model.params["w"].sum()) * factor

    site.put()
    assert measure(flare.receive()) == 3
    assert measure(flare.receive(), 2.0) == 6


def test_a_train_function_that_returns_no_model_is_refused(site: Site) -> None:
    @flare.train
    def fit(model: flare.FLModel) -> None: ...

    site.put()
    with pytest.raises(TypeError, match="was given NoneType"):
        fit()


def test_an_evaluate_function_that_returns_nothing_is_refused(site: Site) -> None:
    @flare.evaluate
    def measure(model: flare.FLModel) -> None: ...

    site.put()
    with pytest.raises(RuntimeError, match="neither"):
        measure()
