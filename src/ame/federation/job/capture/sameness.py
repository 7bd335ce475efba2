"""Whether two objects are alike, as far as what their constructors were given shows in them."""

import types
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from ame.federation.job.capture import frameworks

IGNORED = frozenset({"_constructed_by", "logger"})
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)


def difference(one: object, other: object) -> str:
    """The first place in which they differ; empty if they do not. Random weights do not count."""
    return _differs(one, other, "", set())


def _differs(one: object, other: object, place: str, seen: set[tuple[int, int]]) -> str:
    here = place or "itself"
    if one is other or (id(one), id(other)) in seen:
        return ""
    seen.add((id(one), id(other)))
    if type(one) is not type(other):
        return here
    if frameworks.is_torch_model(one):
        return frameworks.torch_difference(one, other, here) or _parts(one, other, place, seen)
    if frameworks.is_keras_layer(one):
        return frameworks.keras_difference(one, other, here)
    if isinstance(one, Mapping | list | tuple):
        return _items(one, other, place, seen)
    if _alike(one, other):
        return ""
    return _parts(one, other, place, seen) if _is_open(one) else here


def _items(one: Any, other: Any, place: str, seen: set[tuple[int, int]]) -> str:
    keys = list(one) if isinstance(one, Mapping) else list(range(len(one)))
    if keys != (list(other) if isinstance(other, Mapping) else list(range(len(other)))):
        return place or "itself"
    return _first(_differs(one[k], other[k], f"{place}[{k!r}]", seen) for k in keys)


def _alike(one: Any, other: Any) -> bool:
    """Whether two values of one type are equal, so far as they can be compared as a whole."""
    if isinstance(one, weakref.ref) or frameworks.is_device(one):
        return True
    if frameworks.is_array(one):
        return frameworks.equal_arrays(one, other)
    if isinstance(one, FUNCTIONS):
        return bool(getattr(one, "__qualname__", one) == getattr(other, "__qualname__", other))
    if not any("__eq__" in vars(kind) for kind in type(one).__mro__[:-1]):
        return not _is_open(one)
    return bool(one == other) or bool(one != one and other != other)


def _is_open(one: object) -> bool:
    """Whether it has attributes to compare."""
    return hasattr(one, "__dict__") and not isinstance(one, FUNCTIONS)


def _parts(one: object, other: object, place: str, seen: set[tuple[int, int]]) -> str:
    mine, theirs = _attributes(one), _attributes(other)
    if mine.keys() != theirs.keys():
        return ", ".join(sorted(mine.keys() ^ theirs.keys()))
    dot = f"{place}." if place else ""
    return _first(_differs(mine[name], theirs[name], dot + name, seen) for name in mine)


def _attributes(obj: object) -> dict[str, object]:
    found: dict[str, object] = dict(vars(obj)) if hasattr(obj, "__dict__") else {}
    for kind in type(obj).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(obj, name):
                found[name] = getattr(obj, name)
    hidden = frameworks.hidden_attributes(obj)
    return {name: each for name, each in found.items() if name not in IGNORED | hidden}


def _first(found: Iterable[str]) -> str:
    return next((each for each in found if each), "")
