from decimal import Decimal
from pathlib import Path

import pytest

from ame import errors, project
from project.writing import write

BIG = """
    resources: {memory: 10G, cpu: 4}
    secrets:
      - !ame {key: blob, injectAs: BLOB}
    environment:
      - {key: A, val: 1}
      - {key: B, val: 2}
"""


def resolved(folder: Path, name: str, others: project.Projects | None = None) -> project.Task:
    return project.resolve(project.read(folder), name, others or project.KnownProjects())


def refusal(folder: Path, name: str, others: project.Projects | None = None) -> str:
    with pytest.raises(errors.ProjectInvalid) as caught:
        resolved(folder, name, others)
    return str(caught.value).removeprefix(f"{folder}/")


def test_what_a_task_says_overrides_its_template(tmp_path: Path) -> None:
    task = resolved(
        write(
            tmp_path,
            f"""
tasks:
  - name: train
    fromTemplate: {{name: big}}
    executor: !pip {{pythonVersion: 3.11, command: ./train}}
    resources: {{cpu: 500m, storage: 1G}}
    environment:
      - {{key: B, val: 3}}
      - {{key: C, val: 4}}
templates:
  - name: big
{BIG}
""",
        ),
        "train",
    )

    assert task.name == "train"
    assert task.executor == project.Pip(python_version="3.11", command="./train")
    assert task.resources == project.Resources(memory=10**10, cpu=Decimal("0.5"), storage=10**9)
    assert task.secrets == (project.AmeSecret(key="blob", variable="BLOB"),)
    assert [(v.key, v.value) for v in task.environment] == [("A", "1"), ("B", "3"), ("C", "4")]


def test_an_explicit_null_clears_what_a_template_says(tmp_path: Path) -> None:
    task = resolved(
        write(
            tmp_path,
            f"""
tasks:
  - name: train
    fromTemplate: big
    executor: !custom {{command: x}}
    resources: {{memory: null}}
    secrets: null
    environment:
      - {{key: A, val: }}
templates:
  - name: big
{BIG}
""",
        ),
        "train",
    )

    assert task.resources == project.Resources(cpu=Decimal(4))
    assert task.secrets == ()
    assert [v.key for v in task.environment] == ["B"]


def test_lists_of_a_task_replace_those_of_its_template(tmp_path: Path) -> None:
    task = resolved(
        write(
            tmp_path,
            """
            tasks:
              - name: a
                fromTemplate: t
                artifacts: {paths: [mine]}
                inputs: [x]
            templates:
              - name: t
                executor: !custom {command: x}
                artifacts: {paths: [theirs], saveChangedFiles: true}
                inputs: [y, z]
            """,
        ),
        "a",
    )

    assert task.artifacts == project.Artifacts(paths=("mine",), save_changed_files=True)
    assert task.inputs == ("x",)


def test_task_and_template_make_one_executor_of_a_kind(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        """
        tasks:
          - {name: same, fromTemplate: t, executor: !poetry {command: ./same}}
          - {name: other, fromTemplate: t, executor: !custom {command: ./other}}
          - {name: lacking, fromTemplate: t}
        templates:
          - {name: t, executor: !poetry {pythonVersion: 3.10, image: im}}
        """,
    )

    assert resolved(folder, "same").executor == project.Poetry(
        python_version="3.10", command="./same", image="im"
    )
    assert resolved(folder, "other").executor == project.Custom(command="./other")
    assert refusal(folder, "lacking").startswith(
        "ame.yml:4:5: tasks[2].executor: the executor `!poetry` of the task `lacking` lacks "
        "`command`"
    )


def test_a_template_of_another_project_is_found_and_its_references_stay_its_own(
    tmp_path: Path,
) -> None:
    main = write(
        tmp_path / "main",
        """
        project: main
        tasks:
          - {name: a, fromTemplate: shared.t}
          - {name: b, fromTemplate: {name: t, project: shared}, dataSets: [mine]}
        """,
    )
    shared = write(
        tmp_path / "shared",
        """
        project: shared
        templates:
          - {name: base, executor: !custom {command: x}}
          - {name: t, fromTemplate: base, dataSets: [digits]}
        """,
    )
    others = project.KnownProjects({"shared": shared})

    task = resolved(main, "a", others)
    assert (task.project, task.folder) == ("main", main)
    assert task.datasets == (project.DatasetRef(name="digits", project="shared"),)
    assert resolved(main, "b", others).datasets == (
        project.DatasetRef(name="mine", project="main"),
    )


