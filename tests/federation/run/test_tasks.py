from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.federation.model import FLModel
from ame.federation.run.chains import Chain
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.filter import ContentBlockedException, Filter
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import (
    Client,
    ClientTask,
    SendOrder,
    Signal,
    Task,
    TaskCompletionStatus,
)
from parts.federated import run

NAMES = ("site-1", "site-2", "site-3")
Flow = Callable[["Leads", Signal, FLContext], None]


class Leads(Controller):
    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self.flow = flow
        self.late: list[str] = []
        self.times: list[str] = []

    def start_controller(self, fl_ctx: FLContext) -> None:
        self.times.append("start")

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        self.times.append("flow")
        self.flow(self, abort_signal, fl_ctx)

    def stop_controller(self, fl_ctx: FLContext) -> None:
        self.times.append("stop")

    def process_result_of_unknown_task(
        self,
        client: Client,
        task_name: str,
        client_task_id: str,
        result: Shareable,
        fl_ctx: FLContext,
    ) -> None:
        self.late.append(client.name)


def echo(site: str, model: FLModel) -> FLModel:
    return FLModel(params={"site": 1.0}, metrics={"seen": float(model.params["x"])})


def asked(x: float = 1.0, name: str = "train", **kwargs: Any) -> Task:
    return Task(name, DXO(DataKind.WEIGHTS, {"x": x}).to_shareable(), **kwargs)


def lead(tmp_path: Path, flow: Flow, train: Any = echo, **kwargs: Any) -> Leads:
    controller = Leads(flow)
    run(controller, tmp_path, train, names=NAMES, **kwargs)
    return controller


def test_a_broadcast_goes_to_all_and_its_deeds_come_in_the_order_of_the_sites(
    tmp_path: Path,
) -> None:
    events: list[tuple[str, str]] = []

    def note(what: str) -> Callable[..., None]:
        def deed(client_task: ClientTask, fl_ctx: FLContext) -> None:
            peer = fl_ctx.get_peer_context()
            assert peer is not None
            assert peer.get_identity_name() == client_task.client.name
            events.append((what, client_task.client.name))

        return deed

    def done(task: Task, fl_ctx: FLContext) -> None:
        events.append(("done", task.name))

    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        task = asked(
            before_task_sent_cb=note("before"),
            after_task_sent_cb=note("after"),
            result_received_cb=note("received"),
            task_done_cb=done,
        )
        self.broadcast_and_wait(task, fl_ctx, min_responses=0)
        assert task.completion_status == TaskCompletionStatus.OK
        assert self.get_num_standing_tasks() == 0

    controller = lead(tmp_path, flow)

    assert controller.times == ["start", "flow", "stop"]
    assert [event for event in events if event[0] == "received"] == [
        ("received", name) for name in NAMES
    ]
    assert events[-1] == ("done", "train")


def test_a_task_ends_when_enough_have_answered(tmp_path: Path) -> None:
    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        task = asked()
        self.broadcast_and_wait(task, fl_ctx, min_responses=2)
        answered = [each for each in task.client_tasks if each.result_received_time]
        assert len(answered) == 2

    lead(tmp_path, flow)


def test_what_is_sent_may_differ_from_site_to_site(tmp_path: Path) -> None:
    seen: dict[str, float] = {}

    def prepare(client_task: ClientTask, fl_ctx: FLContext) -> None:
        number = float(NAMES.index(client_task.client.name))
        client_task.task.data = DXO(DataKind.WEIGHTS, {"x": number}).to_shareable()

    def work(site: str, model: FLModel) -> FLModel:
        seen[site] = model.params["x"]
        return echo(site, model)

    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        self.broadcast_and_wait(asked(before_task_sent_cb=prepare), fl_ctx, min_responses=0)

    lead(tmp_path, flow, work)

    assert seen == {"site-1": 0.0, "site-2": 1.0, "site-3": 2.0}


def test_a_task_is_sent_to_one_and_to_the_next_only_if_that_is_gone(tmp_path: Path) -> None:
    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        first, any_ = asked(), asked()
        self.send_and_wait(first, fl_ctx, targets=["site-2", "site-1"])
        self.send_and_wait(any_, fl_ctx, send_order=SendOrder.ANY)
        assert [each.client.name for each in first.client_tasks] == ["site-2"]
        assert len(any_.client_tasks) == 1

    lead(tmp_path, flow)


