"""The names of NVFLARE that `ame` serves, and where: one table, for reading, writing, importing.

It is also the list of our classes that a job folder may name.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from ame import errors
from ame.federation import extra
from ame.federation.flare import refused
from ame.federation.flare.rows import OURS, ROWS
from ame.federation.flare.versions import FORMER, LATER
from ame.federation.program import Version

ROOT = "nvflare"


@cache
def table() -> Mapping[str, str]:
    """Our path by NVFLARE's."""
    return {
        ".".join(filter(None, (ROOT, theirs, name))): f"ame.federation.{ours}.{name}"
        for theirs, ours, listed in ROWS
        for name in listed.split()
    }


@cache
def reverse() -> Mapping[str, str]:
    """NVFLARE's path by ours: the longest, where it has several."""
    found: dict[str, str] = {}
    for theirs, ours in sorted(table().items(), key=lambda row: (-row[0].count("."), row[0])):
        found.setdefault(ours, theirs)
    return found


@cache
def modules() -> frozenset[str]:
    """NVFLARE's modules that are served, and the packages above them."""
    found = {path.rpartition(".")[0] for path in table()}
    above = {".".join(each.split(".")[:n]) for each in found for n in range(1, each.count(".") + 1)}
    return frozenset(found | above)


def ours(path: str) -> str | None:
    """Our path of a name, under NVFLARE's path or under ours; None if it is not in the table."""
    if path in reverse() or path.removeprefix("ame.federation.") in OURS:
        return path
    return table().get(path)


def lacking(path: str, version: Version) -> frozenset[str]:
    """The arguments of NVFLARE's `path` that this version does not take."""
    rows = LATER if version == "2.7" else FORMER
    return frozenset(rows.get(path.removeprefix(f"{ROOT}."), "").split())


def lacks(path: str, version: Version) -> bool:
    """Whether this version does not have NVFLARE's `path` at all."""
    return any("*" in lacking(each, version) for each in (path, path.rpartition(".")[0]))


def load(path: str) -> Any:
    """The object that stands for one of NVFLARE's names, which is in the table.

    Raises:
        errors.ExtraMissing: it needs the packages of federated jobs, and they are not installed.
    """
    module, _, name = table()[path].rpartition(".")
    with extra.asked("a federated job"):
        return getattr(import_module(module), name)


@cache
def _by_last() -> Mapping[str, str]:
    """Our paths by their last word, where NVFLARE has but one thing of that name."""
    found: dict[str, set[str]] = {}
    for path, ours in table().items():
        found.setdefault(path.rpartition(".")[2], set()).add(ours)
    return {name: next(iter(paths)) for name, paths in found.items() if len(paths) == 1}


def handed_on(module: str, name: str) -> Any:
    """A name that scripts import from a module which only imports it itself; None if there is none.

    NVFLARE's modules hand on what they import, and scripts rely on it:
    `from nvflare.apis.impl.controller import Controller, FLContext`.
    """
    ours = _by_last().get(name)
    if ours is None or not any(path.rpartition(".")[0] == module for path in table()):
        return None
    within, _, last = ours.rpartition(".")
    return getattr(import_module(within), last)


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


def not_served(path: str, among: Iterable[str] | None = None) -> errors.NameNotServed:
    """What is raised where a name is asked for that is not in the table."""
    return errors.NameNotServed(path, nearest(path, among), refused.reason(path))


def hint(path: str) -> str:
    """Why it is not served, or the nearest names, as the end of a sentence."""
    if why := refused.reason(path):
        return f": {why}"
    near = nearest(path)
    return f" (nearest: {', '.join(near)})" if near else ""
