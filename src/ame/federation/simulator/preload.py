"""Which installed modules the code of a job imports, so that they are imported once for all."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ame.federation.program import File

NEVER = frozenset({"tensorflow", "keras", "tf_keras", "jax", "flax", "ray"})
"""They start threads, and a process with threads cannot be forked."""
_OURS = frozenset({"ame", "nvflare"})


def modules_of(files: Iterable[File]) -> tuple[str, ...]:
    """Modules that the files import, in the order in which they are named, the job's own left out.

    Of `from a.b import c` that is `a.b`. A file that cannot be parsed imports nothing.
    """
    sources = {file.target: file for file in files if file.target.suffix == ".py"}
    own = {target.parts[0].removesuffix(".py") for target in sources}
    own |= {target.stem for target in sources}
    found: dict[str, None] = {}
    for file in sources.values():
        try:
            tree = ast.parse(file.read())
        except (SyntaxError, ValueError):
            continue
        for name in _imported(tree):
            top = name.partition(".")[0]
            if top not in own | NEVER | _OURS and top not in sys.builtin_module_names:
                found[name] = None
    return tuple(found)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
