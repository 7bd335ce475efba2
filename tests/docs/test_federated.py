"""The page of what a federated job is made of says what there is, and what becomes of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from inspect import isabstract, isclass, isfunction, signature
from typing import Any, Final, get_args

import pytest

from ame import errors
from ame.federation import client
from ame.federation.export import models, parts
from ame.federation.flare import names
from ame.federation.flare.rows import OURS
from ame.federation.program import Part, Version
from ame.federation.recipes.options import ClientOptions
from ame.federation.recipes.recipe import ModelRecipe, Recipe
from ame.federation.spec.component import FLComponent
from docs import pages

PAGE: Final = "docs/reference/federated-jobs.md"
VERSIONS: Final = get_args(Version)
NO_PARTS: Final = {"its parts", "the version's executor of scripts", "as code", "for 2.9", "none"}
"""What stands in the last column of what is not exported as itself."""
SCRIPTS: Final = "The client API"
"""The heading of what scripts use."""
UNLISTED: Final = {
    "ModelRecipe": "recipes are subclassed from `Recipe`",
    "ScriptExecutor": "what a `ScriptRunner` becomes",
}
_ROW: Final = re.compile(
    r"^\| `(?P<name>\w+)(?:\((?P<arguments>[^)]*)\))?` \| `(?P<home>\.[\w.]*)` "
    r"\| (?P<under>[^|]*) \| (?P<does>[^|]*) \| (?P<export>[^|]*) \|$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the page says of one part."""

    section: str
    name: str
    arguments: tuple[str, ...]
    home: str
    under: str
    export: str

    def __str__(self) -> str:
        return f"{self.home}.{self.name}"

    def thing(self) -> Any:
        """What is imported as the row says."""
        return getattr(import_module(f"ame.federation{self.home.rstrip('.')}"), self.name)


def _rows() -> Iterator[Row]:
    section = ""
    for line in pages.text(PAGE).splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        if match := _ROW.match(line):
            taken = tuple(filter(None, (match["arguments"] or "").split(", ")))
            said = {key: match[key] for key in ("name", "home", "under", "export")}
            yield Row(section=section, arguments=taken, **said)


ROWS: Final = list(_rows())


def test_every_row_of_a_table_is_read() -> None:
    lines = [line for line in pages.text(PAGE).splitlines() if line.startswith("| `")]

    assert len(lines) == len(ROWS) > 100


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_part_is_there_and_takes_the_arguments(row: Row) -> None:
    assert set(row.arguments) <= _arguments(row.thing())


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_nvflare_has_a_part_where_the_page_says(row: Row) -> None:
    modules = [path.removeprefix("nvflare.").rpartition(".")[0] for path in _paths(row)]

    assert row.under == (", ".join(f"`{module or '.'}`" for module in modules) or "none")


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_export_makes_of_a_part_what_the_page_says(row: Row) -> None:
    part = isclass(row.thing()) and issubclass(row.thing(), FLComponent)

    if row.section == SCRIPTS:
        shortest = min(_paths(row), key=lambda path: path.count("."))
        assert row.export == _word([each for each in VERSIONS if not names.lacks(shortest, each)])
    elif row.export == "as code" or not part:
        assert row.export in NO_PARTS
    else:
        assert row.export == _exported(row)


def test_every_component_and_every_recipe_is_on_the_page() -> None:
    listed = {row.thing() for row in ROWS}
    known = [names.load(path) for path in names.table()]
    known += [Row.thing(_of(path)) for path in OURS]

    missing = {
        each.__name__
        for each in known
        if isclass(each) and issubclass(each, (FLComponent, Recipe)) and not isabstract(each)
        if each not in listed and each.__name__ not in UNLISTED
    }

    assert missing == set()


def test_every_function_that_a_script_calls_is_on_the_page() -> None:
    listed = {row.name for row in ROWS if row.home == ".client"}
    called = {each for each in client.__all__ if f"nvflare.client.{each}" in names.table()}

    assert {each for each in called if isfunction(getattr(client, each))} <= listed


def _of(path: str) -> Row:
    home, _, name = path.rpartition(".")
    return Row(section="", name=name, arguments=(), home=f".{home}", under="", export="")


def _paths(row: Row) -> list[str]:
    """NVFLARE's paths of it."""
    thing = row.thing()
    return [
        path
        for path in names.table()
        if path.endswith(f".{row.name}") and names.load(path) is thing
    ]


def _arguments(thing: Any) -> set[str]:
    """Those of a function; of a class also those that it hands on to the classes below it."""
    taken = set(ClientOptions.__annotations__) if _is_recipe(thing) else set()
    for each in thing.__mro__[:-1] if isclass(thing) else [thing]:
        if isclass(each) and "__init__" not in vars(each):
            continue
        there = signature(each.__init__ if isclass(each) else each).parameters.values()
        taken |= {given.name for given in there}
        if all(given.kind is not given.VAR_KEYWORD for given in there):
            break
    return taken


def _is_recipe(thing: Any) -> bool:
    return isclass(thing) and issubclass(thing, ModelRecipe | Recipe)


def _exported(row: Row) -> str:
    """What an export makes of the part, and of each of the arguments that the page names."""
    path = f"{row.thing().__module__}.{row.name}"
    there = [version for version in VERSIONS if _written(Part(path=path), version)]
    lacking = {
        version: [
            f"`{name}`"
            for name in row.arguments
            if not _written(Part(path=path, args={name: [1.0]}), version)
        ]
        for version in there
    }
    said = [f"{version} without {', '.join(each)}" for version, each in lacking.items() if each]
    return "; ".join(said) or _word(there)


def _word(versions: list[str]) -> str:
    return {0: "no", 1: f"{''.join(versions)} only", 2: "yes"}[len(versions)]


def _written(part: Part, version: Version) -> bool:
    writer = parts.Writer(version=version, models=models.Models(files=(), packages=frozenset()))
    try:
        return bool(writer.object(part)["path"].startswith("nvflare."))
    except errors.NotExportable:
        return False
