"""Every spelling that a project file may have, written by hand and run."""

import pytest

from ame import project, runs
from engine.doing import Doing

COMMAND = "executor: !custom {command: 'echo said=$V; cat data/* 2>/dev/null; mkdir o; echo > o/f'}"
FILE = """\
name: x
tasks:
  - name: t
    {line}
    {more}
  - name: other
    executor: {{custom: {{command: echo said=other}}}}
  - name: fetch
    executor: !custom
      command: mkdir data; echo said=fetched > data/f
templates:
  - name: set
    env: [{{key: V, val: templated}}]
{sets}:
  - name: d
    path: data
    taskRef: fetch
"""


def said(doing: Doing, text: str) -> list[str]:
    """What the task `t` of the file prints after `said=`, once the file is found to be valid."""
    doing.write({"ame.yml": text})
    assert project.check(project.read(doing.folder)) == ()
    ended = doing.run("t")
    assert ended.run.state is runs.State.SUCCEEDED, ended.run.reason
    words = [line.partition("said=")[2] for _, line in doing.seen.lines if "said=" in line]
    return [*words, *doing.saved(ended)]


@pytest.mark.parametrize("key", ["name", "project", "projectName", "projectid", "projectname"])
@pytest.mark.parametrize("file", ["ame.yml", "ame.yaml"])
def test_a_project_is_named_by_any_of_its_keys(doing: Doing, key: str, file: str) -> None:
    command = "{custom: {command: echo said=$AME_PROJECT}}"
    doing.write({file: f"{key}: mine\ntasks: [{{name: t, executor: {command}}}]\n"})

    doing.run("t")
    assert doing.seen.texts("t") == ["said=mine"]


@pytest.mark.parametrize("word", ["taskRef", "taskref"])
@pytest.mark.parametrize(
    "target", ["other", "x.other", "{name: other}", "{name: other, project: x}"]
)
def test_a_task_is_referred_to(doing: Doing, word: str, target: str) -> None:
    for line in (f"{word}: {target}", f"pipeline: [[{{{word}: {target}}}]]"):
        text = FILE.format(line=line, more="", sets="dataSets")
        assert said(doing, text) == ["other"]


@pytest.mark.parametrize("word", ["fromTemplate", "templateRef"])
@pytest.mark.parametrize("target", ["set", "x.set", "{name: set}", "{name: set, project: x}"])
def test_a_template_is_referred_to(doing: Doing, word: str, target: str) -> None:
    text = FILE.format(line=COMMAND, more=f"{word}: {target}", sets="dataSets")
    assert said(doing, text) == ["templated"]


@pytest.mark.parametrize("word", ["environment", "env"])
@pytest.mark.parametrize("key", ["key", "name", "envkey"])
@pytest.mark.parametrize("value", ["val", "value"])
def test_a_variable_is_set(doing: Doing, word: str, key: str, value: str) -> None:
    for pairs in (f"[{{{key}: V, {value}: 07}}]", f"{{{key}: V, {value}: 07}}"):
        text = FILE.format(line=COMMAND, more=f"{word}: {pairs}", sets="dataSets")
        assert said(doing, text) == ["07"]


@pytest.mark.parametrize(
    "form",
    [
        "[!ame {key: k, injectAs: V}]",
        "[{ame: {key: k, injectAs: V}}]",
        "[{name: k, envkey: V}]",
        "\n      - !ame\n        key: k\n        injectAs: V",
    ],
)
def test_a_secret_is_given(doing: Doing, form: str) -> None:
    doing.home.secrets.put("k", "word-of-honour")
    line = "executor: !custom {command: 'echo said=${#V}'}"
    assert said(doing, FILE.format(line=line, more=f"secrets: {form}", sets="dataSets")) == ["14"]


@pytest.mark.parametrize("word", ["artifacts", "artifactCfg"])
@pytest.mark.parametrize(
    "what", ["{paths: [o]}", "{saveChangedFiles: true}", "{saveChangedFiles: true, paths: []}"]
)
def test_artifacts_are_saved(doing: Doing, word: str, what: str) -> None:
    text = FILE.format(line=COMMAND, more=f"{word}: {what}", sets="dataSets")
    assert said(doing, text) == ["", "o/f"]


@pytest.mark.parametrize("word", ["dataSets", "datasets"])
@pytest.mark.parametrize("sets", ["dataSets", "datasets"])
@pytest.mark.parametrize(
    "ref", ["d", "x.d", "{ref: d}", "{ref: {name: d}}", "{ref: {name: d, project: x}}"]
)
def test_a_data_set_is_loaded(doing: Doing, word: str, sets: str, ref: str) -> None:
    text = FILE.format(line=COMMAND, more=f"{word}: [{ref}]", sets=sets)
    assert said(doing, text) == ["", "fetched"]


def test_the_older_form_is_run(doing: Doing) -> None:
    lock = '{"_meta": {"requires": {}, "sources": []}, "default": {}}'
    text = """
        projectname: old
        tasks:
          t:
            env: [{name: A, value: b}]
            pipeline:
              - {taskname: first, runcommand: echo said=one}
              - {taskname: second, runcommand: printenv A}
    """
    doing.write({"Pipfile.lock": lock})

    assert said(doing, text) == ["one"]
    assert doing.seen.texts("second") == ["b"]


@pytest.mark.parametrize("tag", ["!pipenv", "!pipEnv"])
def test_pipenvs_tag_is_written_on_the_same_line_or_the_next(doing: Doing, tag: str) -> None:
    doing.write({"Pipfile.lock": '{"_meta": {"requires": {}, "sources": []}, "default": {}}'})
    named = tag.removeprefix("!")
    for form in (
        f"{tag} {{command: echo said=1}}",
        f"\n      {tag}\n      command: echo said=1",
        f"{{{named}: {{command: echo said=1}}}}",
    ):
        assert said(doing, FILE.format(line=f"executor: {form}", more="", sets="datasets")) == ["1"]