def test_a_relay_gives_each_site_what_the_one_before_left(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []

    def work(site: str, model: FLModel) -> FLModel:
        seen.append((site, model.params["x"]))
        return FLModel(params={"x": model.params["x"] + 1})

    def carry(client_task: ClientTask, fl_ctx: FLContext) -> None:
        assert client_task.result is not None
        client_task.task.data = client_task.result

    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        order = ["site-3", "site-1", "site-2"]
        self.relay_and_wait(asked(result_received_cb=carry), fl_ctx, targets=order)

    lead(tmp_path, flow, work)

    assert seen == [("site-3", 1.0), ("site-1", 2.0), ("site-2", 3.0)]


def test_a_task_that_never_ends_is_given_again_until_it_is_cancelled(tmp_path: Path) -> None:
    count = 0

    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        def received(client_task: ClientTask, fl_ctx: FLContext) -> None:
            nonlocal count
            count += 1
            if count == 7:
                self.cancel_task(client_task.task)

        task = asked(result_received_cb=received)
        self.broadcast_forever(task, fl_ctx)
        assert self.communicator is not None
        self.communicator.wait(task, abort_signal)
        assert task.completion_status == TaskCompletionStatus.CANCELLED

    lead(tmp_path, flow)

    assert count == 7


def test_a_workflow_that_ends_ends_its_tasks(tmp_path: Path) -> None:
    tasks: list[Task] = []

    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        tasks.append(asked())
        self.broadcast_forever(tasks[0], fl_ctx)

    lead(tmp_path, flow)

    assert tasks[0].completion_status == TaskCompletionStatus.CANCELLED


def test_what_a_deed_raises_ends_the_run_with_its_place(tmp_path: Path) -> None:
    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        def received(client_task: ClientTask, fl_ctx: FLContext) -> None:
            raise ZeroDivisionError("by nothing")

        self.broadcast_and_wait(asked(result_received_cb=received), fl_ctx)

    with pytest.raises(
        errors.ComponentFailed, match=r"Leads failed .*site-1: ZeroDivisionError: by nothing"
    ) as caught:
        lead(tmp_path, flow)

    assert "test_tasks.py" in caught.value.place


def test_what_a_workflow_raises_ends_the_run(tmp_path: Path) -> None:
    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        raise KeyError("x")

    with pytest.raises(errors.ComponentFailed, match="leading workflow `controller`: KeyError"):
        lead(tmp_path, flow)


def test_after_a_panic_no_task_is_given(tmp_path: Path) -> None:
    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        self.system_panic("enough", fl_ctx)
        assert abort_signal.triggered
        self.broadcast_and_wait(asked(), fl_ctx)
        raise AssertionError

    with pytest.raises(errors.JobPanicked, match="enough"):
        lead(tmp_path, flow)


@pytest.mark.parametrize(
    ("arguments", "error", "what"),
    [
        ({"targets": ["site-9"]}, errors.SiteUnknown, "site-9"),
        ({"targets": "site-1"}, TypeError, "must be a list"),
        ({"min_responses": 4}, ValueError, "it goes to 3 sites"),
        ({"min_responses": -1}, ValueError, "0 or more"),
    ],
)
def test_a_broadcast_that_cannot_be_is_refused(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], what: str
) -> None:
    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        with pytest.raises(error, match=what):
            self.broadcast(asked(), fl_ctx, **arguments)

    lead(tmp_path, flow)


def test_a_task_is_given_once(tmp_path: Path) -> None:
    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        task = asked()
        self.broadcast_and_wait(task, fl_ctx)
        with pytest.raises(ValueError, match="given out before"):
            self.broadcast(task, fl_ctx)

    lead(tmp_path, flow)


def test_a_task_without_targets_in_sequence_is_refused(tmp_path: Path) -> None:
    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        with pytest.raises(ValueError, match="name its targets"):
            self.send(asked(), fl_ctx)

    lead(tmp_path, flow)


class Adds(Filter):
    """Adds to what passes, in place."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def process(self, shareable: Shareable, fl_ctx: FLContext) -> Shareable:
        shareable["DXO"]["data"]["x"] += self.number
        return shareable


class Blocks(Filter):
    def process(self, shareable: Shareable, fl_ctx: FLContext) -> Shareable:
        raise ContentBlockedException("secret")


def test_filters_for_all_tasks_are_applied_to_each_and_in_their_order(tmp_path: Path) -> None:
    seen: list[float] = []

    def work(site: str, model: FLModel) -> FLModel:
        seen.append(model.params["x"])
        return FLModel(params={"x": 0.0})

    got: list[float] = []

    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        def received(client_task: ClientTask, fl_ctx: FLContext) -> None:
            assert client_task.result is not None
            got.append(client_task.result["DXO"]["data"]["x"])

        task = asked(result_received_cb=received)
        self.broadcast_and_wait(task, fl_ctx, min_responses=0)
        assert task.data["DXO"]["data"]["x"] == 1.0

    lead(
        tmp_path,
        flow,
        work,
        data=Chain([(("*",), [Adds(1.0)]), (("other",), [Adds(100.0)])]),
        results=Chain([(("tr*",), [Adds(2.0)])]),
        site_data=Chain([(("*",), [Adds(10.0)])]),
        site_results=Chain([(("train",), [Adds(4.0)])]),
    )

    assert seen == [12.0] * 3
    assert got == [6.0] * 3


@pytest.mark.parametrize("where", ["data", "results", "site_data", "site_results"])
def test_what_a_filter_blocks_does_not_pass(tmp_path: Path, where: str) -> None:
    worked: list[str] = []
    codes: list[str] = []

    def work(site: str, model: FLModel) -> FLModel:
        worked.append(site)
        return FLModel(params={"x": 0.0})

    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        def received(client_task: ClientTask, fl_ctx: FLContext) -> None:
            assert client_task.result is not None
            assert "DXO" not in client_task.result
            codes.append(client_task.result.get_return_code())

        self.broadcast_and_wait(asked(result_received_cb=received), fl_ctx, min_responses=0)

    lead(tmp_path, flow, work, **{where: Chain([(("*",), [Blocks()])])})

    assert len(codes) == 3
    assert "OK" not in codes
    assert bool(worked) == ("results" in where)


def test_a_filter_that_fails_at_the_server_ends_the_run(tmp_path: Path) -> None:
    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        self.broadcast_and_wait(asked(), fl_ctx)

    broken = Chain([(("*",), [Adds("x")])])  # type: ignore[arg-type]  # that is what fails

    with pytest.raises(errors.ComponentFailed, match="Adds failed while filtering task `train`"):
        lead(tmp_path, flow, results=broken)


def test_a_workflow_asks_its_sites_by_messages(tmp_path: Path) -> None:
    def flow(self: Leads, abort_signal: Signal, fl_ctx: FLContext) -> None:
        engine = fl_ctx.get_engine()
        answers = engine.send_aux_request(["site-2"], "nobody", Shareable(), 1.0, fl_ctx)
        assert answers["site-2"].get_return_code() == "TOPIC_UNKNOWN"
        assert [client.name for client in engine.get_clients()] == list(NAMES)

    lead(tmp_path, flow)
