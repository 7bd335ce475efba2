"""A quick yes for arguments that plainly fit a plain schema; for all others jsonschema decides."""

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}
_WORDS = {"$schema", "$id", "title", "description", "default", "examples", "type"}
_OF_OBJECTS = {"properties", "required", "additionalProperties"}


def quick(schema: object) -> Check | None:
    """Says True only of what the schema allows. None if it has words that are not known here.

    Known are the types, the properties of objects with those that are required and whether there
    may be more, and what the items of arrays are: what schemas of calls are made of.
    """
    if not isinstance(schema, Mapping):
        return None
    match schema.get("type"):
        case "object" if schema.keys() <= _WORDS | _OF_OBJECTS:
            return _of_object(schema)
        case "array" if schema.keys() <= _WORDS | {"items"}:
            each = quick(schema.get("items", {"type": "none"}))
            return each and (lambda value: type(value) is list and all(map(each, value)))
        case str() as name if schema.keys() <= _WORDS and name in _TYPES:
            types = _TYPES[name]
            return lambda value: type(value) in types
        case _:
            return None


def _of_object(schema: Mapping[str, Any]) -> Check | None:
    if schema.get("additionalProperties") not in (None, True, False):
        return None
    more = schema.get("additionalProperties") is not False
    required = tuple(schema.get("required", ()))
    checks: dict[str, Check] = {}
    for name, of in schema.get("properties", {}).items():
        check = quick(of)
        if check is None:
            return None
        checks[name] = check

    def fits(value: object) -> bool:
        if type(value) is not dict or not all(name in value for name in required):
            return False
        for name, each in value.items():
            check = checks.get(name)
            if not more if check is None else not check(each):
                return False
        return True

    return fits
