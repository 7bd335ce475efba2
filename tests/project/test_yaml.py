"""What is no YAML, or not such as a person would write, is refused with place and remedy."""

from pathlib import Path
from textwrap import dedent

import pytest

from ame import errors, project


def refusal(folder: Path, content: str | bytes) -> str:
    file = folder / "ame.yml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(errors.ProjectInvalid) as caught:
        project.read(folder)
    return "\n".join(str(fault).removeprefix(f"{file}:") for fault in caught.value.faults)


def test_a_schedule_that_is_not_quoted_says_that_it_must_be(tmp_path: Path) -> None:
    text = "tasks:\n  - name: a\n    taskRef: b\n    triggers:\n      schedule: *****\n"

    said = refusal(tmp_path, text)

    assert said.startswith("5:18: is not valid YAML: while scanning an alias")
    assert said.endswith("quoted: `'* * * * *'`")


def test_a_key_that_is_indented_too_far_says_where_it_belongs(tmp_path: Path) -> None:
    text = dedent(
        """\
        tasks:
          - name: all
            pipeline:
              - taskref: a
          - name: prepare
              executor:
                !poetry
                pythonVersion: 3.11
                command: python prepare.py
          - name: train
            executor: !custom {command: x}
        """
    )

    said = refusal(tmp_path, text)

    assert said.startswith("6:15: is not valid YAML: mapping values are not allowed")
    assert said.endswith(
        "`executor` is indented more than `name` above it: begin both in column 5, not 7"
    )


