"""Requirements files, as pip reads them, with all that they lead to.

The files named by `-r` and `-c` are read with them; a local path becomes a copy, so that nothing of
a workspace stays in an environment that other runs will share. A project named by `-e` whose
metadata are written down plainly enters by path, at each run; any other is installed as a copy.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ame import errors
from ame.engine.executors import package

_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:\s*=\s*|\s*)(.*)", re.DOTALL)
_EXTRAS = re.compile(r"(.*?)(\[[^\]]*\])?\s*(;.*)?", re.DOTALL)
_NAMED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?)\s*@\s*(\S+)(.*)", re.DOTALL)
_SHORT = {"-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-f": "--find-links"}
_REFUSED_BY_UV = re.compile(r"\s--(global-option|config-settings|install-option)\b")
_LEFT_OUT = ("__pycache__", ".git", ".venv", "node_modules")
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2")


@dataclass(slots=True, kw_only=True)
class Requirements:
    """What a requirements file asks for, all files that it names included."""

    folder: Path
    """Local paths are relative to it."""
    lines: list[str] = field(default_factory=list)
    """Requirements and options; a local path stands as `{n}`, its place in `paths`."""
    constraints: list[str] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    """Local files and folders, to be installed as copies."""
    packages: list[package.Package] = field(default_factory=list)
    """Projects that enter by path."""
    pip: bool = False
    """Whether only pip understands it."""
    _seen: set[Path] = field(default_factory=set)

    def content(self) -> Iterator[str]:
        """All that the result depends on."""
        yield from self.lines
        yield "constraints"
        yield from self.constraints
        for path in self.paths:
            yield digest(path)
        for each in self.packages:
            yield each.identity

    def copied(self, scratch: Path) -> tuple[list[str], list[str]]:
        """The lines and the constraints, with local paths that lead to copies below `scratch`."""
        names: list[str] = []
        for number, path in enumerate(self.paths):
            target = scratch / f"path{number}" / path.name
            if path.is_dir():
                ignored = shutil.ignore_patterns(*_LEFT_OUT)
                shutil.copytree(path, target, symlinks=True, ignore=ignored)
            else:
                target.parent.mkdir()
                shutil.copy2(path, target)
            names.append(target.as_uri())
        return ([_filled(line, names) for line in self.lines], self.constraints)

    def read(self, name: str, *, below: Path | None = None) -> None:
        """Adds a file, named relative to `below`.

        Raises:
            errors.DependenciesInvalid: it, or one that it names, is missing or not text.
            errors.DependencyUnsupported: it names a file that is not on this machine.

        """
        path = _local(name, below or self.folder)
        shown = os.path.relpath(path, self.folder)
        if path in self._seen:
            return
        self._seen.add(path)
        self.add(_text(path, shown), shown=shown, below=path.parent)

    def add(self, text: str, *, shown: str, below: Path) -> None:
        """Adds the lines of a file; `shown` is its name in messages."""
        for line in _joined(text):
            self._add_line(line, shown, below)

    def _add_line(self, line: str, shown: str, below: Path) -> None:
        option, value = _option(line)
        if "://" in value and option in ("--requirement", "--constraint"):
            raise errors.DependencyUnsupported(
                shown, f"`{line}`", "save that file in the project and name it by its path"
            )
        match option:
            case "--requirement":
                self.read(value, below=below)
            case "--constraint":
                path = _local(value, below)
                text = _text(path, os.path.relpath(path, self.folder))
                self.constraints += _joined(text)
            case "--editable":
                self._add_editable(value, shown)
            case "--find-links" if "://" not in value:
                folder = _local(value, below if (below / value).exists() else self.folder)
                self.lines.append(f"--find-links {{{len(self.paths)}}}")
                self._add_path(folder, shown)
            case "":
                self._add_requirement(line, shown)
            case _:
                self.lines.append(line)

    def _add_requirement(self, line: str, shown: str) -> None:
        self.pip = self.pip or bool(_REFUSED_BY_UV.search(line))
        if named := _NAMED.fullmatch(line):
            name, url, rest = named.groups()
            if url.startswith("file:"):
                self.lines.append(f"{name} @ {{{len(self.paths)}}}{rest}")
                self._add_path(_local(url, self.folder), shown)
            else:
                self.lines.append(line)
            return
        target = line.split(" --", 1)[0]
        match = _EXTRAS.fullmatch(target)
        path, extras, marker = match.groups(default="") if match else (target, "", "")
        if _is_path(path):
            rest = line.removeprefix(target)
            self.lines.append(f"{{{len(self.paths)}}}{extras} {marker}{rest}".strip())
            self._add_path(_local(path, self.folder), shown)
        else:
            self.lines.append(line)

    def _add_editable(self, value: str, shown: str) -> None:
        match = _EXTRAS.fullmatch(value)
        path, extras, _ = match.groups(default="") if match else (value, "", "")
        if "://" in path and not path.startswith("file:"):
            self._add_requirement(_from_link(value), shown)
            return
        folder = _local(path, self.folder)
        found = package.read(folder, extras=[e.strip() for e in extras.strip("[]").split(",") if e])
        if found is None or found.dependencies is None:
            self._add_requirement(value if "/" in path else f"./{value}", shown)
            return
        self.packages.append(found)
        self.lines += found.dependencies

    def _add_path(self, path: Path, shown: str) -> None:
        if not path.exists():
            raise errors.DependenciesInvalid(
                shown, f"it names `{path}`, which is not there", "correct the path or remove it"
            )
        self.paths.append(path)


def digest(path: Path) -> str:
    """Of a file, or of the names and contents of all files below a folder."""
    total = hashlib.sha256()
    for file in [path] if path.is_file() else _files(path):
        name = os.fsencode(os.path.relpath(file, path))
        data = bytes(file.readlink()) if file.is_symlink() else file.read_bytes()
        total.update(b"%d:%s%d:%s" % (len(name), name, len(data), data))
    return total.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        yield from (Path(here, name) for name in sorted(names))


def _joined(text: str) -> list[str]:
    """The lines without comments and blank ones, those that end in a backslash joined."""
    joined = re.sub(r"\\\r?\n", "", re.sub(r"(?m)^[ \t]*#.*$", "", text))
    lines = (_COMMENT.sub("", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _option(line: str) -> tuple[str, str]:
    """A line's option, in its long spelling, and the value; `""` for a requirement."""
    if not line.startswith("-"):
        return "", line
    short, rest = line[:2], line[2:]
    if short in _SHORT:
        return _SHORT[short], rest.strip().removeprefix("=").strip()
    match = _OPTION.fullmatch(line)
    return (match[1], match[2].strip()) if match else (line, "")


def _is_path(name: str) -> bool:
    """Whether a requirement is a file or a folder of this machine, as pip tells it."""
    if "://" in name or name.startswith("file:"):
        return name.startswith("file:")
    return name.startswith(".") or "/" in name or name.endswith(_ARCHIVES)


def _local(name: str, folder: Path) -> Path:
    """The absolute path of a name or of a `file:` address."""
    if name.startswith("file:"):
        name = unquote(urlsplit(name).path)
    return Path(os.path.normpath(folder / name))


def _from_link(value: str) -> str:
    """`git+https://…#egg=name` as `name @ git+https://…`, which is the same, not editable."""
    address, _, fragment = value.partition("#")
    name = dict(part.partition("=")[::2] for part in fragment.split("&")).get("egg", "")
    return f"{name} @ {address}" if name else value


def _filled(line: str, names: Iterable[str]) -> str:
    for number, name in enumerate(names):
        line = line.replace(f"{{{number}}}", name)
    return line


def _text(path: Path, shown: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise errors.DependenciesInvalid(
            shown, "the file is missing", "write it (it may be empty), or use another executor"
        ) from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise errors.DependenciesInvalid(
            shown, f"it is not text ({error})", "save it as UTF-8"
        ) from None
