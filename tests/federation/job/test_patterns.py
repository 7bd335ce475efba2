"""Models with what keeps them, and jobs with what most need."""

from typing import Any

import pytest

from ame.federation.components.persistors.torch_files import PTFileModelPersistor
from ame.federation.job import BaseFedJob, FedAvgJob, FedJob, PTModel, ScriptRunner, TFModel
from ame.federation.workflows.averaging.fedavg import FedAvg
from parts.userfolder import NET, Folder


@pytest.fixture
def net(folder: Folder) -> Any:
    folder.write("train.py", "import net")
    return folder.module("net", NET).Net


def server_of(job: FedJob) -> dict[str, str]:
    app = job.program().server
    return {part.id: part.path.rpartition(".")[2] for part in (*app.workflows, *app.components)}


def test_a_torch_model_brings_persistor_and_locator(net: Any) -> None:
    job = FedJob()

    assert job.to(PTModel(net(3)), "server") == {
        "persistor_id": "persistor",
        "locator_id": "locator",
    }
    job.to_server(FedAvg())
    job.to_clients(ScriptRunner("train.py"))
    persistor, locator = job.program().server.components
    assert locator.args == {"pt_persistor_id": "persistor"}
    (model,) = persistor.args.values()
    assert model.args == {"hidden": 3}  # type: ignore[union-attr]  # it is a Part
    assert model.weights is not None  # type: ignore[union-attr]  # it is a Part


def test_a_second_model_has_ids_of_its_own(net: Any) -> None:
    job = FedJob()
    job.to_server(PTModel(net()))

    assert job.to_server(PTModel(net())) == {
        "persistor_id": "persistor1",
        "locator_id": "locator1",
    }


def test_a_persistor_of_ones_own_is_used(net: Any) -> None:
    job = FedJob()
    mine = PTFileModelPersistor(model=net(), global_model_file_name="mine.pt")
    job.to_server(PTModel(net(), persistor=mine))

    part = job._given.drafts["server"].app().components[0]
    assert part.args["global_model_file_name"] == "mine.pt"


@pytest.mark.parametrize("model", [None, "net.Net", 3, dict, {"args": {}}])
def test_a_model_that_is_none_is_refused(model: Any) -> None:
    with pytest.raises(ValueError, match=r"Expected a torch\.nn\.Module"):
        FedJob().to_server(PTModel(model))
    with pytest.raises(ValueError, match=r"Expected tf\.keras\.Model"):
        FedJob().to_server(TFModel(model))
    if model is not None:
        with pytest.raises(ValueError, match="Expected initial_model"):
            FedAvgJob(model, 2, 2)


def test_a_class_instead_of_a_model_is_refused_with_the_remedy(net: Any) -> None:
    with pytest.raises(ValueError, match=r"class Net .*made: `PTModel\(Net\(\)\)`"):
        FedJob().to_server(PTModel(net))


def test_a_persistor_that_is_none_is_refused(net: Any) -> None:
    with pytest.raises(ValueError, match="`persistor` must be a ModelPersistor, not int"):
        PTModel(net(), persistor=3)


def test_a_described_model_is_found_by_its_path(net: Any) -> None:
    job = FedJob()
    job.to_server(PTModel({"path": "net.Net", "args": {"hidden": 7}}))

    app = job._given.drafts["server"].app()
    assert [part.path for part in app.parts()][1] == "net.Net"
    assert [str(file.target) for file in app.files] == ["net.py"]


def test_the_job_of_the_documentation_is_as_it_says(net: Any) -> None:
    from ame.federation.components.selector import IntimeModelSelector

    job = FedJob(name="cifar10_fedavg")
    job.to_server(FedAvg(num_clients=2, num_rounds=2))
    job.to_server(PTModel(net()))
    job.to_server(IntimeModelSelector(key_metric="accuracy"))
    job.to_clients(ScriptRunner(script="train.py", script_args="f--batch_size 32"))

    assert server_of(job) == {
        "controller": "FedAvg",
        "persistor": "PTFileModelPersistor",
        "locator": "PTFileModelLocator",
        "component": "IntimeModelSelector",
    }


def test_federated_averaging_comes_with_what_it_needs(net: Any) -> None:
    job = FedAvgJob(name="j", num_rounds=3, n_clients=2, initial_model=net())
    job.to_clients(ScriptRunner("train.py"))

    assert server_of(job) == {
        "controller": "FedAvg",
        "json_generator": "ValidationJsonGenerator",
        "model_selector": "IntimeModelSelector",
        "persistor": "PTFileModelPersistor",
        "locator": "PTFileModelLocator",
    }
    (controller,) = job.program().server.workflows
    assert controller.args == {"num_clients": 2, "num_rounds": 3}


def test_less_may_be_better(net: Any) -> None:
    job = BaseFedJob(net(), key_metric="loss", key_metric_mode="min")

    selector = job._given.drafts["server"].app().components[1]
    assert selector.args == {"key_metric": "loss", "negate_key_metric": True}


def test_contradicting_arguments_of_a_pattern_are_refused(net: Any) -> None:
    from ame.federation.components.selector import IntimeModelSelector

    with pytest.raises(ValueError, match="`key_metric_mode` is 'min' or 'max'"):
        BaseFedJob(net(), key_metric_mode="best")  # type: ignore[arg-type]  # what is refused
    with pytest.raises(ValueError, match="are one; give one"):
        BaseFedJob(
            net(),
            intime_model_selector=IntimeModelSelector(),
            model_selector=IntimeModelSelector(),
        )
    with pytest.raises(ValueError, match="`num_rounds` must be at least 1"):
        FedAvgJob(net(), 2, 0)
