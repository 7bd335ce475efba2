"""The local modules that a piece of code imports, found by reading it.

Local is what lies neither in the standard library nor where packages are installed. Nothing is
imported for it.
"""

import ast
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path, PurePosixPath

from ame import errors
from ame.federation.program import File

OURS = frozenset({"ame", "nvflare", "task_daemon_lib"})
INSTALLED = frozenset({"site-packages", "dist-packages"})


def followed(source: bytes, file: Path, package: str, roots: Sequence[Path]) -> Iterator[File]:
    """The files of the local modules that `source` imports, and those that these import.

    Args:
        source: the code.
        file: where it stands, for messages.
        package: the package that it is a module of, for relative imports.
        roots: folders where modules are looked for, the first first.

    Raises:
        errors.ClassUnfit: a file is no Python, or a module has a name of the standard library.
    """
    found: dict[PurePosixPath, File] = {}
    waiting = [(source, file, package)]
    while waiting:
        code, place, inside = waiting.pop()
        for name in _imported(code, place, inside):
            for module in _with_parents(name):
                there = module_file(module, roots)
                if there is None:
                    continue
                if module.partition(".")[0] in sys.stdlib_module_names:
                    raise errors.ClassUnfit(
                        module, f"is imported by {place}, and {there} has the name of a module "
                        "of the standard library", "rename the file",
                    )  # fmt: skip
                target = module_target(module, there)
                if target in found:
                    continue
                found[target] = File(source=there, target=target)
                is_package = there.name == "__init__.py"
                above = module if is_package else module.rpartition(".")[0]
                waiting.append((there.read_bytes(), there, above))
    yield from found.values()


def module_file(name: str, roots: Sequence[Path]) -> Path | None:
    """Where a local module is; None for a package without `__init__.py`, and for what is none."""
    path = Path(*name.split("."))
    for root in roots:
        for candidate in (root / path / "__init__.py", (root / path).with_suffix(".py")):
            if candidate.is_file() and is_local(candidate):
                return candidate
    return None


def module_target(name: str, file: Path) -> PurePosixPath:
    """Where a module comes to lie so that it has this name."""
    path = PurePosixPath(*name.split("."))
    return path / "__init__.py" if file.name == "__init__.py" else path.with_suffix(".py")


def is_local(file: Path) -> bool:
    """Whether a file is one of the user's own, rather than of Python or of a package."""
    resolved = file.resolve()
    if INSTALLED.intersection(resolved.parts):
        return False
    return not any(resolved.is_relative_to(folder) for folder in _system())


def local_roots() -> list[Path]:
    """The folders of `sys.path` that hold the user's own code."""
    roots = dict.fromkeys(Path(entry or ".").resolve() for entry in sys.path)
    return [root for root in roots if root.is_dir() and is_local(root)]


@cache
def _system() -> tuple[Path, ...]:
    import ame

    paths = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return (*{Path(path).resolve() for path in paths}, Path(ame.__file__).resolve().parent)


def _with_parents(name: str) -> Iterator[str]:
    words = name.split(".")
    if words[0] not in OURS:
        yield from (".".join(words[:end]) for end in range(1, len(words) + 1))


def _imported(source: bytes, place: Path, package: str) -> Iterator[str]:
    """The names of what code imports; of `from a import b` both `a` and `a.b`."""
    try:
        tree = ast.parse(source, str(place))
    except (SyntaxError, ValueError) as error:
        where = f"{place}:{error.lineno}" if isinstance(error, SyntaxError) else str(place)
        raise errors.ClassUnfit(
            place.stem, f"cannot be read: {where}: {error}", "correct the file"
        ) from error
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = _absolute(module or "", level, package)
                if base is not None:
                    yield base
                    yield from (f"{base}.{alias.name}" for alias in names if alias.name != "*")
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                called = function.attr if isinstance(function, ast.Attribute) else None
                called = function.id if isinstance(function, ast.Name) else called
                if called in {"import_module", "__import__"} and not name.startswith("."):
                    yield name


def _absolute(module: str, level: int, package: str) -> str | None:
    """The full name of what a relative import means; None if it leads out of all packages."""
    if level == 0:
        return module
    above = package.split(".") if package else []
    if level > len(above):
        return None
    kept = above[: len(above) - level + 1]
    return ".".join([*kept, module] if module else kept)
