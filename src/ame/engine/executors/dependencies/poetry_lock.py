"""`poetry.lock`: what it pins, as requirements. Format 2.1, which Poetry 2 writes, is read here."""

import os
import re
import tempfile
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ame import errors
from ame.engine import environments
from ame.engine.executors.dependencies import package
from ame.engine.executors.dependencies.wanted import Wanted, repository
from ame.engine.executors.ready import Bench

_FILE = "poetry.lock"
_HASH = re.compile(rb'^content-hash = "([0-9a-f]+)"', re.MULTILINE)
_LOCAL = (b'\ntype = "directory"', b'\ntype = "file"')


def content_hash(lock: bytes) -> str:
    """The hash of the `pyproject.toml` that it was made for; empty when it does not say."""
    found = _HASH.search(lock)
    return found[1].decode() if found else ""


def local(lock: bytes, folder: Path, left_out: Collection[str]) -> Wanted:
    """What it pins in folders and files of the project, whose content can change at any run.

    The lock file, which can be long, is parsed only when it has such.

    Raises:
        errors.DependenciesInvalid: it is not TOML, or a file or folder that it names is missing.

    """
    wanted = Wanted()
    if not any(kind in lock for kind in _LOCAL):
        return wanted
    for each in _parse(lock)["package"]:
        kind = each.get("source", {}).get("type", "")
        if kind not in ("directory", "file") or not _groups(each, left_out):
            continue
        path = Path(os.path.normpath(folder / each["source"]["url"]))
        found = package.read(path) if kind == "directory" else None
        if found:
            wanted.packages.append(found)
        else:
            place = wanted.local(path, shown=_FILE)
            wanted.lines.append(f"{each['name']} @ {place}{_marker(each, left_out)}{_hashes(each)}")
    return wanted


def read(lock: bytes, wanted: Wanted, left_out: Collection[str]) -> bool:
    """Adds what it pins elsewhere, for all groups but those left out; False when it is too old.

    Raises:
        errors.DependenciesInvalid: it is not TOML, or has a package without hashes.
        errors.DependencyUnsupported: it pins a package in a way that is not known.

    """
    parsed = _parse(lock)
    version = parsed.get("metadata", {}).get("lock-version", "1.0")
    if tuple(map(int, version.split("."))) < (2, 1):
        return False
    for each in parsed.get("package", ()):
        if _groups(each, left_out) and (line := _line(each, left_out)):
            wanted.lines.append(line)
    wanted.options = ("--no-deps",)
    return True


def exported(
    bench: Bench, tool: environments.Environment, wanted: Wanted, groups: list[str]
) -> None:
    """Adds what an old lock file pins elsewhere, as Poetry in the environment `tool` exports it.

    Raises:
        errors.EnvironmentFailed: Poetry could not read it.

    """
    with tempfile.TemporaryDirectory(prefix="ame-") as name:
        file = Path(name, "exported.txt")
        chosen = ("--with", ",".join(groups)) if groups else ()
        environments.call(
            "poetry export",
            (
                *(str(tool.venv / "bin" / "poetry"), "export", "--no-interaction"),
                *("--directory", str(bench.folder), "--output", str(file)),
                *("--without-urls", *chosen),
            ),
            scratch=Path(name),
            variables=environments.plain(bench.environments.environ),
            run=bench.run,
        )
        joined = file.read_text().replace("\\\n", " ").splitlines()
    wanted.lines += [line for line in joined if "file:" not in line]
    wanted.options = ("--no-deps",)


def _parse(lock: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(lock.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.DependenciesInvalid(_FILE, str(error), "run `poetry lock`") from None


def _line(each: Mapping[str, Any], left_out: Collection[str]) -> str:
    """A package as a line of a requirements file; empty for a local one."""
    source = each.get("source", {})
    name = each["name"]
    match source.get("type", "legacy"):
        case "legacy":
            if not each.get("files"):
                fault = f"`{name}` has no hashes"
                raise errors.DependenciesInvalid(_FILE, fault, "run `poetry lock`")
            pinned = f"{name}=={each['version']}"
        case "url":
            pinned = f"{name} @ {source['url']}"
        case "git":
            below = f"#subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
            pinned = f"{name} @ {repository(source['url'])}@{source['resolved_reference']}{below}"
        case "directory" | "file":
            return ""
        case kind:
            remedy = "name the package in another way in pyproject.toml"
            raise errors.DependencyUnsupported(_FILE, f"the source `{kind}` of `{name}`", remedy)
    return f"{pinned}{_marker(each, left_out)}{_hashes(each)}"


def _groups(each: Mapping[str, Any], left_out: Collection[str]) -> list[str]:
    """The groups that need a package and are installed."""
    return [group for group in each.get("groups", ["main"]) if group not in left_out]


def _marker(each: Mapping[str, Any], left_out: Collection[str]) -> str:
    markers = each.get("markers", "")
    if isinstance(markers, str):
        return f" ; {markers}" if markers else ""
    needed = [markers.get(group, "") for group in _groups(each, left_out)]
    return " ; " + " or ".join(f"({marker})" for marker in needed) if all(needed) else ""


def _hashes(each: Mapping[str, Any]) -> str:
    return "".join(f" --hash={file['hash']}" for file in each.get("files", ()))
