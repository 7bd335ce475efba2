"""Flower's apps as programs: a ServerApp leads our server, a ClientApp works at our sites."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.program import ALL, App, File, Part, Program, Routed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROJECT = "pyproject.toml"
CONTROLLER = "ame.federation.flower.apps.controller.FlowerController"
EXECUTOR = "ame.federation.flower.apps.executor.FlowerExecutor"

LICENSE = "LICENSE"
_SUFFIXES = frozenset({".py", ".toml", ".md", ".yaml", ".yml", ".json", ".jsonl"})
_LEFT_OUT = (
    ".*/", "__pycache__/", "*_test.py", "test_*.py", "/build/", "/eggs/", "/lib/", "/lib64/",
    "/parts/", "/env/", "/venv/", "/ENV/", "/env.bak/", "/venv.bak/",
)  # fmt: skip

_NODES = 2

Setting = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowerApp:
    """What an app's `pyproject.toml` says."""

    name: str
    server: str
    """`module:attribute` of its ServerApp."""
    client: str
    """The same of its ClientApp."""
    config: Mapping[str, Setting]
    """Its run configuration: nested tables as names with dots."""


def is_app(folder: Path) -> bool:
    """Whether a folder is that of a Flower app."""
    try:
        return bool(_told(folder))
    except (OSError, ValueError):
        return False


def describe(folder: Path) -> FlowerApp:
    """What an app's `pyproject.toml` says.

    Raises:
        errors.FlowerAppInvalid: it is not there, cannot be read, or names no components.
    """
    try:
        project = tomllib.loads((folder / PROJECT).read_text("utf-8"))
        told = _told(folder)
    except (OSError, ValueError) as error:
        raise errors.FlowerAppInvalid(str(folder / PROJECT), str(error)) from error
    components = told.get("components", {})
    for each in ("serverapp", "clientapp"):
        if ":" not in str(components.get(each, "")):
            raise errors.FlowerAppInvalid(
                str(folder / PROJECT),
                f"`tool.flwr.app.components.{each}` does not name one; give `module:attribute`",
            )
    return FlowerApp(
        name=str(project.get("project", {}).get("name", folder.resolve().name)),
        server=components["serverapp"],
        client=components["clientapp"],
        config=flat(told.get("config", {})),
    )


def read(folder: Path, run_config: Mapping[str, Any] | None = None) -> Program:
    """An app's folder as a program, for any number of sites.

    Args:
        folder: with its `pyproject.toml`.
        run_config: goes before what `tool.flwr.app.config` says.

    Raises:
        errors.FlowerAppInvalid: it is no app that Flower would run, or `run_config` names what its
            configuration does not have.
        errors.ExtraMissing: Flower is not installed.
    """
    app = describe(folder)
    overrides = flat(run_config or {})
    merged(app, overrides)
    files = tuple(files_of(folder))
    return Program(
        name=app.name,
        server=App(
            workflows=(Part(path=CONTROLLER, args={"run_config": overrides}, id="controller"),),
            files=files,
        ),
        everyone=App(
            executors=(Routed(tasks=ALL, executor=Part(path=EXECUTOR)),),
            files=files,
        ),
    )


def alone(program: Program) -> Mapping[str, Any] | None:
    """What goes before the run configuration of a program that is an app and nothing else.

    None of one that is another, or has more to it, as filters: Flower's engine knows only apps.
    """
    lead, everyone = program.server.workflows, program.everyone
    if everyone is None or program.sites or [each.path for each in lead] != [CONTROLLER]:
        return None
    if [each.executor.path for each in everyone.executors] != [EXECUTOR]:
        return None
    tops = (*program.server.tops(), *everyone.tops())
    if len(tops) > len(("controller", "executor")) or lead[0].args.get("flower_app_path"):
        return None
    config = lead[0].args.get("run_config")
    return config if isinstance(config, dict) else {}


def bundle(program: Program) -> bytes:
    """An app as `flwr build` makes it.

    Raises:
        errors.FlowerAppInvalid: Flower takes no such app.
    """
    from flwr.cli.build import build_fab_from_files

    files = {str(each.target): each.read() for each in program.server.files}
    try:
        return build_fab_from_files(files)[0]
    except ValueError as error:
        raise errors.FlowerAppInvalid(program.name, str(error)) from error


def settings(words: Sequence[str]) -> dict[str, Setting]:
    """What `name=value` words say of a run configuration; a value that is no TOML is a text.

    Raises:
        errors.FlowerAppInvalid: a word is none of these.
    """
    found: dict[str, Setting] = {}
    for word in words:
        name, given, value = word.partition("=")
        if not (name and given):
            raise errors.FlowerAppInvalid(
                f"`{word}`", "say settings of its run configuration as `name=value`"
            )
        try:
            found[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[name] = value
    return found


def sites_of(folder: Path) -> int:
    """How many nodes an app simulates: what its `pyproject.toml` says, or as many as Flower."""
    project = tomllib.loads((folder / PROJECT).read_text("utf-8"))
    told = project.get("tool", {}).get("flwr", {}).get("federations", {})
    chosen = told.get(told.get("default"), {})
    count = chosen.get("options", {}).get("num-supernodes", _NODES)
    return int(count)


def files_of(folder: Path) -> list[File]:
    """The files that Flower would take along, in the order of their names.

    Those of its suffixes, but for tests and environments, that `.gitignore` and the app's
    `fab-include` and `fab-exclude` leave.

    Raises:
        errors.ExtraMissing: Flower is not installed.
    """
    try:
        from pathspec import GitIgnoreSpec
    except ImportError as missing:
        raise errors.ExtraMissing("flower", "running apps of Flower") from missing
    told, ignored = _told(folder), folder / ".gitignore"
    left = GitIgnoreSpec.from_lines(
        [
            *_LEFT_OUT,
            *(ignored.read_text("utf-8").splitlines() if ignored.exists() else ()),
            *told.get("fab-exclude", ()),
        ]
    )
    wanted = GitIgnoreSpec.from_lines(told.get("fab-include") or ["**"])
    found = (
        path.relative_to(folder)
        for path in folder.rglob("*")
        if (path.suffix in _SUFFIXES or path == folder / LICENSE) and path.is_file()
    )
    return [
        File(source=folder / path, target=PurePosixPath(path))
        for path in sorted(found)
        if path.name == PROJECT or (wanted.match_file(path) and not left.match_file(path))
    ]


def flat(config: Mapping[str, Any], within: str = "") -> dict[str, Setting]:
    """A configuration with its tables as names with dots, as apps see it."""
    found: dict[str, Setting] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            found |= flat(value, f"{within}{name}.")
        else:
            found[within + name] = value
    return found


def merged(app: FlowerApp, overrides: Mapping[str, Any]) -> dict[str, Setting]:
    """The run configuration, with what goes before it.

    Raises:
        errors.FlowerAppInvalid: it does not have what is to be overridden.
    """
    wanted = flat(overrides)
    for name in wanted:
        if name not in app.config:
            known = ", ".join(f"`{each}`" for each in app.config) or "nothing"
            raise errors.FlowerAppInvalid(
                app.name, f"its run configuration has {known}, and no `{name}`"
            )
    return {**app.config, **wanted}


def _told(folder: Path) -> Mapping[str, Any]:
    """The table `tool.flwr.app`."""
    project = tomllib.loads((folder / PROJECT).read_text("utf-8"))
    told = project.get("tool", {}).get("flwr", {}).get("app", {})
    return told if isinstance(told, dict) else {}