def test_a_reference_is_the_task_that_it_names_and_what_stands_beside_it_overrides(
    tmp_path: Path,
) -> None:
    task = resolved(
        write(
            tmp_path,
            """
            tasks:
              - {name: other, taskRef: train, timeout: 5m}
              - name: train
                executor: !custom {command: x}
                timeout: 1m
                retries: 2
            """,
        ),
        "other",
    )

    assert (task.name, task.timeout, task.retries) == ("other", 300, 2)
    assert task.reference is None


def test_a_step_of_another_project_runs_on_that_projects_files(tmp_path: Path) -> None:
    main = write(
        tmp_path / "main",
        """
        name: main
        tasks:
          - name: all
            pipeline:
              - taskRef: {name: prepare, project: data}
              - {name: train, executor: !custom {command: train}}
        """,
    )
    data = write(
        tmp_path / "data",
        """
        name: data
        tasks:
          - {name: prepare, taskRef: really}
          - {name: really, executor: !custom {command: p}, dataSets: [raw]}
        """,
    )

    (prepare,), (train,) = resolved(main, "all", project.KnownProjects({"data": data})).pipeline

    assert (prepare.name, prepare.project, prepare.folder) == ("prepare", "data", data)
    assert prepare.datasets == (project.DatasetRef(name="raw", project="data"),)
    assert (train.name, train.project, train.folder) == ("train", "main", main)


def test_a_pipeline_is_resolved_into_complete_steps_in_groups(tmp_path: Path) -> None:
    task = resolved(
        write(
            tmp_path,
            """
            tasks:
              - name: all
                environment: [{key: MODE, val: all}, {key: X, val: 1}]
                resources: {memory: 1G}
                pipeline:
                  - - taskref: one
                    - taskRef: two
                  - name: inner
                    pipeline:
                      - taskRef: one
                      - {name: last, executor: !custom {command: last}, resources: {cpu: 1}}
              - name: one
                executor: !custom {command: one}
                environment: [{key: MODE, val: one}]
              - name: two
                executor: !custom {command: two}
                resources: {memory: 2G}
            """,
        ),
        "all",
    )

    (one, two), (inner,) = task.pipeline
    assert [step.name for step in (one, two, inner)] == ["one", "two", "inner"]
    assert one.environment == (
        project.Variable(key="MODE", value="one"),
        project.Variable(key="X", value="1"),
    )
    assert (one.resources.memory, two.resources.memory) == (10**9, 2 * 10**9)
    (_,), (last,) = inner.pipeline
    assert last.resources == project.Resources(memory=10**9, cpu=Decimal(1))
    assert task.executor is None


def test_members_that_go_by_their_reference_get_a_number_where_needed(tmp_path: Path) -> None:
    task = resolved(
        write(
            tmp_path,
            """
            tasks:
              - name: all
                pipeline:
                  - taskRef: one
                  - taskRef: one
                  - {name: one-2, taskRef: one}
              - {name: one, executor: !custom {command: one}}
            """,
        ),
        "all",
    )

    assert [group[0].name for group in task.pipeline] == ["one", "one-3", "one-2"]


def test_the_older_form_is_read(tmp_path: Path) -> None:
    read = project.read(
        write(
            tmp_path,
            """
            projectname: older
            tasks:
              main:
                projectid: older
                source: {}
                pipeline:
                  - taskname: data
                    runcommand: python data.py
                    env:
                      - {name: MODE, value: prepare}
                    secrets:
                      - {name: s3, envkey: S3}
                  - taskname: train
                    runcommand: python train.py
                    image: im
                    resources: {gpus: 1, vram: 24Gi}
              model: {taskType: Mlflow, pipeline: []}
              stages:
                pipeline:
                  get: {runcommand: a, env: {envkey: X, value: y}, secrets: {name: s, envkey: S}}
                  put: {runcommand: b}
            """,
        )
    )
    task = project.resolve(read, "main")
    (data,), (train,) = task.pipeline

    assert (read.name, [t.name for t in read.tasks]) == ("older", ["main", "model", "stages"])
    assert data.executor == project.Pipenv(command="python data.py")
    assert data.environment == (project.Variable(key="MODE", value="prepare"),)
    assert data.secrets == (project.AmeSecret(key="s3", variable="S3"),)
    assert train.executor == project.Pipenv(command="python train.py", image="im")
    assert train.resources.gpus == (("nvidia.com/gpu", 1),)
    assert train.resources.gpu_memory == 24 * 2**30
    assert project.resolve(read, "model").executor == project.Mlflow()
    assert [g[0].name for g in project.resolve(read, "stages").pipeline] == ["get", "put"]