def test_a_piece_of_a_task_says_which_key_is_missing(tmp_path: Path) -> None:
    said = refusal(tmp_path, "    executor:\n      !pipenv\n      command: python a.py\n")

    assert said.startswith("1:5: executor: belongs to a task; the key `tasks` is missing")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "1:1: is empty; `ame init NAME`"),
        ("# nothing\n", "1:1: is empty"),
        ("- a\n- b\n", "1:1: is no map"),
        ("tasks", "1:1: is no map"),
        ("name: a\n--- \nname: b\n", "2:1: is not valid YAML: expected a single document"),
        ("name: a\n---\nname: b\n", "a file of its own"),
        ("name:\n\t- a\n", "2:1: is not valid YAML"),
        ("name:\n\t- a\n", "spaces, not with tabs"),
        ("name: 'a\n", "close the quote"),
        ("name: @a\n", "quote a value that begins with"),
        ("tasks: [{name: a, executor: !mlflow}]", "put a space after a tag"),
        ("name: a: b\n", "quote a value that holds `: `"),
        ("name: a\n  b: c\n", "`b` is indented more than `name`"),
        ("tasks: [a\nname: b", "check indentation, quotes and brackets"),
        ("name: a\x07\n", "1:8: holds the control character 0x07; remove it"),
        ("name: ä\x07\n", "1:8: holds the control character 0x07; remove it"),
        (b"name: a\nx: \xe4\n", "2:4: the byte 0xe4 is no UTF-8"),
        ("name: a".encode("utf-16"), "1:1: the byte 0xff is no UTF-8"),
        ("name: a\nname: b\n", "2:1: name: is written twice; line 1 has it already"),
        ("name: a\nproject: b\n", "2:1: project: is written twice: as `name` above"),
        ("? [a]\n: b\n", "expected a key of plain text, found a list"),
        ("!x\nname: a\n", "the tag `!x` has no meaning here"),
        ("name: !x a\n", "1:7: name: the tag `!x` has no meaning here"),
        ("tasks: !x []\n", "1:8: tasks: the tag `!x` has no meaning here"),
        ("<<: {name: a}\n", "1:1: <<: is no key here: maps are not merged; `fromTemplate`"),
        ('name: ""\n', "found an empty text"),
        ("name: a b\n", "expected a name of letters, digits, `_` and `-`, found `a b`"),
        ("tasks: no\n", "tasks: expected a list of tasks, found `no`"),
        ("enableTriggers: yes\n", "expected `true` or `false`, found `yes`"),
        ("taks: []\n", "is no key here; did you mean `tasks`?"),
        ("tasks: [{name: a, executor: !petry {}}]", "is no tag here; did you mean `!poetry`?"),
        ("tasks: [{name: a, executor: {command: x}}]", "expected an executor with its tag"),
        ("tasks: [{name: a, executor: python}]", "expected an executor with its tag"),
        ("tasks: [{name: a, executor: !pip x}]", "expected the executor's keys as a map"),
        ("tasks: [{name: a, executor: !pip {pythonVersion: latest, command: x}}]", "`3.11`"),
        ("tasks: [{executor: !mlflow {}}]", "tasks[0]: the key `name` is missing"),
        ("tasks: [{name: a, executor: !mlflow {}, taskRef: b}]", "has `executor` and `taskRef`"),
        ("tasks: [{name: a, pipeline: [{executor: !mlflow {}}]}]", "`name` is missing: a step"),
        ("tasks: [{name: a, pipeline: [[]]}]", "has no task"),
        ("tasks: [{name: a, taskRef: b}, {name: a, taskRef: b}]", "tasks[1]: the name `a` is"),
        ("tasks: [{name: a, taskRef: a.b.c}]", "is no reference; write `NAME`, `PROJECT.NAME`"),
        ("dataSets: [{name: a, path: p}]", "the key `task` is missing"),
        ("dataSets: [{name: a, path: p, task: {taskRef: b}, taskRef: c}]", "remove one"),
    ],
)
def test_a_fault_has_its_place_and_its_remedy(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    assert said in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("artifacts: {paths: [../x]}", "artifacts.paths[0]: expected a path inside the project"),
        ("artifacts: {paths: [a/../../x]}", "inside the project"),
        ("artifacts: {paths: [/etc/passwd]}", "inside the project"),
        ("inputs: [~/x]", "inside the project"),
        ("environment: [{key: AME_RUN, val: x}]", "is provided by ame, as are AME_RUN"),
        ("environment: [{key: MLFLOW_TRACKING_URI, val: x}]", "choose another name"),
        ("environment: [{key: CUDA_VISIBLE_DEVICES, val: 0}]", "choose another name"),
        ("environment: [{key: A, val: 1}, {key: A, val: 2}]", "sets the variable `A` twice"),
        ("environment: [{key: 1A, val: 1}]", "expected the name of a variable"),
        ("environment: {A: 1}", "written `- {key: A, val: …}`"),
        ('environment: [{key: A, val: "a\\0b"}]', "without a NUL"),
        ("secrets: [!ame {key: k, injectAs: AME_TOKEN}]", "is provided by ame"),
        ("secrets: [!ame {key: k}]", "the key `injectAs` is missing"),
        ("secrets: [!valt {key: k}]", "did you mean `!vault`?"),
        ("secrets: [token]", "expected a secret"),
        ("secrets: [{!ame {key: k, injectAs: K}}]", "expected a secret"),
        ("resources: {memory: -1}", "negative"),
        ("resources: {memory: .nan}", "no quantity"),
        ("resources: {nvidia.com/gpu: 0.5}", "whole number of GPUs"),
        ("resources: {disk: 1G}", "is no key here; known are `memory`, `cpu`, `storage`"),
        ("timeout: 5 minutes", "no span of time"),
        ("timeout: 0", "no span of time"),
        ("retries: -1", "expected a whole number from 0 to 999"),
        ("retries: 1.5", "expected a whole number"),
        ("cache: 1", "expected `true` or `false`"),
        ("triggers: {schedule: 61 * * * *}", "`61` is no minute"),
        ("triggers: {schedule: daily}", "cron schedule of five fields"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(tmp_path: Path, key: str, said: str) -> None:
    text = f"tasks:\n  - name: a\n    executor: !custom {{command: x}}\n    {key}\n"

    assert said in refusal(tmp_path, text)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    assert "4194304 at the most" in refusal(tmp_path, b"#" * (4 * 2**20 + 1))


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffname: a\ntasks:\n",
        "name: a\r\ntasks:\r\n",
        "---\nname: a\n...\n",
        "%YAML 1.1\n---\nname: a\n",
        "name: &x a\nmodels: ~\n",
        "name: !!str a\n",
        "{name: a}",
    ],
)
def test_what_editors_and_people_do_is_no_fault(tmp_path: Path, content: str) -> None:
    (tmp_path / "ame.yml").write_bytes(content.encode())

    assert project.read(tmp_path).name == "a"


def test_an_alias_stands_for_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "ame.yml").write_text(
        "tasks:\n- {name: a, executor: &e !custom {command: x}}\n- {name: b, executor: *e}\n"
    )

    assert project.read(tmp_path).tasks[1].executor == project.Custom(command="x")


