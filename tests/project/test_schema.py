"""The JSON Schema and the reader are one declaration: what one accepts, so does the other.

They are compared on documents whose tags are keys. What a schema cannot say is left out: keys and
names that are written twice, and references to what is not there.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from jsonschema import Draft202012Validator

from ame import errors, project
from project.samples import EVERYTHING
from project.writing import as_keys

QUIET = settings(
    max_examples=100,
    suppress_health_check=list(HealthCheck),
)
WHOLE = project.schema(tagged=False)


def in_python(schema: Any) -> Any:
    """The same schema with patterns in Python's dialect, whose `$` lets a newline follow."""
    if isinstance(schema, dict):
        return {
            key: re.sub(r"\$$", r"\\Z", value)
            if key == "pattern" and isinstance(value, str)
            else in_python(value)
            for key, value in schema.items()
        }
    return [in_python(item) for item in schema] if isinstance(schema, list) else schema


VALIDATOR = Draft202012Validator(in_python(WHOLE))


def faults(folder: Path, document: Any) -> list[str]:
    """What the reader refuses that a schema can say."""
    (folder / "ame.yml").write_text(yaml.dump(document, Dumper=yaml.CSafeDumper))
    try:
        project.read(folder)
    except errors.ProjectInvalid as error:
        return [str(fault) for fault in error.faults if not _UNSAID.search(fault.message)]
    return []


_UNSAID = re.compile(r"twice|ame\.yml has no (task|template|data set) ")


def agree(folder: Path, document: Any) -> None:
    refused = faults(folder, document)
    errors_ = [error.message for error in VALIDATOR.iter_errors(document)]
    assert bool(refused) == bool(errors_), (document, refused, errors_)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2**70),
    st.sampled_from([0.5, -1.5, 2.25, 10.75, 3.11]),
    st.sampled_from(["", " ", "a", "a.b", "a.b.c", "../x", "/x", "10G", "1.5Gi", "-1", "5 m", "1h"])
    | st.text(max_size=4),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just({"name": "x"}),
)


@cache
def defined(name: str) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: values(WHOLE["$defs"][name]))


def values(schema: Any) -> st.SearchStrategy[Any]:
    """What the parts of a schema allow, each for itself, so that most of it is allowed, and most
    of what is not is nearly so.
    """
    if "$ref" in schema:
        return defined(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return st.one_of([values(part) for part in schema["anyOf"]])
    if schema.get("type") == "array":
        return st.lists(values(schema["items"]), max_size=2)
    if schema.get("type") == "object":
        return objects(schema)
    return from_schema(in_python(schema))


@st.composite
def objects(draw: st.DrawFn, schema: Any) -> Any:
    known = schema.get("properties", {})
    needed = schema.get("required", [])
    if not known:
        names = st.sampled_from(["a", "b", "c-d", "e_f"])
        return draw(st.dictionaries(names, values(schema["additionalProperties"]), max_size=2))
    chosen = {*needed, *draw(st.lists(st.sampled_from(sorted(known)), max_size=3))}
    if "pipeline" in known:  # a task, of which few would be one if left to chance
        chosen -= {
            "executor",
            "taskRef",
            "taskref",
            "pipeline",
            "runcommand",
            "command",
            "taskType",
        }
        chosen |= {draw(st.sampled_from(["executor", "taskRef", "pipeline", "runcommand"]))}
        chosen |= {"name"} & known.keys()
    if draw(st.integers(0, 40)) == 0:
        chosen.discard(draw(st.sampled_from(sorted(known))))
    made = {}
    for key in sorted(chosen):
        junk = draw(st.integers(0, 25)) == 0
        made[key] = draw(JUNK if junk else values(known[key]))
    if draw(st.integers(0, 40)) == 0:
        made[draw(st.sampled_from(["nmae", "x", ""]))] = draw(JUNK)
    return made


def test_the_schema_is_one() -> None:
    for tagged in (True, False):
        Draft202012Validator.check_schema(project.schema(tagged=tagged))


def test_every_key_of_the_schema_has_a_description() -> None:
    for definition in WHOLE["$defs"].values():
        for key, value in definition.get("properties", {}).items():
            if "anyOf" not in definition:
                assert value.get("description"), key


def test_what_uses_every_key_is_accepted_by_both(tmp_path: Path) -> None:
    agree(tmp_path, as_keys(EVERYTHING))
    assert not faults(tmp_path, as_keys(EVERYTHING))


def test_an_editor_that_drops_tags_accepts_the_same() -> None:
    Draft202012Validator(project.schema(tagged=True)).validate(as_keys(EVERYTHING, drop=True))
    Draft202012Validator(project.schema(tagged=True)).validate(as_keys(EVERYTHING))


@pytest.mark.slow
@QUIET
@given(values(WHOLE))
def test_reader_and_schema_agree_on_projects(tmp_path: Path, document: Any) -> None:
    agree(tmp_path, document)


@pytest.mark.slow
@QUIET
@given(values(WHOLE["$defs"]["task"]))
@example({"name": "t", "taskRef": "u", "dataSets": [{"name": "d"}]})
@example({"name": "t", "image": "i", "taskRef": None})
def test_reader_and_schema_agree_on_tasks(tmp_path: Path, task: Any) -> None:
    agree(tmp_path, {"tasks": [task]})


@pytest.mark.parametrize("name", ["executor", "resources", "secret", "artifacts", "deployment"])
@settings(QUIET, max_examples=25)
@given(data=st.data())
def test_reader_and_schema_agree_on_every_part(
    tmp_path: Path, name: str, data: st.DataObject
) -> None:
    part = data.draw(values(WHOLE["$defs"][name]))
    task: Any = {"name": "a", "executor": {"mlflow": None}}
    if name == "deployment":
        agree(tmp_path, {"models": [{"name": "m", name: part}]})
    elif name == "secret":
        agree(tmp_path, {"tasks": [{**task, "secrets": [part]}]})
    else:
        agree(tmp_path, {"tasks": [{**task, name: part}]})


@pytest.mark.slow
@settings(QUIET, max_examples=200)
@given(data=st.data())
def test_reader_and_schema_agree_on_what_was_valid_and_was_changed(
    tmp_path: Path, data: st.DataObject
) -> None:
    document = as_keys(EVERYTHING)
    node, ways = document, 0
    while isinstance(node, dict | list) and node and ways < 12:
        ways += 1
        keys = sorted(node) if isinstance(node, dict) else range(len(node))
        key = data.draw(st.sampled_from(keys))
        if data.draw(st.integers(0, 3)) == 0 or not isinstance(node[key], dict | list):
            node[key] = data.draw(JUNK)
            break
        node = node[key]
    agree(tmp_path, document)