def test_a_cycle_of_references_is_named_with_its_path(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        """
        tasks:
          - {name: start, taskRef: a}
          - {name: a, pipeline: [{taskRef: b}]}
          - {name: b, taskRef: a}
          - {name: self, pipeline: [{taskRef: self}]}
          - {name: made, fromTemplate: t}
        templates:
          - {name: t, fromTemplate: u}
          - {name: u, fromTemplate: t}
        """,
    )

    way = "ame.yml:3:36: tasks[1].pipeline[0].taskRef: refers to itself: a -> b -> a;"
    assert way in refusal(folder, "start")
    assert way in refusal(folder, "b")
    assert "refers to itself: self -> self" in refusal(folder, "self")
    assert "refers to itself: template t -> template u -> template t" in refusal(folder, "made")


def test_a_cycle_is_reported_once_wherever_it_is_entered(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        """
        tasks:
          - {name: a, taskRef: b}
          - {name: b, pipeline: [{taskRef: c}]}
          - {name: c, taskRef: a}
          - {name: into, pipeline: [{taskRef: c}]}
        """,
    )

    (fault,) = project.check(project.read(folder))
    assert (fault.path, fault.line) == ("tasks[0].taskRef", 2)
    assert "refers to itself: a -> b -> c -> a;" in fault.message


def test_all_that_is_not_there_is_reported_at_once(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        """
        tasks:
          - {name: a, executor: !custom {command: a}, dataSets: [one, two]}
          - {name: b, pipeline: [{taskRef: three}, [{taskRef: four}, {taskRef: a}]]}
        dataSets: [{name: there, path: x, taskRef: a}]
        """,
    )

    faults = project.check(project.read(folder))
    assert [fault.message.split("`")[1] for fault in faults] == ["one", "two", "three", "four"]


def test_references_to_nothing_are_reported_with_the_other_faults_of_the_file(
    tmp_path: Path,
) -> None:
    folder = write(
        tmp_path,
        """
        tasks:
          - {name: a, executor: !custom {comand: a}, dataSets: [one]}
          - {name: b, pipeline: [{taskRef: three}, [{taskRef: far.away}, {taskRef: a}]]}
          - {name: c, fromTemplate: four}
        dataSets: [{name: there, path: x, taskRef: five}]
        models: [{name: m, training: {task: {taskRef: six}}}]
        """,
    )

    with pytest.raises(errors.ProjectInvalid) as caught:
        project.read(folder)
    said = str(caught.value)
    assert "did you mean `command`?" in said
    for path, name in {
        "tasks[0].dataSets": "data set `one`",
        "tasks[1].pipeline[0].taskRef": "task `three`",
        "tasks[2].fromTemplate": "template `four`",
        "dataSets[0]": "task `five`",
        "models[0].training.task.taskRef": "task `six`",
    }.items():
        assert f"{path}: {folder}/ame.yml has no {name}" in said
    assert "away" not in said


def test_what_may_be_called_by_a_name_that_cannot_be_read_is_not_missed(tmp_path: Path) -> None:
    folder = write(tmp_path, "tasks: [{name: [a], executor: !custom {command: a}}, {taskRef: a}]")

    with pytest.raises(errors.ProjectInvalid) as caught:
        project.read(folder)
    assert "has no task" not in str(caught.value)


def test_a_cycle_through_another_project_is_found(tmp_path: Path) -> None:
    one = write(tmp_path / "one", "name: one\ntasks: [{name: a, taskRef: two.b}]")
    two = write(tmp_path / "two", "name: two\ntasks: [{name: b, taskRef: one.a}]")
    others = project.KnownProjects({"one": one, "two": two})

    assert "refers to itself: a -> two.b -> a" in refusal(one, "a", others)


def test_what_is_not_there_is_named_with_what_is(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        """
        tasks:
          - {name: a, taskRef: nope}
          - {name: b, fromTemplate: nope}
          - {name: c, taskRef: far.away}
        templates: [{name: t}]
        """,
    )

    assert refusal(folder, "a").startswith("ame.yml:2:24: tasks[0].taskRef: ")
    assert refusal(folder, "a").endswith("has no task `nope`; it has: `a`, `b`, `c`")
    assert refusal(folder, "b").endswith("has no template `nope`; it has: `t`")
    assert "`ame project add DIR`; did you mean `fare`?" in refusal(
        folder, "c", project.KnownProjects({"fare": tmp_path})
    )
    assert "`ame project add DIR`; known are: `near`" in refusal(
        folder, "c", project.KnownProjects({"near": tmp_path})
    )
    with pytest.raises(errors.NotFound, match="its tasks: `a`, `b`, `c`"):
        resolved(folder, "missing")


