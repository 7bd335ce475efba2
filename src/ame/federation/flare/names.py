"""The names of NVFLARE that `ame` serves, and where: one table, for reading, writing, importing.

It is also the list of our classes that a job folder may name.
"""

from collections.abc import Iterable, Mapping
from functools import cache

ROWS: tuple[tuple[str, str, str], ...] = (
    # nvflare's module, ours, names
    ("apis.dxo", "spec.dxo", "DXO DataKind MetaKey from_shareable from_bytes from_file get_leaf_dxos"),
    ("apis.executor", "spec.executor", "Executor"),
    ("apis.filter", "spec.filter", "Filter ContentBlockedException"),
    ("apis.fl_component", "spec.component", "FLComponent"),
    ("apis.fl_context", "spec.context", "FLContext FLContextManager"),
    ("apis.impl.controller", "spec.controller", "Controller"),
    ("apis.shareable", "spec.shareable", "Shareable ReservedHeaderKey ReturnCode make_reply make_copy"),
)  # fmt: skip
"""Module by module, after the prefixes `nvflare.` and `ame.federation.`."""


@cache
def table() -> Mapping[str, str]:
    """Our path by NVFLARE's."""
    return {
        f"nvflare.{theirs}.{name}": f"ame.federation.{ours}.{name}"
        for theirs, ours, listed in ROWS
        for name in listed.split()
    }


@cache
def reverse() -> Mapping[str, str]:
    """NVFLARE's path by ours: the first in the table, where it has several."""
    found: dict[str, str] = {}
    for theirs, ours in table().items():
        found.setdefault(ours, theirs)
    return found


def ours(path: str) -> str | None:
    """Our path of a name, under NVFLARE's path or under ours; None if it is not in the table."""
    return path if path in reverse() else table().get(path)


def theirs(path: str) -> str | None:
    """NVFLARE's path of one of ours."""
    return reverse().get(path)


def nearest(path: str, among: Iterable[str] | None = None) -> list[str]:
    """Names of the table that are most like this one."""
    from difflib import get_close_matches

    known = list(among if among is not None else table())
    last = path.rpartition(".")[2]
    same = [each for each in known if each.rpartition(".")[2] == last]
    return (same + [each for each in get_close_matches(path, known, n=3) if each not in same])[:3]


def hint(path: str) -> str:
    """The nearest names, as the end of a sentence."""
    near = nearest(path)
    return f" (nearest: {', '.join(near)})" if near else ""
