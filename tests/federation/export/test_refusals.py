"""What cannot be exported, and what is said of it."""

from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.federation import FedJob, FilterType, ScriptRunner
from ame.federation.components.persistors.safetensors_files import SafetensorsModelPersistor
from ame.federation.components.robust import MedianAggregator
from ame.federation.filters.noise import NormClipping
from ame.federation.filters.variables import ConvertWeights
from ame.federation.program import Version
from ame.federation.workflows.averaging.fedavg import FedAvg
from ame.federation.workflows.averaging.fedavg_torch import PTFedAvgEarlyStopping
from parts.jobfolders import config, exported
from parts.userfolder import Folder


def refused(job: FedJob, why: str, version: Version = "2.7") -> None:
    with pytest.raises(errors.NotExportable, match=why):
        exported(job, version)


@pytest.mark.parametrize("version", ["2.7", "2.9"])
def test_early_stopping_that_would_begin_without_weights_is_refused(
    folder: Folder, version: Version
) -> None:
    folder.write("train.py")
    job = FedJob(name="early")
    job.to_server(PTFedAvgEarlyStopping(num_clients=1, num_rounds=1))
    job.to_clients(ScriptRunner("train.py"))

    with pytest.raises(errors.NotExportable, match=r"take `FedAvg\(stop_cond=…\)` with `PTModel`"):
        job.export_job("jobs", flare_version=version)


def test_what_nvflare_has_no_counterpart_of_is_refused_by_name(job: FedJob, own: Any) -> None:
    job.to_clients(ScriptRunner("train.py"))
    for part in (MedianAggregator(), SafetensorsModelPersistor()):
        robust = isinstance(part, MedianAggregator)
        other = FedJob()
        other.to_server(FedAvg(aggregator=part if robust else None))
        if not robust:
            other.to_server(part)
        other.to_clients(ScriptRunner("train.py"))
        why = f"{type(part).__name__}` cannot be exported for NVFLARE 2.9.*no counterpart"
        refused(other, why, version="2.9")
    job.to_clients(NormClipping(1.0), filter_type=FilterType.TASK_RESULT, tasks=["train"])
    refused(job, "NormClipping")


def test_what_comes_to_nothing_in_nvflare_is_refused_by_name(job: FedJob) -> None:
    convert = ConvertWeights("weights_to_diff")
    job.to_clients(ScriptRunner("train.py"))
    job.to_clients(convert, filter_type=FilterType.TASK_RESULT, tasks=["train"])

    for version in ("2.7", "2.9"):
        refused(job, "ConvertWeights.*converts nothing; give .*params_transfer_type", version)


@pytest.mark.parametrize(
    ("give", "why"),
    [
        (lambda own: own.Many(1, 2), "arguments without names"),
        (lambda own: own.Holds([own.Outer()]), "`value\\[0\\]` holds an object"),
        (lambda own: own.Holds(np.ones(2)), "`value` holds an array"),
        (lambda own: own.Holds('{"a": 1}'), "`value` is '.*', and there braces stand for a var"),
        (lambda own: own.Holds([{"x": "{y}"}]), r"`value\[0\]\['x'\]` is '{y}', and there braces"),
    ],
)
def test_what_a_configuration_cannot_say_is_refused(
    job: FedJob, own: Any, give: Any, why: str
) -> None:
    job.to_clients(ScriptRunner("train.py"))
    job.to_server(give(own))
    refused(job, f"own\\..*{why}")


def test_arguments_that_2_7_does_not_take_are_refused(folder: Folder) -> None:
    folder.write("train.py")
    job = FedJob()
    job.to_server(FedAvg(stop_cond="accuracy >= 80", aggregation_weights=None))
    job.to_clients(ScriptRunner("train.py"))

    refused(job, "FedAvg.*takes no `stop_cond`; leave that out, or export for 2.9")
    (controller,) = config(exported(job, "2.9"), "app", "server")["workflows"]
    assert controller["args"]["stop_cond"] == "accuracy >= 80"


@pytest.mark.parametrize(
    ("given", "version", "why"),
    [
        ({"script_args": "--name 'a b'"}, "2.7", "'a b' has spaces"),
        ({"script_args": ["a", ""]}, "2.9", "'' has spaces"),
        ({"memory_gc_rounds": 2}, "2.7", "takes no `memory_gc_rounds`"),
        ({"script_args": ['{"a":1}']}, "2.7", "its arguments have '.*', and there braces stand"),
        ({"script_args": ["--a", "{SITE_NAME}", "{}"]}, "2.9", "there braces stand for a variable"),
        (
            {"script_args": ["-j", '{"a":1}'], "launch_external_process": True},
            "2.9",
            "there braces stand for a variable",
        ),
    ],
)
def test_a_script_that_a_version_cannot_run_is_refused(
    job: FedJob, given: dict[str, Any], version: Version, why: str
) -> None:
    job.to_clients(ScriptRunner("train.py", **given))

    refused(job, f"train.py.*{why}", version)


def test_variables_in_arguments_of_a_script_are_left_to_nvflare(job: FedJob) -> None:
    job.to_clients(ScriptRunner("train.py", script_args="--site {SITE_NAME} --of {mine}"))
    job.to_clients({"mine": 3})

    for version in ("2.7", "2.9"):
        written = config(exported(job, version), "app", "client")
        args = written["executors"][0]["executor"]["args"]
        assert args["task_script_args"] == "--site {SITE_NAME} --of {mine}"


def test_two_scripts_of_one_client_are_refused_for_2_9(job: FedJob) -> None:
    job.to_clients(ScriptRunner("train.py"), tasks=["train"])
    job.to_clients(ScriptRunner("train.py"), tasks=["validate"])

    exported(job)
    refused(job, "one script only", "2.9")


def test_another_version_is_refused(job: FedJob) -> None:
    job.to_clients(ScriptRunner("train.py"))

    with pytest.raises(ValueError, match="`flare_version` is '3'; give"):
        exported(job, "3")  # type: ignore[arg-type]  # what is refused
