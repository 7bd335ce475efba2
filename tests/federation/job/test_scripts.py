"""Scripts, folders and files go along with a job."""

from typing import TYPE_CHECKING, Any

import pytest

from ame import errors
from ame.federation.job.fedjob import FedJob
from ame.federation.job.script_runner import FrameworkType, ScriptRunner
from federation.job.runnable import runnable
from parts.userfolder import Folder

if TYPE_CHECKING:
    from ame.federation.program import Part


def test_a_script_runner_takes_the_script_and_its_local_modules_along(folder: Folder) -> None:
    folder.write("src/train.py", "import net, json, numpy\nfrom src.data import load\n")
    folder.write("src/net.py", "import torch")
    folder.write("src/data.py")
    folder.write("unused.py")
    job = runnable()
    job.to_clients(ScriptRunner("src/train.py", script_args="--rate 0.1"), tasks=["train"])

    everyone = job.program().everyone

    assert everyone is not None
    assert sorted(str(file.target) for file in everyone.files) == [
        "net.py", "src/data.py", "src/train.py",
    ]  # fmt: skip
    (routed,) = everyone.executors
    assert routed.tasks == ("train",)
    assert routed.executor.args["script"] == "src/train.py"
    assert routed.executor.args["script_args"] == "--rate 0.1"


def test_a_script_elsewhere_travels_under_its_name(folder: Folder) -> None:
    place = folder.path.parent / "elsewhere"
    place.mkdir()
    (place / "train.py").write_text("import beside")
    (place / "beside.py").touch()
    job = runnable()
    job.to_clients(ScriptRunner(str(place / "train.py")))

    everyone = job.program().everyone

    assert everyone is not None
    assert {str(file.target) for file in everyone.files} == {"train.py", "beside.py"}
    assert everyone.executors[0].executor.args["script"] == "train.py"


def test_a_path_with_spaces_is_a_path(folder: Folder) -> None:
    folder.write("my code/train it.py")
    job = runnable()
    job.to_clients(ScriptRunner("my code/train it.py"))

    everyone = job.program().everyone

    assert everyone is not None
    assert everyone.executors[0].executor.args["script"] == "my code/train it.py"


def test_two_scripts_of_one_name_from_elsewhere_are_refused(folder: Folder) -> None:
    for name in ("a", "b"):
        (folder.path.parent / name).mkdir()
        (folder.path.parent / name / "train.py").write_text(name)
    job = runnable()
    job.to(str(folder.path.parent / "a/train.py"), "site-1")

    with pytest.raises(RuntimeError, match=r"would both be `train\.py`"):
        job.to(str(folder.path.parent / "b/train.py"), "site-1")


def test_a_script_that_is_not_there_is_refused(folder: Folder) -> None:
    with pytest.raises(RuntimeError, match=r"Could not locate external script: nope\.py"):
        FedJob().to("nope.py", "site-1")
    with pytest.raises(ValueError, match=r"nope\.py: `ScriptRunner.script`"):
        FedJob().to(ScriptRunner("nope.py"), "site-1")
    with pytest.raises(RuntimeError, match=r"/no/where\.py"):
        FedJob().to("/no/where.py", "site-1")


def test_a_script_that_is_no_python_is_refused_with_its_line(folder: Folder) -> None:
    folder.write("bad.py", "x = 1\ndef (:\n")

    with pytest.raises(ValueError, match=r"bad\.py:2"):
        FedJob().to(ScriptRunner("bad.py"), "site-1")


def test_a_folder_is_taken_along_flat(folder: Folder) -> None:
    folder.write("content/data/a.csv", "1")
    folder.write("content/b.py", "import nowhere")
    folder.write("content/__pycache__/c.pyc")
    job = FedJob()
    job.to("content", "site-1")
    draft = job._given.drafts["site-1"].app()

    assert {str(file.target) for file in draft.files} == {"data/a.csv", "b.py"}


def test_a_link_that_leads_out_of_a_folder_is_refused(folder: Folder) -> None:
    folder.write("content/a")
    (folder.path / "content/link").symlink_to("/etc/passwd")

    with pytest.raises(errors.JobFolderUnsafe, match="leads out"):
        FedJob().to("content", "site-1")


def test_a_file_may_go_to_a_place_of_its_own(folder: Folder) -> None:
    folder.write("settings.json", "{}")
    job = FedJob()
    job.add_file_to_server("settings.json", "deep", "config")

    (file,) = job._given.drafts["server"].app().files
    assert (file.folder, str(file.target)) == ("config", "deep/settings.json")
    with pytest.raises(errors.JobFolderUnsafe):
        job.add_file_to_clients("settings.json", "../up")
    with pytest.raises(ValueError, match="`app_folder_type` is 'etc'"):
        job.add_file_to_clients("settings.json", None, "etc")


@pytest.mark.parametrize(
    ("given", "kind", "why"),
    [
        ({"script": ""}, ValueError, "`script` is empty"),
        ({"script": None}, TypeError, "`script` must be a path as text"),
        ({"framework": "jax"}, ValueError, "Framework jax unsupported"),
        ({"server_expected_format": "x"}, ValueError, "`server_expected_format` is one of"),
        ({"params_transfer_type": "x"}, ValueError, "`params_transfer_type` is one of"),
        ({"script_args": "'a"}, ValueError, "close the quotes"),
        ({"script_args": 3}, TypeError, "`script_args` must be"),
        ({"execution_mode": "attach"}, ValueError, "`execution_mode` is 'attach'"),
        (
            {"execution_mode": "in_process", "launch_external_process": True},
            ValueError,
            "`execution_mode`",
        ),
    ],
)
def test_a_script_runner_of_unfit_arguments_is_refused(
    given: dict[str, Any], kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        ScriptRunner(**{"script": "train.py", **given})


def test_an_external_script_says_how_it_is_started(folder: Folder) -> None:
    folder.write("train.sh", "not python {{{")
    job = runnable()
    runner = ScriptRunner(
        "train.sh", launch_external_process=True, command="bash", framework=FrameworkType.NUMPY
    )
    job.to(runner, "site-1")

    part: Part = job.program().app("site-1").executors[0].executor
    assert part.args["external"] is True
    assert part.args["command"] == "bash"
    assert part.args["framework"] == "numpy"
