"""The code that a class needs: its module, the local modules behind it, or a slice of a script.

A class of the program that runs, or of a notebook, has no module that a site could import. So the
statements that it needs are cut out and become one.
"""

import ast
import sys
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from ame import errors
from ame.federation.job.capture import imports
from ame.federation.program import File

NOTEBOOK = "notebook"
"""The module that classes of a notebook come to lie in."""

Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def path_of(kind: type[Any]) -> str:
    """The path by which a class is found at a site."""
    module = main_name() if kind.__module__ == "__main__" else kind.__module__
    return f"{module}.{kind.__qualname__}"


def main_name() -> str:
    """The name as a module of the program that runs."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        name: str = spec.name
        return name.removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else NOTEBOOK


def files_of(kind: type[Any], cut: set[str]) -> list[File] | str:
    """The files with which a class travels; or the installed package that it is of.

    Args:
        kind: the class.
        cut: names of the program that runs which the job needs besides; this one's is added.

    Raises:
        errors.ClassUnfit: it cannot be imported at a site.
    """
    if "<locals>" in kind.__qualname__:
        raise errors.ClassUnfit(
            path_of(kind), "is defined inside a function, where no site can find it",
            "move it to the top level of a module",
        )  # fmt: skip
    module = sys.modules.get(kind.__module__)
    if kind.__module__ == "__main__":
        cut.add(kind.__qualname__.partition(".")[0])
        return _main_files(cut)
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        raise errors.ClassUnfit(
            path_of(kind), f"is of `{kind.__module__}`, which is no file",
            "move it to a module in a file",
        )  # fmt: skip
    place = Path(file)
    if not imports.is_local(place):
        return module.__name__.partition(".")[0]
    return list(_module_files(module, place))


def _module_files(module: ModuleType, place: Path) -> Iterator[File]:
    name = module.__name__
    root = place.resolve().parents[name.count(".") + (place.name == "__init__.py")]
    roots = [root, *imports.local_roots()]
    for part in range(1, name.count(".") + 2):
        above = ".".join(name.split(".")[:part])
        there = imports.module_file(above, roots)
        if there is not None:
            yield File(source=there, target=imports.module_target(above, there))
            inside = above if there.name == "__init__.py" else above.rpartition(".")[0]
            yield from imports.followed(there.read_bytes(), there, inside, roots)


def main_cut(names: Collection[str]) -> File:
    """What `names` of the program that runs need, as a module.

    Raises:
        errors.ClassUnfit: its text is not to be had.
    """
    place, source = _main_source(names)
    target = PurePosixPath(*main_name().split(".")).with_suffix(".py")
    cut = slice_of(source, names, place)
    return File(source=cut.encode(), target=target, cut_from=place if place.is_file() else None)


def _main_files(names: Collection[str]) -> list[File]:
    place, _ = _main_source(names)
    cut = main_cut(names)
    roots = [place.parent, *imports.local_roots()]
    package = main_name().rpartition(".")[0]
    return [cut, *imports.followed(cut.read(), place, package, roots)]


def _main_source(names: Collection[str]) -> tuple[Path, str]:
    """The text of the program that runs, or of the notebook's cells in the order of their runs."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file and Path(file).is_file():
        return Path(file).resolve(), Path(file).read_text(encoding="utf-8")
    cells = getattr(main, "In", None)
    if isinstance(cells, list) and cells:
        read = [str(cell) for cell in cells if _readable(str(cell))]
        return Path.cwd() / f"{NOTEBOOK}.py", "\n".join(read)
    raise errors.ClassUnfit(
        ", ".join(names), "was typed in, and its text is gone", "write it to a file and import it"
    )


def _readable(cell: str) -> bool:
    try:
        ast.parse(cell)
    except SyntaxError:
        return False
    return True


def slice_of(source: str, names: Collection[str], place: Path) -> str:
    """The statements at the top level of `source` that define `names`, and all that these need.

    They stand in the lines in which they stood, so that errors tell of the user's own.

    Raises:
        errors.ClassUnfit: no statement defines one of them.
    """
    tree = ast.parse(source, str(place))
    statements = [each for each in tree.body if not _is_main_guard(each)]
    binds: dict[str, list[int]] = {}
    for number, statement in enumerate(statements):
        for bound in _bound(statement):
            binds.setdefault(bound, []).append(number)
    for name in names:
        if name not in binds:
            raise errors.ClassUnfit(
                name, f"is not defined at the top level of {place}", "define it in a module"
            )
    wanted: set[int] = {
        number for number, each in enumerate(statements) if _is_future(each) or _is_star(each)
    }
    waiting = list(names)
    seen: set[str] = set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for number in binds.get(current, ()):
            wanted.add(number)
            waiting.extend(_used(statements[number]))
    lines = source.split("\n")
    made: list[str] = []
    for statement in (statements[number] for number in sorted(wanted)):
        first = min([statement.lineno, *(each.lineno for each in _decorators(statement))])
        made += [""] * (first - 1 - len(made))
        made += _text(_only(statement, seen), statement, lines[first - 1 : statement.end_lineno])
    return "\n".join(made) + "\n"


def _decorators(statement: ast.stmt) -> list[ast.expr]:
    return statement.decorator_list if isinstance(statement, Scope) else []


def _text(kept: ast.stmt, statement: ast.stmt, lines: list[str]) -> list[str]:
    """A statement as it is written, unless there is more in its lines than what is kept."""
    text = "\n".join(lines)
    alone = kept is statement and _statements(text) == 1
    return (text if alone else ast.unparse(kept)).split("\n")


def _statements(text: str) -> int:
    try:
        return len(ast.parse(text).body)
    except SyntaxError:  # the end of another statement is in its first line
        return 0


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top level gives a value."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
        case _:
            for node in _shallow(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id
                elif isinstance(node, Scope):
                    yield node.name
                elif isinstance(node, ast.Import | ast.ImportFrom):
                    yield from _bound(node)


def _shallow(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement that belong to its own scope."""
    yield statement
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, Scope | ast.Lambda):
            yield child
        else:
            yield from _shallow(child)


def _used(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return []
    nodes = ast.walk(statement)
    return [node.id for node in nodes if isinstance(node, ast.Name)]


def _only(statement: ast.stmt, names: set[str]) -> ast.stmt:
    """Of an import of several names, those that are needed."""
    match statement:
        case ast.Import(names=aliases):
            kept = [a for a in aliases if (a.asname or a.name.partition(".")[0]) in names]
            return ast.Import(names=kept)
        case ast.ImportFrom(module=module, names=aliases, level=level) if not (
            _is_future(statement) or _is_star(statement)
        ):
            kept = [alias for alias in aliases if (alias.asname or alias.name) in names]
            return ast.ImportFrom(module=module, names=kept, level=level)
    return statement


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _is_star(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"


def _is_main_guard(statement: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__":`, which no import would enter."""
    return isinstance(statement, ast.If) and any(
        isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test)
    )
