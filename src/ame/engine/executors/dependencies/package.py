"""A project as a package of its own: what installing it, editable, would add to an environment.

Only what is the same for every run goes into the environment: name, version, console scripts and
entry points. The code itself enters by path.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ame import errors
from ame.engine import environments

_PURE = ("setuptools", "hatchling", "flit_core", "pdm.backend", "poetry.core", "uv_build")
"""Build backends whose wheels hold the files of the tree as they are."""
_SCRIPT = """#!/bin/sh
'''exec' '{python}' "$0" "$@"
' '''
import sys
from {module} import {top}
sys.argv[0] = {name!r}
sys.exit({function}())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A project's own package."""

    name: str
    version: str
    roots: tuple[Path, ...]
    """Folders from which its modules are imported."""
    points: Mapping[str, Mapping[str, str]]
    """Entry points by group; console scripts are the group `console_scripts`."""
    dependencies: tuple[str, ...] | None = None
    """What it requires, where that is written down plainly; None where only a build can tell."""

    @property
    def identity(self) -> str:
        """All of it that goes into an environment."""
        return json.dumps([self.name, self.version, self.points], sort_keys=True)

    def install(self, installer: environments.Installer) -> None:
        """Adds metadata and scripts to an environment, and no code."""
        base = f"{re.sub(r'[-_.]+', '_', self.name)}-{self.version}"
        info = installer.site_packages / f"{base}.dist-info"
        info.mkdir(exist_ok=True)
        metadata = f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n"
        (info / "METADATA").write_text(metadata)
        (info / "INSTALLER").write_text("ame\n")
        (info / "entry_points.txt").write_text(
            "".join(
                f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
                for group, points in self.points.items()
            )
        )
        for name, value in self.points.get("console_scripts", {}).items():
            module, _, function = value.partition("[")[0].strip().partition(":")
            script = installer.venv / "bin" / name
            script.write_text(
                _SCRIPT.format(
                    python=installer.python,
                    module=module,
                    top=function.partition(".")[0],
                    function=function,
                    name=name,
                )
            )
            script.chmod(0o755)


def load(folder: Path) -> dict[str, Any]:
    """The content of `pyproject.toml`; empty when there is none.

    Raises:
        errors.DependenciesInvalid: it is not TOML.

    """
    try:
        return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.DependenciesInvalid("pyproject.toml", str(error), "correct it") from None


def read(folder: Path, *, extras: Sequence[str] = ()) -> Package | None:
    """The package of the project in a folder; None when its tree is not what would be installed."""
    pyproject = load(folder)
    declared = pyproject.get("project", {})
    poetry = pyproject.get("tool", {}).get("poetry", {})
    backend = pyproject.get("build-system", {}).get("build-backend", "setuptools")
    built = "build" in poetry or (
        backend.startswith("setuptools") and (folder / "setup.py").exists()
    )
    dynamic = set(declared.get("dynamic", ()))
    named = "name" in declared or "name" in poetry
    if built or not named or not backend.startswith(_PURE) or dynamic & {"scripts", "entry-points"}:
        return None
    if "name" not in declared or "dependencies" in dynamic:
        return of(pyproject, folder)
    optional = declared.get("optional-dependencies", {})
    required = [*declared.get("dependencies", ())]
    for extra in extras:
        required += optional.get(extra, ())
    return of(pyproject, folder, dependencies=tuple(required))


def of(
    pyproject: Mapping[str, Any], folder: Path, *, dependencies: tuple[str, ...] | None = None
) -> Package:
    """The package that a `pyproject.toml` describes, for PEP 621 or in Poetry's own table."""
    declared = pyproject.get("project", {})
    poetry = pyproject.get("tool", {}).get("poetry", {})
    points = {"console_scripts": _scripts(poetry.get("scripts", {}))}
    points["console_scripts"] |= declared.get("scripts", {}) | declared.get("gui-scripts", {})
    points |= poetry.get("plugins", {}) | declared.get("entry-points", {})
    return Package(
        name=declared.get("name") or poetry.get("name", ""),
        version=declared.get("version") or poetry.get("version", "0"),
        roots=tuple(Path(folder, root) for root in _roots(pyproject, folder)),
        points=points,
        dependencies=dependencies,
    )


def _scripts(table: Mapping[str, Any]) -> dict[str, str]:
    """Poetry's scripts that name a function; those that name a file are in the project already."""
    named = {
        name: value if isinstance(value, str) else value.get("reference", "")
        for name, value in table.items()
    }
    return {name: value for name, value in named.items() if ":" in value}


def _roots(pyproject: Mapping[str, Any], folder: Path) -> list[str]:
    """The folders that hold the package, relative to the project's."""
    tool = pyproject.get("tool", {})
    setuptools = tool.get("setuptools", {})
    found = tool.get("setuptools", {}).get("packages", {})
    hatch = tool.get("hatch", {}).get("build", {}).get("targets", {}).get("wheel", {})
    roots = [
        *(each.get("from", ".") for each in tool.get("poetry", {}).get("packages", ())),
        *setuptools.get("package-dir", {}).values(),
        *(found.get("find", {}).get("where", ()) if isinstance(found, dict) else ()),
        *(str(Path(each).parent) for each in hatch.get("packages", ())),
    ]
    return list(dict.fromkeys(roots)) or ["src" if (folder / "src").is_dir() else "."]
