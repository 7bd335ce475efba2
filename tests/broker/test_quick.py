"""The quick check says yes only where jsonschema does."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ame.broker.quick import quick

names = st.sampled_from(["a", "b", "c"])
plain = st.sampled_from(["string", "integer", "number", "boolean", "null", "object", "array"])
schemas = st.recursive(
    st.builds(lambda name: {"type": name}, plain),
    lambda below: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, below),
        st.builds(
            lambda properties, required, more: {
                "type": "object",
                "properties": properties,
                "required": required,
                **more,
            },
            st.dictionaries(names, below),
            st.lists(names, unique=True),
            st.sampled_from([{}, {"additionalProperties": False}, {"additionalProperties": True}]),
        ),
    ),
    max_leaves=6,
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.floats(0, 3), st.text(max_size=2)),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=3),
    max_leaves=6,
)


@given(schemas, values)
def test_what_it_allows_is_allowed(schema: dict[str, Any], value: Any) -> None:
    fits = quick(schema)
    if fits is not None and fits(value):
        jsonschema.Draft7Validator(schema).validate(value)


def test_it_allows_what_calls_are_like() -> None:
    texts = {"type": "array", "items": {"type": "string"}}
    fits = quick(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {"id": {"type": "string"}, "n": {"type": "number"}, "tags": texts},
            "required": ["id"],
            "additionalProperties": False,
        }
    )

    assert fits is not None
    assert fits({"id": "a", "n": 0.5, "tags": ["b"]})
    assert not fits({"id": "a", "n": True})
    assert not fits({"n": 1})
    assert not fits({"id": "a", "m": 1})
    assert not fits(["a"])


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"type": ["string", "null"]},
        {"type": "string", "minLength": 1},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a": {"enum": [1]}}},
        {"type": "array", "items": [{"type": "string"}]},
        {"type": "array", "items": {"$ref": "#"}},
    ],
)
def test_of_other_words_it_says_nothing(schema: object) -> None:
    assert quick(schema) is None
