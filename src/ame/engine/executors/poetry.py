"""`!poetry`: the effect of `poetry install` and `poetry run`, from `poetry.lock`, without Poetry.

Installed are the packages of the groups that are not optional, without extras, each verified by its
hashes. The project itself enters by path; its console scripts and metadata, which are the same for
every run, are in the environment. The command is one process.

A lock file from before Poetry 2 does not say which group needs a package, and under which marker:
Poetry itself, in an environment of its own, works that out once for each such file.
"""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from ame import errors, project
from ame.engine import environments
from ame.engine.executors.dependencies import package, poetry_lock
from ame.engine.executors.dependencies.wanted import Wanted, recipe
from ame.engine.executors.ready import Bench, Ready

_HASHED = ("requires-python", "dependencies", "optional-dependencies")
_HASHED_BY_POETRY = ("dependencies", "source", "extras", "dev-dependencies", "group")
_TOOL = ("poetry==2.5.1", "poetry-plugin-export==1.10.1")


def prepare(executor: project.Poetry, bench: Bench) -> Ready:
    """The command, in the environment of `poetry.lock`."""
    argv = bench.process(executor.command)
    bench.read("pyproject.toml", "Poetry describes a project there: run `poetry init`")
    lock = bench.read("poetry.lock", "run `poetry lock`")
    described = _Described(package.load(bench.folder), bench.folder)
    interpreter = bench.interpreter(executor.python_version)
    wanted = poetry_lock.local(lock, bench.folder, described.left_out)
    wanted.packages = described.packages + wanted.packages

    def want() -> Wanted:
        described.check(lock, interpreter)
        if not poetry_lock.read(lock, wanted, described.left_out):
            poetry_lock.exported(bench, _tool(bench), wanted, described.groups())
        wanted.variables = described.indexes(bench.environments.environ)
        return wanted

    content = [lock, *map(str.encode, (described.relevant, *wanted.content()))]
    environment = bench.get(recipe("poetry", interpreter, content, want))
    return bench.ready(argv, environment, wanted.roots)


class _Described:
    """What `pyproject.toml` says to Poetry."""

    def __init__(self, pyproject: Mapping[str, Any], folder: Path) -> None:
        self._pyproject = pyproject
        self._poetry = pyproject.get("tool", {}).get("poetry", {})
        own = package.of(pyproject, folder)
        installed = self._poetry.get("package-mode", True)
        self.packages = [own] if installed or own.points["console_scripts"] else []
        """The project's own package; in a project that is none, what offers its scripts."""
        self.left_out = {
            _plain(name)
            for name, group in self._poetry.get("group", {}).items()
            if group.get("optional")
        }
        """The groups that are not installed unless asked for."""
        self.relevant = json.dumps(self._content(groups=True), sort_keys=True)

    def check(self, lock: bytes, interpreter: environments.Interpreter) -> None:
        """Refuses a lock file of another `pyproject.toml`, and a Python that the project refuses.

        Raises:
            errors.DependenciesInvalid: one of both.

        """
        said = poetry_lock.content_hash(lock)
        without_groups = json.dumps(self._content(groups=False), sort_keys=True)
        if said not in (_digest(self.relevant), _digest(without_groups)):
            raise errors.DependenciesInvalid(
                "poetry.lock",
                "pyproject.toml changed significantly since it was last generated",
                "run `poetry lock`",
            )
        wanted = self._pyproject.get("project", {}).get("requires-python")
        wanted = wanted or self._poetry.get("dependencies", {}).get("python", "*")
        if not environments.allows(wanted, interpreter.version):
            raise errors.DependenciesInvalid(
                "pyproject.toml",
                f"it asks for Python {wanted}, the task for {interpreter.version}",
                "change `pythonVersion` in the task, or `python` in the project",
            )

    def groups(self) -> list[str]:
        """The groups beside the main one that are installed."""
        names = {*self._poetry.get("group", {}), *self._pyproject.get("dependency-groups", {})}
        if "dev-dependencies" in self._poetry:
            names.add("dev")
        return sorted({*map(_plain, names)} - self.left_out - {"main"})

    def indexes(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables of uv for the project's sources, with their credentials."""
        variables: dict[str, str] = {}
        first, further = "", []
        sources = self._poetry.get("source", ())
        usual = any(source["name"].lower() == "pypi" for source in sources)
        for source in sources:
            if "url" not in source:
                continue
            name = re.sub(r"[^A-Za-z0-9]+", "-", source["name"])
            primary = source.get("priority", "primary") in ("primary", "default")
            if primary and not first and not usual:
                first = f"{name}={source['url']}"
            else:
                further.append(f"{name}={source['url']}")
            shouted = re.sub("[^A-Z0-9]", "_", source["name"].upper())
            for part in ("USERNAME", "PASSWORD"):
                if value := environ.get(f"POETRY_HTTP_BASIC_{shouted}_{part}"):
                    variables[f"UV_INDEX_{shouted}_{part}"] = value
        if first:
            variables["UV_DEFAULT_INDEX"] = first
        if further:
            variables["UV_INDEX"] = " ".join(further)
        return variables

    def _content(self, *, groups: bool) -> dict[str, Any]:
        """What Poetry's content hash covers; before Poetry 2.3 without dependency groups."""
        declared = self._pyproject.get("project", {})
        standard = {key: declared[key] for key in _HASHED if declared.get(key) is not None}
        named = self._pyproject.get("dependency-groups", {}) if groups else {}
        own = {key: self._poetry[key] for key in _HASHED_BY_POETRY if key in self._poetry}
        if not standard and not named:
            return dict.fromkeys(_HASHED_BY_POETRY[:-1]) | own
        content: dict[str, Any] = {"tool": {"poetry": own}}
        if standard:
            content["project"] = standard
        if named:
            content["dependency-groups"] = named
        return content


def _tool(bench: Bench) -> environments.Environment:
    """Poetry, in an environment of its own."""
    bench.note("this lock file is from before Poetry 2: asking Poetry what it pins")
    interpreter = bench.environments.own()
    return bench.get(recipe("tool", interpreter, _TOOL, lambda: Wanted(lines=[*_TOOL])))


def _plain(group: str) -> str:
    """A group's name as lock files write it."""
    return re.sub(r"[-_.]+", "-", group).lower()


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
