"""Which installed modules a job's sites import, so that they are imported once for all."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ame.federation.program import App, File

NEVER = frozenset({"tensorflow", "keras", "tf_keras", "jax", "flax", "ray"})
"""They start threads, and a process with threads cannot be forked."""
SCRIPT = "ame.federation.client.executor.ScriptExecutor"
"""What runs scripts."""
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


def forms_of(apps: Iterable[App]) -> tuple[str, ...]:
    """What brings models into the forms of scripts, whether they import it themselves or not."""
    for app in apps:
        for routed in app.executors:
            given = routed.executor.args
            form = (given.get("framework", "pytorch"), given.get("server_expected_format", "numpy"))
            here = routed.executor.path == SCRIPT and not given.get("external")
            if here and form == ("pytorch", "numpy"):
                return ("torch",)
    return ()


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