def test_a_template_that_gives_no_executor_is_not_enough(tmp_path: Path) -> None:
    folder = write(tmp_path, "tasks: [{name: a, fromTemplate: t}]\ntemplates: [{name: t}]")

    assert "the task `a` has no executor" in refusal(folder, "a")


def test_a_data_set_is_resolved_with_the_task_that_produces_it(tmp_path: Path) -> None:
    main = write(tmp_path / "main", "name: main")
    data = write(
        tmp_path / "data",
        """
        name: data
        tasks: [{name: fetch, executor: !custom {command: fetch}}]
        dataSets:
          - {name: digits, path: ./data, size: 1Gi, task: {taskRef: fetch}}
          - {name: older, path: o, taskRef: fetch}
          - {name: inline, path: i, task: {executor: !custom {command: make}}}
        """,
    )
    others = project.KnownProjects({"data": data})

    def found(name: str) -> project.Dataset:
        ref = project.DatasetRef(name=name, project="data")
        return project.dataset(project.read(main), ref, others)

    digits = found("digits")
    assert (digits.path, digits.size, digits.project, digits.folder) == (
        "./data",
        2**30,
        "data",
        data,
    )
    assert (digits.task.name, digits.task.executor) == ("fetch", project.Custom(command="fetch"))
    assert found("older").task.executor == project.Custom(command="fetch")
    assert (found("inline").task.name, found("inline").task.project) == ("inline", "data")
    with pytest.raises(errors.Error, match=r"no data set `nope`; it has: `digits`"):
        found("nope")


def test_a_data_set_that_needs_itself_is_refused(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        """
        tasks:
          - {name: fetch, executor: !custom {command: fetch}, dataSets: [digits]}
        dataSets:
          - {name: digits, path: data, taskRef: fetch}
        """,
    )

    (fault,) = project.check(project.read(folder))
    assert "needs itself: data set digits -> data set digits" in fault.message


def test_a_model_is_resolved_with_its_tasks(tmp_path: Path) -> None:
    model = project.model(
        project.read(
            write(
                tmp_path,
                """
                tasks: [{name: train, executor: !custom {command: train}}]
                models:
                  - name: demand
                    training: {task: {taskRef: train}}
                    validationTask: {executor: !custom {command: check}}
                    deployment: {auto_train: true, deploy: false, enable_tls: false, replicas: 3}
                """,
            )
        ),
        "demand",
    )

    assert model.training
    assert model.training.executor == project.Custom(command="train")
    assert model.validation
    assert model.validation.name == "demand"
    assert model.deployment == project.Deployment(
        train=True, deploy=False, enable_tls=False, replicas=3
    )


def test_check_finds_all_that_cannot_be_resolved(tmp_path: Path) -> None:
    faults = project.check(
        project.read(
            write(
                tmp_path,
                """
                tasks:
                  - {name: a, taskRef: nope}
                  - {name: b, executor: !custom {command: b}, dataSets: [nope]}
                templates: [{name: t, fromTemplate: nope}]
                models: [{name: m, training: {task: {taskRef: nope}}}]
                """,
            )
        )
    )

    assert [fault.path for fault in faults] == [
        "tasks[0].taskRef",
        "tasks[1].dataSets",
        "templates[0].fromTemplate",
        "models[0].training.task.taskRef",
    ]


def test_the_nearest_name_is_suggested_for_one_that_is_not_there(tmp_path: Path) -> None:
    tasks = "tasks: [{name: a, taskRef: trian}, {name: train, executor: !custom {command: x}}]"

    assert refusal(write(tmp_path, tasks), "a").endswith("`trian`; did you mean `train`?")


def test_a_project_whose_file_is_gone_is_named_at_the_place_that_needs_it(tmp_path: Path) -> None:
    folder = write(tmp_path, "tasks: [{name: a, taskRef: far.b}]")

    said = refusal(folder, "a", project.KnownProjects({"far": tmp_path / "far"}))

    assert said.startswith("ame.yml:1:28: tasks[0].taskRef: the project `far` cannot be read: ")


def test_a_chain_of_data_sets_that_is_too_long_is_refused(tmp_path: Path) -> None:
    task = "executor: !custom {command: x}, dataSets: "
    sets = [f"- {{name: d{i}, path: p, task: {{{task}[d{i + 1}]}}}}" for i in range(2000)]
    folder = write(tmp_path, "dataSets:\n" + "\n".join(sets))

    with pytest.raises(errors.ProjectInvalid, match="100 in a row"):
        project.dataset(project.read(folder), project.DatasetRef(name="d0"))
