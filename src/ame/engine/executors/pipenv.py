"""`!pipenv`: the effect of `pipenv sync` and `pipenv run`, from `Pipfile.lock`, without Pipenv.

Installed are the packages of the section `default`, each verified by its hashes; as with `sync`, it
is not asked whether the lock file still fits the `Pipfile`. The command is one process; its first
word may be one of the `Pipfile`'s scripts, and the variables of `.env` are set. Unlike Pipenv,
nothing replaces `$NAME` within the words, which would show secrets in the list of processes.
"""

import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ame import errors, project
from ame.engine.executors import dotenv
from ame.engine.executors.dependencies import package
from ame.engine.executors.dependencies.wanted import Wanted, recipe, repository
from ame.engine.executors.ready import Bench, Ready

_FILE = "Pipfile.lock"
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_MARKERS = (
    "implementation_name",
    "os_name",
    "platform_machine",
    "platform_python_implementation",
    "platform_system",
    "python_full_version",
    "python_version",
    "sys_platform",
)
"""Markers that stand as keys of their own."""


def prepare(executor: project.Pipenv, bench: Bench) -> Ready:
    """The command, in the environment of `Pipfile.lock`."""
    lock = _Lock(bench.read(_FILE, "run `pipenv lock`"), bench.folder)
    interpreter = bench.interpreter(executor.python_version or lock.python(bench))
    words, variables = _command(bench, bench.process(executor.command), _scripts(bench.folder))
    wanted = lock.wanted(bench.environments.environ)
    content = (*wanted.content(), *wanted.variables.values())
    environment = bench.get(recipe("pipenv", interpreter, content, lambda: wanted))
    inside = {"PIPENV_ACTIVE": "1", "PIPENV_PROJECT_DIR": str(bench.folder)}
    ready = bench.ready(words, environment, wanted.roots, _loaded(bench) | inside)
    return replace(ready, variables={**ready.variables, **variables})


class _Lock:
    """What `Pipfile.lock` pins."""

    def __init__(self, data: bytes, folder: Path) -> None:
        try:
            self._content: dict[str, Any] = json.loads(data)
        except ValueError as error:
            raise errors.DependenciesInvalid(_FILE, str(error), "run `pipenv lock`") from None
        self._meta = self._content.get("_meta", {})
        self._folder = folder

    def python(self, bench: Bench) -> str:
        """The version that it was made for; where it does not say, that of the machine's Python."""
        requires = self._meta.get("requires", {})
        said: str = requires.get("python_full_version") or requires.get("python_version", "")
        return said or bench.environments.own().version

    def wanted(self, environ: Mapping[str, str]) -> Wanted:
        """The packages of the section `default`.

        Raises:
            errors.DependenciesInvalid: a path is missing.
            errors.DependencyUnsupported: a package is pinned in a way that is not known.

        """
        wanted = Wanted(options=("--no-deps",), variables=self._indexes(environ))
        for name, entry in self._content.get("default", {}).items():
            if "path" in entry:
                self._add_path(name, entry, wanted)
            else:
                wanted.lines.append(_line(name, entry))
        return wanted

    def _add_path(self, name: str, entry: Mapping[str, Any], wanted: Wanted) -> None:
        path = Path(os.path.normpath(self._folder / entry["path"]))
        found = package.read(path) if entry.get("editable") and path.is_dir() else None
        if found:
            wanted.packages.append(found)
        else:
            wanted.lines.append(f"{name} @ {wanted.local(path, shown=_FILE)}{_marker(entry)}")

    def _indexes(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables of uv for the sources, of which the first is the default."""
        urls, hosts = [], []
        for source in self._meta.get("sources", ()):
            url = re.sub(r"\$\{?(\w+)\}?", lambda m: environ.get(m[1], m[0]), source["url"])
            urls.append(url)
            if not source.get("verify_ssl", True):
                hosts.append(url.split("/")[2].rpartition("@")[2])
        if mirror := environ.get("PIPENV_PYPI_MIRROR"):
            urls[:1] = [mirror]
        found = {
            "UV_DEFAULT_INDEX": "".join(urls[:1]),
            "UV_INDEX": " ".join(urls[1:]),
            "UV_INSECURE_HOST": " ".join(hosts),
        }
        return {name: value for name, value in found.items() if value and name not in environ}


def _line(name: str, entry: Mapping[str, Any]) -> str:
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    if "git" in entry:
        address = repository(entry["git"])
        below = f"#subdirectory={entry['subdirectory']}" if "subdirectory" in entry else ""
        pinned = f" @ {address}@{entry['ref']}{below}" if "ref" in entry else f" @ {address}"
    elif "file" in entry:
        pinned = f" @ {entry['file']}"
    elif "version" in entry:
        pinned = entry["version"].replace("*", "")
    else:
        remedy = "name the package in another way in the Pipfile"
        raise errors.DependencyUnsupported(_FILE, f"the way in which `{name}` is pinned", remedy)
    hashes = "".join(f" --hash={each}" for each in entry.get("hashes", ()))
    return f"{name}{extras}{pinned}{_marker(entry)}{hashes}"


def _marker(entry: Mapping[str, Any]) -> str:
    markers = [f"({entry['markers']})"] if entry.get("markers") else []
    markers += [f"{name} {entry[name]}" for name in _MARKERS if name in entry]
    return f" ; {' and '.join(markers)}" if markers else ""


def _loaded(bench: Bench) -> dict[str, str]:
    """The variables of `.env`, without those that ame provides."""
    loaded = dotenv.read(bench.folder / ".env", bench.environments.environ)
    if refused := sorted(loaded.keys() & project.PROVIDED):
        bench.note(f".env: ame provides {', '.join(refused)} itself; not taken from there")
    return {name: value for name, value in loaded.items() if name not in project.PROVIDED}


def _scripts(folder: Path) -> dict[str, Any]:
    """The section `scripts` of the `Pipfile`; empty when there is none."""
    try:
        with (folder / "Pipfile").open("rb") as file:
            scripts: dict[str, Any] = tomllib.load(file).get("scripts", {})
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.DependenciesInvalid("Pipfile", str(error), "correct it") from None
    return scripts


def _command(
    bench: Bench, argv: tuple[str, ...], scripts: Mapping[str, Any]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The argv after scripts are put in, and the variables that stood before the command.

    A script of several commands is a chain that ends with the first that fails.
    """
    script = scripts.get(argv[0], "")
    match script:
        case {"call": str(call)}:
            module, _, function = call.partition(":")
            called = function if "(" in function else f"{function}()"
            words = ["python", "-c", f"import {module} as _m; _m.{called}", *argv[1:]]
        case [*commands]:
            chain = " && ".join(shlex.join(shlex.split(str(each))) for each in commands)
            words = [bench.environments.shell, "-c", f"{chain} {shlex.join(argv[1:])}"]
        case _:
            words = [*(shlex.split(script) if script else argv[:1]), *argv[1:]]
    variables = dict(_assignments(words))
    return tuple(words[len(variables) :]), variables


def _assignments(words: list[str]) -> Iterator[tuple[str, str]]:
    for word in words[:-1]:
        match = _ASSIGNMENT.fullmatch(word)
        if match is None:
            return
        yield match[1], match[2]
