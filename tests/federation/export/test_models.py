"""Models in an export: wherever they stand, their weights travel."""

from pathlib import Path

import pytest
import torch

from ame import errors
from ame.federation import FedJob, PTModel, ScriptRunner, export
from ame.federation.build import Code, lay_out
from ame.federation.program import Part, Version
from ame.federation.workflows.averaging.fedopt_torch import FedOpt
from parts.userfolder import NET, Folder


@pytest.fixture
def job(folder: Folder) -> FedJob:
    folder.write("train.py")
    made = FedJob(name="j", min_clients=2)
    made.to_server(PTModel(folder.module("net", NET).Net(3)))
    return made


def test_the_weights_of_a_model_that_no_persistor_has_travel(
    job: FedJob, folder: Folder, tmp_path: Path, version: Version
) -> None:
    net = folder.module("net5", NET).Net(5)
    other = folder.module("net2", NET).Net(2)
    job.to_server(net, id="model")
    job.to_server(FedOpt(source_model=other, num_clients=2))
    job.to_clients(ScriptRunner("train.py", params_transfer_type="DIFF"))
    job.export_job("jobs", flare_version=version)

    found = export.read(Path("jobs/j"))
    parts = [*found.server.components, found.server.workflows[-1].args["source_model"]]
    models = [each for each in parts if isinstance(each, Part) and each.path.endswith(".Initial")]
    assert len(models) == 2
    custom = tmp_path / "custom"
    lay_out(found.server.files, custom)
    with Code(custom, files=found.server.files) as code:
        for part, model in zip(models, (net, other), strict=True):
            made = code.build(part).state_dict()
            for name, each in model.state_dict().items():
                torch.testing.assert_close(made[name], each)


def test_federated_optimization_of_whole_models_is_refused(job: FedJob, folder: Folder) -> None:
    net = folder.module("net5", NET).Net(5)
    job.to_server(FedOpt(source_model=net, num_clients=2))
    job.to_clients(ScriptRunner("train.py"))

    with pytest.raises(errors.NotExportable, match=r"train.py.* `params_transfer_type='DIFF'`"):
        job.export_job("jobs")
