from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.federation.exchange.sites import Lost, Order, Reply, Why
from ame.federation.exchange.watcher import Nobody
from ame.federation.filters.noise import NormClipping
from ame.federation.model import FLModel
from ame.federation.run.chains import Chain
from ame.federation.run.server import Server, ServerParts
from ame.federation.run.site import Site, SiteParts
from ame.federation.spec.component import FLComponent, Widget
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.executor import Executor
from ame.federation.spec.learner import Learner, ModelLearner
from ame.federation.spec.names.keys import ReservedHeaderKey
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply
from ame.federation.spec.task import Signal
from ame.federation.training.events import ConvertToFedEvent
from ame.federation.training.learners import LearnerExecutor, ModelLearnerExecutor
from ame.federation.workflows.averaging.fedavg import FedAvg
from parts.federated import Keeps, Train, Trains, join, moved, run

ZERO = {"w": np.zeros(2, np.float32)}


class Notes(Widget):
    """Notes which events it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.data: list[Any] = []

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        self.heard.append(event_type)
        if event_type.startswith("fed."):
            peer = fl_ctx.get_peer_context()
            assert peer is not None
            self.data.append((peer.get_identity_name(), fl_ctx.get_prop("__event_data__")["x"]))


class Watches(Nobody):
    def __init__(self) -> None:
        self.events: list[str] = []
        self.left_out: list[tuple[str, str]] = []

    def fired(self, event: str, fl_ctx: FLContext) -> None:
        self.events.append(event)

    def refused(self, site: str, why: Why) -> None:
        self.left_out.append((site, why.text))


def test_the_events_of_a_run_come_in_their_order(tmp_path: Path) -> None:
    notes = Notes()

    run(
        FedAvg(num_rounds=1, num_clients=2),
        tmp_path,
        moved(1),
        components={"persistor": Keeps(ZERO), "notes": notes},
    )

    assert [event.strip("_") for event in notes.heard] == [
        "about_to_start_run",
        "start_run",
        "start_workflow",
        "training_started",
        "initial_model_loaded",
        "round_started",
        *["before_train_task"] * 2,
        *[
            "before_process_submission",
            "before_contribution_accept",
            "after_contribution_accept",
            "after_process_submission",
        ]
        * 2,
        "before_aggregation",
        "after_aggregation",
        "before_model_update",
        "after_model_update",
        "round_done",
        "before_save_model",
        "after_save_model",
        "end_workflow",
        "about_to_end_run",
        "end_run",
    ]


def test_who_looks_on_is_told_of_events_and_of_sites_that_are_left_out(tmp_path: Path) -> None:
    def train(site: str, model: FLModel) -> FLModel:
        value = np.nan if site == "site-1" else 1
        return FLModel(params={"w": np.full(2, value, np.float32)})

    watches = Watches()
    components = {"persistor": Keeps(ZERO)}
    run(FedAvg(num_rounds=1), tmp_path, train, components=components, watcher=watches)

    assert "_round_started" in watches.events
    [(site, why)] = watches.left_out
    assert site == "site-1"
    assert "holds nan" in why


def test_an_event_of_a_site_is_heard_on_the_server(tmp_path: Path) -> None:
    class Tells(Trains):
        def execute(
            self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
        ) -> Shareable:
            fl_ctx.set_prop("__event_data__", Shareable({"x": 5}), sticky=False)
            self.fire_event("metric", fl_ctx)
            return super().execute(task_name, shareable, fl_ctx, abort_signal)

    notes = Notes()
    live, _ = join(
        tmp_path,
        {"site-1": [(("*",), Tells(moved(1)))]},
        components={"site-1": {"tell": ConvertToFedEvent(["metric"])}},
    )
    parts = ServerParts(
        workflows=[("c", FedAvg(num_rounds=2, num_clients=1))],
        components={"persistor": Keeps(ZERO), "notes": notes},
    )
    Server(parts, live, job="job", root=tmp_path / "server").run()

    assert "fed.metric" in notes.heard
    assert ("site-1", 5) in notes.data


def test_a_component_that_fails_at_the_start_ends_the_run(tmp_path: Path) -> None:
    class Breaks(FLComponent):
        def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
            raise OSError("disk full")

    with pytest.raises(errors.ComponentFailed, match=r"Breaks .* OSError: disk full"):
        run(FedAvg(num_rounds=1), tmp_path, moved(1), components={"b": Breaks()})


def test_a_run_is_stopped_from_outside(tmp_path: Path) -> None:
    server: list[Server] = []

    def train(site: str, model: FLModel) -> FLModel:
        server[0].stop("somebody asked")
        return moved(1)(site, model)

    live, _ = join(tmp_path, {"site-1": [(("*",), Trains(train))]})
    parts = ServerParts(
        workflows=[("c", FedAvg(num_rounds=9))], components={"persistor": Keeps(ZERO)}
    )
    server.append(Server(parts, live, job="job", root=tmp_path / "server"))

    with pytest.raises(errors.RunOver, match="somebody asked"):
        server[0].run()


def test_a_mandatory_site_may_not_fail(tmp_path: Path) -> None:
    def broken(site: str, model: FLModel) -> FLModel:
        raise ValueError("no data")

    trains: dict[str, Train] = {"site-1": moved(1), "site-2": broken}
    live, _ = join(tmp_path, {name: [(("*",), Trains(each))] for name, each in trains.items()})
    parts = ServerParts(
        workflows=[("c", FedAvg(num_rounds=1))], components={"persistor": Keeps(ZERO)}
    )
    server = Server(parts, live, job="job", root=tmp_path / "server", mandatory_clients=["site-2"])

    with pytest.raises(errors.TooFewResults, match="lacks the result of site-2"):
        server.run()


# A site by itself.


class Says(Executor):
    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        if self.word == "raise":
            raise KeyError("lost")
        if self.word == "exit":
            raise SystemExit(3)
        if self.word == "panic":
            self.system_panic("no disk", fl_ctx)
        if self.word == "nothing":
            return None  # type: ignore[return-value]  # that is the test
        return Shareable({"word": self.word})


def ordered(tmp_path: Path, task: str, *routes: tuple[tuple[str, ...], Executor]) -> Reply | Lost:
    site = Site(SiteParts(executors=routes), name="site-1", job="job", root=tmp_path)
    data = Shareable()
    data.add_cookie("round", 3)
    return site.perform(Order(number=1, site="site-1", task=task, data=data))


@pytest.mark.parametrize(
    ("task", "word"), [("train", "exact"), ("swarm_learn", "pattern"), ("other", "all")]
)
def test_a_task_goes_to_who_has_its_name_or_else_to_the_first_whose_pattern_fits(
    tmp_path: Path, task: str, word: str
) -> None:
    came = ordered(
        tmp_path,
        task,
        (("swarm_*",), Says("pattern")),
        (("*",), Says("all")),
        (("train",), Says("exact")),
    )

    assert isinstance(came, Reply)
    assert came.result["word"] == word
    assert came.result.get_cookie("round") == 3


def test_a_task_that_nobody_does_is_named(tmp_path: Path) -> None:
    came = ordered(tmp_path, "validate", (("train",), Says("x")))

    assert isinstance(came, Reply)
    assert came.result.get_return_code() == "TASK_UNKNOWN"
    assert came.result.get_header("__error__") == "site-1 does no task `validate`; it does train"


@pytest.mark.parametrize(
    ("word", "kind", "text"),
    [
        ("raise", "raised", "KeyError: 'lost'"),
        ("exit", "exited", "SystemExit: 3"),
        ("panic", "raised", "no disk"),
        ("nothing", "raised", "returned a NoneType, not a Shareable"),
    ],
)
def test_what_goes_wrong_on_a_site_is_told_with_its_place(
    tmp_path: Path, word: str, kind: str, text: str
) -> None:
    came = ordered(tmp_path, "train", (("*",), Says(word)))

    assert isinstance(came, Lost)
    assert came.why.kind == kind
    assert text in came.why.text
    if word in ("raise", "exit"):
        assert "test_server.py" in came.why.place
        assert "Says" not in came.why.text


class Sends(Executor):
    """Answers with a whole model."""

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        return DXO(DataKind.WEIGHTS, {"w": np.ones(2)}).to_shareable()


def test_an_update_that_a_filter_refuses_is_answered_in_words_alone(tmp_path: Path) -> None:
    parts = SiteParts(
        executors=[(("*",), Sends())], task_result_filters=Chain([(("*",), [NormClipping()])])
    )
    site = Site(parts, name="site-1", job="job", root=tmp_path)

    came = site.perform(Order(number=1, site="site-1", task="train", data=Shareable()))

    assert isinstance(came, Reply)
    assert came.result.get_return_code() == ReturnCode.TASK_RESULT_FILTER_ERROR
    said = str(came.result.get_header(ReservedHeaderKey.ERROR))
    assert said.startswith("the update of `site-1` is refused: it is a whole model")
    assert "Traceback" not in said


# Learners.


class Learns(Learner):
    def validate(self, data: Shareable, fl_ctx: FLContext, abort_signal: Signal) -> Shareable:
        return DXO(DataKind.METRICS, {"initial_metrics": 0.5}).to_shareable()

    def train(self, data: Shareable, fl_ctx: FLContext, abort_signal: Signal) -> Shareable:
        return DXO(DataKind.WEIGHTS, {"w": 1.0}).to_shareable()


class LearnsModels(ModelLearner):
    def validate(self, model: FLModel) -> FLModel:
        return FLModel(metrics={"accuracy": 0.5, "round": self.current_round})

    def train(self, model: FLModel) -> FLModel | str:
        if model.params["w"] < 0:
            return "BAD_TASK_DATA"
        return FLModel(params={"w": model.params["w"] + 1, "site": float(self.site_name[-1])})  # type: ignore[index]  # it is there


def learned(tmp_path: Path, executor: Executor, learner: FLComponent, w: float) -> Shareable:
    parts = SiteParts(executors=[(("*",), executor)], components={"learner": learner})
    site = Site(parts, name="site-1", job="job", root=tmp_path)
    site.begin()
    data = DXO(DataKind.WEIGHTS, {"w": w}).to_shareable()
    data.set_header("current_round", 3)
    came = site.perform(Order(number=1, site="site-1", task="train", data=data))
    assert isinstance(came, Reply), came
    return came.result


def test_a_learner_measures_what_it_was_sent_before_it_trains(tmp_path: Path) -> None:
    result = learned(tmp_path, LearnerExecutor("learner"), Learns(), 0.0)

    assert result["DXO"]["data"] == {"w": 1.0}
    assert result["DXO"]["meta"]["initial_metrics"] == 0.5


def test_a_learner_of_models_has_its_run_at_hand(tmp_path: Path) -> None:
    result = learned(tmp_path, ModelLearnerExecutor("learner"), LearnsModels(), 1.0)

    assert result["DXO"]["data"] == {"w": 2.0, "site": 1.0}
    assert result["DXO"]["meta"]["initial_metrics"] == {"accuracy": 0.5, "round": 3}


def test_a_learner_may_answer_with_a_return_code(tmp_path: Path) -> None:
    result = learned(tmp_path, ModelLearnerExecutor("learner"), LearnsModels(), -1.0)

    assert result.get_return_code() == make_reply("BAD_TASK_DATA").get_return_code()


def test_a_task_that_failed_has_at_most_the_results_that_others_may_still_give() -> None:
    def said(given: int) -> str:
        return str(errors.TooFewResults(task="t", at=0, needed=2, given=given, lost={"a": "x"}))

    assert "can have at most 1 usable result, and needs 2" in said(1)
    assert "can have no usable result, and needs 2" in said(0)
