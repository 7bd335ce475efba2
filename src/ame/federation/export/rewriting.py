"""Code with NVFLARE's names in the place of ours, so that it runs where `ame` is not installed."""

import ast
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from ame import errors
from ame.federation.flare import names
from ame.federation.program import Version

MODULES = {
    "ame.federation.client": "nvflare.client",
    "ame.federation.client.tracking": "nvflare.client.tracking",
    "ame.federation.client.trainers.lightning": "nvflare.client.lightning",
    "ame.federation.client.trainers.hf": "nvflare.client.hf",
}
"""Modules of ours that are used as such."""


def rewritten(source: bytes, name: str, version: Version) -> bytes:
    """A module of the user's with its imports of ours replaced; the same if it has none.

    Raises:
        errors.NotExportable: it imports what NVFLARE of this version does not have.
    """
    if b"ame" not in source and b"nvflare" not in source:
        return source
    _check_uses(source, name, version)
    lines = source.splitlines(keepends=True)
    for node in sorted(_imports(source, name), key=lambda node: node.lineno, reverse=True):
        text = "; ".join(_replaced(node, f"{name}:{node.lineno}", version))
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        after = lines[last][node.end_col_offset :]
        lines[first : last + 1] = [lines[first][: node.col_offset] + text.encode() + after]
    return b"".join(lines)


def _imports(source: bytes, name: str) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of ours."""
    for node in ast.walk(ast.parse(source, name)):
        match node:
            case ast.Import(names=aliases) if any(_ours(alias.name) for alias in aliases):
                yield node
            case ast.ImportFrom(module=str(module), level=0) if _ours(module):
                yield node


def _check_uses(source: bytes, name: str, version: Version) -> None:
    """Refuses what is taken of a module that NVFLARE of this version has without it."""
    tree = ast.parse(source, name)
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            above = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                path = MODULES.get(f"{above}{alias.name}", f"{above}{alias.name}")
                if path in MODULES.values() and (alias.asname or above):
                    known[alias.asname or alias.name] = path
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=used), attr=wanted) if used in known:
                path = f"{known[used]}.{wanted}"
                if path in names.table() and names.lacks(path, version):
                    raise errors.NotExportable(
                        f"{name}:{node.lineno}", version,
                        f"it uses `{used}.{wanted}`, which NVFLARE {version} does not have",
                    )  # fmt: skip


def _ours(module: str) -> bool:
    return module.partition(".")[0] == "ame"


def _replaced(node: ast.Import | ast.ImportFrom, place: str, version: Version) -> Iterator[str]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield _named(f"{node.module}.{alias.name}", alias.asname or alias.name, place, version)
        elif not _ours(alias.name):
            yield f"import {ast.unparse(alias)}"
        elif alias.asname and alias.name in MODULES:
            yield f"import {MODULES[alias.name]} as {alias.asname}"
        else:
            raise errors.NotExportable(
                place, version, f"it says `import {alias.name}`; write "
                "`from ame.federation import …`, or `import ame.federation.client as flare`",
            )  # fmt: skip


def _named(path: str, name: str, place: str, version: Version) -> str:
    """The import that binds `name` to what our `path` is called in NVFLARE."""
    if path in MODULES:
        return f"import {MODULES[path]} as {name}"
    module, _, wanted = path.rpartition(".")
    try:
        found = getattr(import_module(module), wanted)
    except (ImportError, AttributeError) as error:
        raise errors.NotExportable(place, version, f"it imports `{path}`: {error}") from None
    if isinstance(found, ModuleType) and found.__name__ in MODULES:
        return f"import {MODULES[found.__name__]} as {name}"
    ours = f"{getattr(found, '__module__', module)}.{getattr(found, '__qualname__', wanted)}"
    theirs = names.theirs(ours) or names.theirs(path)
    if theirs is None or names.lacks(theirs, version):
        raise errors.NotExportable(
            place, version, f"it imports `{path}`, which NVFLARE {version} does not have"
        )
    where, _, called = theirs.rpartition(".")
    return f"from {where} import {called}" + (f" as {name}" if name != called else "")
