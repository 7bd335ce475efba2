"""What a Flower app lists in its `pyproject.toml`, in an environment beside the one of `ame`.

An app is run by the Flower that is here. So nothing is installed where all that the app lists is
here already; where something is missing, it comes with all that it needs itself, in versions that
Flower takes too, and goes before what is here.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Final

from ame import errors, process
from ame.engine.executors.dependencies import package
from ame.engine.executors.dependencies.wanted import Wanted, recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from packaging.requirements import Requirement

    from ame.engine.home import Home

FLOWER: Final = "flwr"
OURS: Final = "ame-tasks"
EXTRAS: Final = ("federation", "flower")
"""Of ours, what runs apps."""
OFF: Final = "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION"
"""Flower's own variable: where it is 1, nobody's packages are installed."""


def packages(
    app: Path,
    home: Home,
    tell: Callable[[bytes], None],
    *,
    environ: Mapping[str, str],
    ours: bool = False,
) -> Path | None:
    """The folder to import an app's packages from; None where what is here is enough.

    It stays in use until `home` is closed. `tell` is given what the installer prints; with `ours`,
    the packages are such that `ame` takes them too.

    Raises:
        errors.ExtraMissing: Flower is not installed.
        errors.DependenciesInvalid: `pyproject.toml` lists what is no package.
        errors.EnvironmentFailed: something could not be found or built, or does not go with Flower.
    """
    wanted = []
    for each in _listed(app):
        if each.name.lower() != FLOWER:
            wanted.append(each)
        elif not each.specifier.contains(here := metadata.version(FLOWER), prereleases=True):
            tell(f"the app lists `{each}`, and is run by Flower {here}\n".encode())
    if environ.get(OFF) == "1" or all(_is_here(each, set()) for each in wanted):
        return None
    lines = Wanted(
        lines=[str(each) for each in wanted],
        constraints=sorted({*_bounds(FLOWER), *(_bounds(OURS, *EXTRAS) if ours else ())}),
    )
    environments = home.environments
    made = environments.get(
        recipe("flower", environments.own(), lines.content(), lambda: lines),
        run=lambda command: _done(command, tell),
        note=lambda text: tell(f"{text}\n".encode()),
    )
    return next(made.venv.glob("lib/*/site-packages"))


def _listed(app: Path) -> Iterator[Requirement]:
    """What it lists for this machine."""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError as missing:
        raise errors.ExtraMissing("flower", "running apps of Flower") from missing
    for line in package.load(app).get("project", {}).get("dependencies", ()):
        try:
            found = Requirement(str(line))
        except InvalidRequirement as error:
            said = f"`{line}` is no package: {error}"
            raise errors.DependenciesInvalid("pyproject.toml", said, "correct it") from error
        if found.marker is None or found.marker.evaluate():
            yield found


def _is_here(wanted: Requirement, seen: set[str]) -> bool:
    """Whether what runs this code has it, with what its extras ask for."""
    from packaging.requirements import Requirement

    try:
        there = metadata.distribution(wanted.name)
    except metadata.PackageNotFoundError:
        return False
    if wanted.url or not wanted.specifier.contains(there.version, prereleases=True):
        return False
    if str(wanted) in seen:
        return True
    seen.add(str(wanted))
    needs = [Requirement(line) for line in there.requires or () if wanted.extras]
    return all(
        _is_here(each, seen)
        for each in needs
        if each.marker is not None
        and not each.marker.evaluate({"extra": ""})
        and any(each.marker.evaluate({"extra": extra}) for extra in wanted.extras)
    )


def _bounds(name: str, *extras: str) -> Iterator[str]:
    """A package that is here, and what it asks of others, as constraints."""
    from packaging.requirements import Requirement

    try:
        there = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # ours is run from its source
        return
    yield f"{name}=={there.version}"
    for each in map(Requirement, there.requires or ()):
        holds = each.marker is None or any(
            each.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        )
        if holds and each.specifier and each.name != name:
            yield f"{each.name}{each.specifier}"


def _done(command: process.Command, tell: Callable[[bytes], None]) -> process.Exit:
    with process.Supervisor() as supervisor:
        child = supervisor.start(command)
        process.pump(child, tell)
        return child.wait()
