"""Requirements files as pip reads them, with all files that they name by `-r` and `-c`."""

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ame import errors
from ame.engine.executors.dependencies import package
from ame.engine.executors.dependencies.wanted import Wanted

_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:\s*=\s*|\s*)(.*)", re.DOTALL)
_EXTRAS = re.compile(r"(.*?)(\[[^\]]*\])?\s*(;.*)?", re.DOTALL)
_NAMED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?)\s*@\s*(\S+)(.*)", re.DOTALL)
_SHORT = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-f": "--find-links",
    "-i": "--index-url",
}
_FOR_PIP_ALONE = re.compile(r"\s--(global-option|config-settings?|install-option)\b")
_ARCHIVE = re.compile(r"\.(whl|zip|tar\.gz|tgz|tar\.bz2)\b")


class Requirements:
    """Reads requirements files of a project into what they ask for together."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the project's: local paths are relative to it, as for a pip started there."""
        self.wanted = Wanted()
        self._folder = folder
        self._seen: set[Path] = set()

    def read(self, name: str, *, below: Path | None = None) -> None:
        """Adds a file, named relative to `below`.

        Raises:
            errors.DependenciesInvalid: it, or one that it names, is missing or not text.
            errors.DependencyUnsupported: it names a file that is not on this machine.

        """
        path = _local(name, below or self._folder)
        if path not in self._seen:
            self._seen.add(path)
            shown = os.path.relpath(path, self._folder)
            self.add(_lines(path, shown), shown=shown, below=path.parent)

    def add(self, lines: list[str], *, shown: str, below: Path) -> None:
        """Adds the lines of a file; `shown` is its name in messages."""
        for line in lines:
            option, value = _option(line)
            if option:
                self._add_option(line, option, value, shown=shown, below=below)
            else:
                self._add_requirement(line, shown)

    def _add_option(self, line: str, option: str, value: str, *, shown: str, below: Path) -> None:
        remote = "://" in value and not value.startswith("file:")
        match option:
            case "--requirement" | "--constraint" if remote:
                remedy = "save that file in the project and name it by its path"
                raise errors.DependencyUnsupported(shown, f"`{line}`", remedy)
            case "--requirement":
                self.read(value, below=below)
            case "--constraint":
                path = _local(value, below)
                self.wanted.constraints += _lines(path, os.path.relpath(path, self._folder))
            case "--editable":
                self._add_editable(value, shown)
            case "--find-links" if not remote:
                path = _local(value, below if (below / value).exists() else self._folder)
                self.wanted.lines.append(f"{option} {self.wanted.local(path, shown=shown)}")
            case _:
                self.wanted.lines.append(line)

    def _add_requirement(self, line: str, shown: str) -> None:
        if line.count(" --") > line.count(" --hash"):
            self.wanted.by_pip = self.wanted.by_pip or bool(_FOR_PIP_ALONE.search(line))
        target = line.split(" --", 1)[0]
        if not (
            "/" in target or "@" in target or target.startswith(".") or _ARCHIVE.search(target)
        ):
            self.wanted.lines.append(line)
            return
        rest = line.removeprefix(target)
        if named := _NAMED.fullmatch(target):
            name, path, marker = named.groups()
            name = f"{name} @ "
        else:
            path, name, marker = _parts(target)
        if _is_path(path):
            place = self.wanted.local(_local(path, self._folder), shown=shown)
            line = f"{name}{place}{marker}{rest}" if named else f"{place}{name}{marker}{rest}"
        self.wanted.lines.append(line)

    def _add_editable(self, value: str, shown: str) -> None:
        path, extras, _ = _parts(value)
        if "://" in path and not path.startswith("file:"):
            self._add_requirement(_named_link(value), shown)
            return
        folder = _local(path, self._folder)
        names = [name.strip() for name in extras.strip("[]").split(",") if name]
        found = package.read(folder, extras=names)
        if found is None or found.dependencies is None:
            self._add_requirement(value if _is_path(path) else f"./{value}", shown)
        else:
            self.wanted.packages.append(found)
            self.add(list(found.dependencies), shown=f"{path}/pyproject.toml", below=folder)


def _parts(target: str) -> tuple[str, str, str]:
    """A requirement's name or path, its extras, and its marker."""
    match = _EXTRAS.fullmatch(target)
    path, extras, marker = match.groups(default="") if match else (target, "", "")
    return path.strip(), extras, f" {marker}" if marker else ""


def _option(line: str) -> tuple[str, str]:
    """A line's option, in its long spelling, and the value; two empty texts for a requirement."""
    if not line.startswith("-"):
        return "", ""
    if line[:2] in _SHORT:
        return _SHORT[line[:2]], line[2:].strip().removeprefix("=").strip()
    match = _OPTION.fullmatch(line)
    return (match[1], match[2].strip()) if match else (line, "")


def _is_path(name: str) -> bool:
    """Whether a requirement is a file or a folder of this machine, as pip tells it."""
    if "://" in name or name.startswith("file:"):
        return name.startswith("file:")
    return name.startswith(".") or "/" in name or bool(_ARCHIVE.search(name))


def _local(name: str, folder: Path) -> Path:
    """The absolute path of a name or of a `file:` address."""
    if name.startswith("file:"):
        name = unquote(urlsplit(name).path)
    return Path(os.path.normpath(folder / name))


def _named_link(value: str) -> str:
    """`git+https://…#egg=name` as `name @ git+https://…`, which is the same, not editable."""
    address, _, fragment = value.partition("#")
    name = dict(part.partition("=")[::2] for part in fragment.split("&")).get("egg", "")
    return f"{name} @ {address}" if name else value


def _lines(path: Path, shown: str) -> list[str]:
    """The lines of a file without comments and blank ones, those that end in a backslash joined."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        remedy = "write it (it may be empty), or use another executor"
        raise errors.DependenciesInvalid(shown, "the file is missing", remedy) from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        fault = f"it cannot be read as text ({error})"
        raise errors.DependenciesInvalid(shown, fault, "save it as UTF-8") from None
    joined = re.sub(r"\\\n", "", re.sub(r"(?m)^[ \t]*#.*$", "", text))
    lines = (
        _COMMENT.sub("", line).strip() if "#" in line else line.strip()
        for line in joined.splitlines()
    )
    return [line for line in lines if line]
