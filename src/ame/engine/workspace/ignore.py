"""Which files of a project go into a workspace.

`.gitignore` files are read as git reads them. `.ameignore`, beside `ame.yml`, has the last word in
the same grammar: `data/` there keeps a folder out, `!data/` brings it back.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pathspec

from ame import errors

ALWAYS = (
    ".git/",
    ".hg/",
    ".svn/",
    "__pycache__/",
    ".venv/",
    ".tox/",
    ".ipynb_checkpoints/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".DS_Store",
)
"""Never wanted in a workspace, nor as an output, unless `.ameignore` brings it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something of the project that steps do not see."""

    path: str
    """Relative to the project; a folder's ends in `/`."""
    size: int
    """Bytes, of all that is in it."""
    why: str
    """`.gitignore`, `.ameignore`, or what else keeps it out."""


@dataclass(slots=True, kw_only=True)
class Scan:
    """What is in a folder, by the rules."""

    files: list[tuple[str, os.stat_result]]
    """Relative paths with `/`, of plain files, links and empty folders, each with its status."""
    left_out: list[LeftOut]


def scan(folder: Path, *, but: Path | None = None) -> Scan:
    """Walks the project in `folder`, passing over the folder `but`.

    Links are not followed; sockets and the like are left out.
    A folder of which everything is left out counts as empty, so that steps can write into it.

    Raises:
        errors.Unreadable: a folder cannot be looked into.
    """
    found = Scan(files=[], left_out=[])
    own = _read(folder / ".ameignore")
    never = unwanted()
    if but is not None and but.is_relative_to(folder):
        never += pathspec.GitIgnoreSpec.from_lines([f"/{but.relative_to(folder)}/"])
    _walk(folder, "", [never], [""], own, found)
    found.files.sort(key=lambda file: file[0])
    return found


@cache
def unwanted() -> pathspec.GitIgnoreSpec:
    """What is never an output of a step."""
    return pathspec.GitIgnoreSpec.from_lines(ALWAYS)


def _walk(
    folder: Path,
    prefix: str,
    specs: list[pathspec.GitIgnoreSpec],
    bases: list[str],
    own: pathspec.GitIgnoreSpec | None,
    found: Scan,
) -> None:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        raise errors.Unreadable(folder, str(error.strerror)) from error
    if any(entry.name == ".gitignore" for entry in entries):
        spec = _read(folder / ".gitignore")
        if spec is not None:
            specs, bases = [*specs, spec], [*bases, prefix]
    for entry in entries:
        path = prefix + entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        shown = f"{path}/" if is_folder else path
        why = _why(shown, specs, bases, own)
        if why and not (is_folder and _brings_back_below(own, shown)):
            if why != "always":
                found.left_out.append(LeftOut(path=shown, size=size_of(Path(entry.path)), why=why))
        elif is_folder:
            before = len(found.files)
            _walk(Path(entry.path), shown, specs, bases, own, found)
            if len(found.files) == before:
                found.files.append((path, entry.stat(follow_symlinks=False)))
        elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
            found.files.append((path, entry.stat(follow_symlinks=False)))


def _why(
    path: str,
    specs: list[pathspec.GitIgnoreSpec],
    bases: list[str],
    own: pathspec.GitIgnoreSpec | None,
) -> str:
    """What keeps this path out; empty when nothing does. The nearest file that says so decides."""
    if own is not None:
        decided = own.check_file(path).include
        if decided is not None:
            return ".ameignore" if decided else ""
    for level in range(len(specs) - 1, -1, -1):
        decided = specs[level].check_file(path[len(bases[level]) :]).include
        if decided is not None:
            return ("always" if level == 0 else ".gitignore") if decided else ""
    return ""


def _brings_back_below(own: pathspec.GitIgnoreSpec | None, folder: str) -> bool:
    if own is None:
        return False
    return any(
        pattern.include is False and str(pattern.pattern).lstrip("!/").startswith(folder)
        for pattern in own.patterns
    )


def _read(file: Path) -> pathspec.GitIgnoreSpec | None:
    try:
        lines = file.read_text(errors="surrogateescape").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        return None
    except OSError as error:
        raise errors.Unreadable(file, str(error.strerror)) from error
    return pathspec.GitIgnoreSpec.from_lines(lines)


def size_of(place: Path) -> int:
    """Bytes of a file, or of all files in a folder; links count as nothing."""
    return sum(status.st_size for status in _statuses(place))


def _statuses(place: Path) -> Iterator[os.stat_result]:
    if not place.is_dir() or place.is_symlink():
        yield place.lstat()
        return
    ahead = [str(place)]
    while ahead:
        try:
            with os.scandir(ahead.pop()) as listing:
                for entry in listing:
                    if entry.is_dir(follow_symlinks=False):
                        ahead.append(entry.path)
                    else:
                        yield entry.stat(follow_symlinks=False)
        except (PermissionError, FileNotFoundError):
            continue