@pytest.mark.parametrize("key", ["name", "project", "projectName", "projectname", "projectid"])
def test_every_spelling_of_a_projects_name_is_read(tmp_path: Path, key: str) -> None:
    (tmp_path / "ame.yaml").write_text(f"{key}: a\n")

    assert project.read(tmp_path).name == "a"


def test_a_project_without_a_name_has_that_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "my digits.v2"
    folder.mkdir()
    (folder / "ame.yml").write_text("tasks: []")

    assert project.read(folder).name == "my-digits-v2"


@pytest.mark.parametrize("text", ["null", "~", "", "Null"])
def test_a_value_that_is_left_empty_is_not_there(tmp_path: Path, text: str) -> None:
    (tmp_path / "ame.yml").write_text(
        f"name: {text}\ntasks:\n- name: a\n  executor: !mlflow\n  resources: {text}\n"
        f"  secrets: {text}\n  pipeline: {text}\n"
    )

    assert project.read(tmp_path).tasks[0].resources == project.Resources()


def test_a_quoted_null_is_text(tmp_path: Path) -> None:
    (tmp_path / "ame.yml").write_text('tasks:\n- {name: a, executor: !custom {command: "null"}}\n')

    assert project.read(tmp_path).tasks[0].executor == project.Custom(command="null")


@pytest.mark.parametrize(
    "executor", ["!poetri {command: x}", "{pythonVersion: 3.11}", "[!pip {}]", "pip"]
)
def test_an_executor_that_is_wrong_is_not_called_missing(tmp_path: Path, executor: str) -> None:
    said = refusal(tmp_path, f"tasks:\n  - name: a\n    executor: {executor}\n")

    assert "tasks[0].executor: " in said
    assert "missing" not in said


def test_an_empty_pipeline_is_called_so(tmp_path: Path) -> None:
    said = refusal(tmp_path, "tasks: [{name: a, pipeline: []}]")

    assert said.startswith("1:9: tasks[0].pipeline: is empty; ")


def test_limits_of_a_version_are_read_and_must_be_quoted(tmp_path: Path) -> None:
    text = "tasks:\n  - name: a\n    executor: !pip\n      pythonVersion: {}\n      command: x\n"

    assert "quote a value that begins with `>`" in refusal(tmp_path, text.format(">=3.11"))
    (tmp_path / "ame.yml").write_text(text.format("'>=3.11,<4'"))
    executor = project.read(tmp_path).tasks[0].executor
    assert executor == project.Pip(python_version=">=3.11,<4", command="x")


@pytest.mark.parametrize("version", ["^3.11", ">=3.11.*", "~=3", ">=3.11 <4", "==", "1.0"])
def test_what_is_no_version_of_python_is_refused(tmp_path: Path, version: str) -> None:
    task = f"{{name: a, executor: !pip {{pythonVersion: '{version}', command: x}}}}"

    assert "expected a Python version" in refusal(tmp_path, f"tasks: [{task}]")


@pytest.mark.parametrize(
    ("text", "place"),
    [("name: a\nproject: 'b\ntasks: []\n", "2:10"), ("name: a\ntasks: [{name: b\n", "2:9")],
)
def test_what_was_left_open_is_shown_where_it_was_opened(
    tmp_path: Path, text: str, place: str
) -> None:
    assert refusal(tmp_path, text).startswith(f"{place}: is not valid YAML: ")


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    said = refusal(tmp_path, 'name: "a\\e[2Jb"\n"\\e[31mtask": 1\n')

    assert "\x1b" not in said
    assert r"`a\x1b[2Jb`" in said


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("backend: the moon", "expected `simulation`, `superlink`"),
        ("backend: http://host", "expected `simulation`, `superlink`"),
        ("sites: 0", "is no number of sites"),
        ("sites: 'a, b'", "expected a number of sites"),
        ("app: ../other", "expected a path inside the project"),
        ("runConfig: [lr=1]", "expected a map of texts"),
        ("command: x", "is no key here"),
        ("image: python:3", "is no key here"),
    ],
)
def test_what_an_app_of_flowers_cannot_have_is_refused(
    tmp_path: Path, keys: str, said: str
) -> None:
    told = refusal(tmp_path, f"tasks:\n  - name: a\n    executor: !flower {{{keys}}}\n")

    assert said in told
