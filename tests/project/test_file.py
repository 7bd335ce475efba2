from decimal import Decimal
from pathlib import Path

import pytest

from ame import errors, project
from project.writing import write

MISSING = (
    "the key `executor` is missing: it says how the task is executed, "
    "unless `taskRef`, `pipeline` or `fromTemplate` does"
)


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(errors.ProjectInvalid) as caught:
        project.read(folder)
    return [str(fault).removeprefix(f"{folder}/") for fault in caught.value.faults]


def test_a_task_of_every_executor_is_read(tmp_path: Path) -> None:
    read = project.read(
        write(
            tmp_path,
            """
            name: all
            tasks:
              - name: a
                executor:
                  !poetry
                  pythonVersion: 3.10
                  command: python a.py
              - name: b
                executor: !pip
                  pythonVersion: 3.11
                  command: python b.py | tee log
                  image: python:3.11
              - {name: c, executor: !pipenv {command: python c.py}}
              - {name: d, executor: !pipEnv {command: python d.py, pythonVersion: 3.12}}
              - name: e
                executor: !mlflow
              - {name: f, executor: !custom {command: ./f.sh}}
              - name: g
                executor: {poetry: {pythonVersion: "3.11", command: python g.py}}
            """,
        )
    )

    assert [task.executor for task in read.tasks] == [
        project.Poetry(python_version="3.10", command="python a.py"),
        project.Pip(python_version="3.11", command="python b.py | tee log", image="python:3.11"),
        project.Pipenv(command="python c.py"),
        project.Pipenv(command="python d.py", python_version="3.12"),
        project.Mlflow(),
        project.Custom(command="./f.sh"),
        project.Poetry(python_version="3.11", command="python g.py"),
    ]
    assert (read.name, read.folder) == ("all", tmp_path)


def test_everything_that_a_task_can_say_is_kept(tmp_path: Path) -> None:
    task = project.read(
        write(
            tmp_path,
            """
            tasks:
              - name: train
                executor: !custom {command: ./train}
                resources: {memory: 10G, cpu: 500m, storage: 30Gi, nvidia.com/gpu: 2}
                secrets:
                  - !ame
                    key: blob
                    injectAs: BLOB
                  - !vault
                    vault: company
                    key: path/to#token
                    injectAs: TOKEN
                  - ame: {key: other, injectAs: OTHER}
                environment:
                  - key: MODE
                    val: 007
                artifacts: {paths: [out], saveChangedFiles: true}
                dataSets: [digits, shared.mnist, {ref: {name: cifar, project: shared}}]
                triggers: {schedule: "30 6 * * 1"}
                timeout: 1h30m
                retries: 2
                cache: true
                inputs: [data/**, "*.py"]
            """,
        )
    ).tasks[0]

    assert task.resources == project.Resources(
        memory=10**10, cpu=Decimal("0.5"), storage=30 * 2**30, gpus=(("nvidia.com/gpu", 2),)
    )
    assert task.secrets == (
        project.AmeSecret(key="blob", variable="BLOB"),
        project.VaultSecret(vault="company", key="path/to", field="token", variable="TOKEN"),
        project.AmeSecret(key="other", variable="OTHER"),
    )
    assert task.environment == (project.Variable(key="MODE", value="007"),)
    assert task.artifacts == project.Artifacts(paths=("out",), save_changed_files=True)
    assert [str(ref) for ref in task.datasets] == ["digits", "shared.mnist", "shared.cifar"]
    assert task.triggers == project.Triggers(schedule="30 6 * * 1")
    assert (task.timeout, task.retries, task.cache) == (5400.0, 2, True)
    assert task.inputs == ("data/**", "*.py")


def test_a_folder_without_a_project_file_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(errors.NoProject, match=r"ame init NAME"):
        project.read(tmp_path)


def test_a_folder_with_both_spellings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ame.yml").write_text("name: a")
    (tmp_path / "ame.yaml").write_text("name: b")

    with pytest.raises(errors.TwoProjectFiles, match="keep one"):
        project.read(tmp_path)


def test_all_faults_are_reported_at_once_each_with_its_place(tmp_path: Path) -> None:
    said = faults_of(
        write(
            tmp_path,
            """
            name: broken
            tasks:
              - name: a
                executor:
                  !poetry
                  pythonVersion: 3.11
                  comand: python a.py
                resources:
                  memory: 10GB
                  cpu: -1
              - name: b
                executer: !pip {}
            """,
        )
    )

    unit = "`GB` is no unit of a quantity (Ki Mi Gi Ti Pi Ei n u m k M G T P E)"
    assert [line.removeprefix("ame.yml:").partition("; ")[0] for line in said] == [
        "5:7: tasks[0].executor: the key `command` is missing: What is executed.",
        "7:7: tasks[0].executor.comand: is no key here",
        f"9:15: tasks[0].resources.memory: {unit}",
        "10:12: tasks[0].resources.cpu: `-1` is negative",
        f"11:5: tasks[1]: {MISSING}",
        "12:5: tasks[1].executer: is no key here",
    ]
    assert said[1].endswith("did you mean `command`?")


def test_a_task_of_a_data_set_that_is_only_a_name_is_one_fault(tmp_path: Path) -> None:
    said = faults_of(
        write(
            tmp_path,
            """
            name: p
            dataSets:
              - name: digits
                path: data
                task: fetch
            """,
        )
    )
    (fault,) = said
    assert fault == (
        "ame.yml:5:11: dataSets[0].task: expected a task as a map of its keys, "
        "such as `{taskRef: NAME}`, found `fetch`"
    )


def test_every_variable_that_a_run_provides_is_refused_in_a_file(tmp_path: Path) -> None:
    for name in project.PROVIDED:
        (said,) = faults_of(
            write(
                tmp_path,
                f"""
                tasks:
                  - name: a
                    executor: !mlflow
                    environment: [{{key: {name}, val: x}}]
                """,
            )
        )
        assert f"`{name}` is provided by ame" in said


def test_a_project_is_found_from_a_folder_inside(tmp_path: Path) -> None:
    (tmp_path / "ame.yaml").write_text("tasks: []\n")
    inside = tmp_path / "src" / "deep"
    inside.mkdir(parents=True)

    assert project.around(inside) == tmp_path
    assert project.around(tmp_path) == tmp_path

    (tmp_path / "src" / "ame.yml").write_text("tasks: []\n")
    assert project.around(inside) == tmp_path / "src"


def test_where_there_is_no_project_the_folder_itself_is_named(tmp_path: Path) -> None:
    assert project.around(tmp_path) == tmp_path
