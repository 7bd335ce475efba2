"""What a job does not take, and what it is told of it."""

from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.federation.components.robust import MedianAggregator
from ame.federation.job.fedjob import FedJob, FilterType
from ame.federation.job.script_runner import ScriptRunner
from ame.federation.peers.swarm import SwarmClientController
from ame.federation.peers.swarm_server import SwarmServerController
from ame.federation.spec.controller import Controller
from ame.federation.workflows.averaging.fedavg import FedAvg
from ame.federation.workflows.scatter_and_gather import ScatterAndGather
from federation.job.runnable import Doer, Leader, Sieve, Thing, runnable
from parts.userfolder import Folder


def test_an_argument_that_nobody_takes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"received args \['tsaks'\], but no args expected"):
        FedJob().to(Thing(), "site-1", tsaks=["train"])


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("", "valid target name"),
        (None, "valid target name"),
        ("a/b", "invalid character '/'"),
        ("a,b", "invalid character ','"),
        ("@all", "invalid character '@'"),
        ("..", "no name"),
        (" site-1", "leave out spaces"),
        ("Server", "would be a client"),
    ],
)
def test_a_target_that_is_none_is_refused(target: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        FedJob().to(Thing(), target)


@pytest.mark.parametrize("obj", [None, "", {}])
def test_nothing_is_not_given(obj: object) -> None:
    with pytest.raises(ValueError, match="cannot add empty object"):
        FedJob().to(obj, "server")


def test_an_object_without_length_is_no_empty_object() -> None:
    class Empty(Thing):
        def __len__(self) -> int:
            return 0

    Empty.__qualname__ = "Thing"

    assert FedJob().to_server(Empty()) == "component"


@pytest.mark.parametrize("name", ["", "a/b", "..", "my job", "-x"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must start with a letter or digit"):
        FedJob(name)


@pytest.mark.parametrize(
    ("given", "kind", "why"),
    [
        ({"min_clients": 0}, ValueError, "at least 1"),
        ({"min_clients": "2"}, TypeError, "`min_clients` must be an int"),
        ({"min_clients": True}, TypeError, "`min_clients` must be an int"),
        ({"mandatory_clients": "site-1"}, TypeError, "a list of clients' names"),
        ({"meta_props": ["x"]}, TypeError, "`meta_props` must be a dict"),
        ({"meta_props": {"name": "x"}}, ValueError, "which the job says itself"),
        ({"fail_fast": 1}, TypeError, "`fail_fast` must be a bool"),
        ({"name": 3}, TypeError, "`name` must be a str"),
    ],
)
def test_a_job_of_unfit_arguments_is_refused(
    given: dict[str, Any], kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        FedJob(**given)


def test_a_class_that_was_not_made_is_refused() -> None:
    with pytest.raises(errors.JobInvalid, match=r"give an object, which is made: `Leader\(…\)`"):
        FedJob().to_server(Leader)
    with pytest.raises(errors.JobInvalid, match=r"`Leader\(…\)`"):
        FedJob().as_id(Leader)


@pytest.mark.parametrize(
    ("job", "options", "why"),
    [
        ({"min_clients": 3}, {}, "`min_clients` is 3, and the job has 2 clients: site-1, site-2"),
        ({"mandatory_clients": ["x"]}, {}, "names x, which the job does not have"),
        ({}, {"threads": 0}, "`threads` is 0"),
        ({}, {"gpu": "x"}, "`gpu` is 'x'"),
        ({}, {"log_config": "loud"}, "`log_config` is 'loud'"),
        ({}, {"dropout": 2.0}, "`dropout`"),
        ({}, {"engine": "flower", "threads": 2}, "`threads` is of simulated sites"),
    ],
)
def test_a_simulation_that_cannot_be_is_refused_before_there_is_a_run(
    tmp_path: Path, job: dict[str, Any], options: dict[str, Any], why: str
) -> None:
    made = FedJob(**job)
    made.to_server(Leader())
    made.to_clients(Doer())

    with pytest.raises(errors.Error, match=why):
        made.simulator_run(tmp_path / "run", n_clients=2, **options)

    assert not (tmp_path / "run").exists()


def test_an_executor_is_not_for_the_server() -> None:
    with pytest.raises(ValueError, match=r"to_clients\(executor\)` for Executors"):
        FedJob().to_server(Doer())
    with pytest.raises(ValueError, match=r"can only be assigned to client, but tried .* server"):
        FedJob().to(Doer(), "server")


def test_a_controller_is_not_for_all_clients() -> None:
    with pytest.raises(ValueError, match=r"to_server\(controller\)` for Controllers"):
        FedJob().to_clients(Leader())


def test_two_executors_for_one_task_are_refused() -> None:
    job = FedJob()
    job.to_clients(Doer(), tasks=["train", "validate"])

    with pytest.raises(RuntimeError, match=r"executor for tasks \{'train'\} already exist"):
        job.to_clients(Doer(), tasks=["train"])


def test_filters_for_overlapping_tasks_are_refused() -> None:
    job = FedJob()
    job.to_clients(Sieve(), filter_type=FilterType.TASK_DATA, tasks=["train"])

    with pytest.raises(RuntimeError, match="overlaps task set"):
        job.to_clients(Sieve(), filter_type=FilterType.TASK_DATA, tasks=["train", "validate"])


def test_a_filter_needs_its_type() -> None:
    with pytest.raises(ValueError, match="Missing required arg 'filter_type'"):
        FedJob().to_clients(Sieve())
    with pytest.raises(ValueError, match="without specifying a valid `filter_type`"):
        FedJob().to_clients(Sieve(), filter_type="result")


@pytest.mark.parametrize(
    ("tasks", "kind"), [([], ValueError), ([""], ValueError), ([1], TypeError), (1, TypeError)]
)
def test_tasks_that_are_none_are_refused(tasks: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="`tasks`"):
        FedJob().to_clients(Doer(), tasks=tasks)


def test_a_variable_that_the_configuration_says_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="`executors` is not a variable"):
        FedJob().to({"executors": []}, "server")


def test_a_job_that_cannot_run_is_refused() -> None:
    with pytest.raises(ValueError, match="Missing server components"):
        FedJob().program()
    with pytest.raises(ValueError, match="has no clients"):
        runnable().program()
    job = runnable()
    job.to(Thing(), "site-1")
    with pytest.raises(ValueError, match="client `site-1` of job `j` has no executor"):
        job.program()


def test_more_clients_are_not_asked_for_than_there_are() -> None:
    job = runnable(min_clients=2)
    job.to(Doer(), "site-1")
    with pytest.raises(ValueError, match="`min_clients` is 2, and the job has 1 clients"):
        job.program()
    job = runnable(mandatory_clients=["site-9"])
    job.to(Doer(), "site-1")
    with pytest.raises(ValueError, match="names site-9, which the job does not have"):
        job.program()


def led(*controllers: Controller) -> FedJob:
    job = FedJob()
    for controller in controllers:
        job.to_server(controller)
    job.to_clients(Doer())
    return job


def test_an_aggregator_that_no_workflow_uses_is_refused() -> None:
    job = led(FedAvg())
    job.to_server(MedianAggregator(), id="aggregator")
    with pytest.raises(errors.JobInvalid, match=r"FedAvg\(aggregator=MedianAggregator"):
        job.program()
    job = led(ScatterAndGather(), FedAvg())
    job.to_server(MedianAggregator(), id="aggregator")
    job.program()
    median = MedianAggregator()
    job = led(FedAvg(aggregator=median))
    job.to_server(median)
    job.program()
    job = runnable()
    job.to_clients(Doer())
    job.to_server(MedianAggregator())
    job.program()


def test_an_aggregator_that_no_client_uses_is_warned_of(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write("train.py")
    job = FedJob()
    job.to_server(FedAvg())
    job.to_clients(ScriptRunner("train.py"))
    job.to_clients(MedianAggregator(), id="median")
    job.program()
    (said,) = caplog.messages
    assert said.startswith(
        "`MedianAggregator` is given to all clients as `median`, and no executor"
    )
    assert "`FedAvg(aggregator=MedianAggregator(…))`" in said
    caplog.clear()

    job = FedJob()
    job.to_server(FedAvg())
    job.to(ScriptRunner("train.py"), "site-1")
    job.to(MedianAggregator(), "site-1")
    job.program()
    assert "is given to `site-1` as `component`" in caplog.text
    caplog.clear()

    job = led(FedAvg())
    job.to_clients(MedianAggregator())
    job.program()
    job = FedJob()
    job.to_server(SwarmServerController(num_rounds=1))
    job.to_clients(ScriptRunner("train.py"), tasks=["train"])
    job.to_clients(SwarmClientController(), tasks=["swarm_*"])
    job.to_clients(MedianAggregator(), id="aggregator")
    job.program()
    assert caplog.messages == []


def test_a_filter_for_a_task_that_is_misspelt_is_refused() -> None:
    job = led(FedAvg())
    job.to_clients(Sieve(), filter_type=FilterType.TASK_RESULT, tasks=["trian"])
    with pytest.raises(errors.JobInvalid, match=r"`Sieve` filters the task `trian`.*`train`"):
        job.program()
    job = led(FedAvg(task_name="trian"))
    job.to_clients(Sieve(), filter_type=FilterType.TASK_RESULT, tasks=["trian", "other"])
    job.program()
