"""The tour shows the house as it is."""

import tomllib

from docs import pages

_SOURCE = pages.ROOT / "src" / "ame"


def test_the_layers_are_those_that_the_import_contract_holds() -> None:
    contracts = tomllib.loads(pages.text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    [drawn] = [block.text for block in pages.blocks("docs/tour.md") if block.language == "text"]

    assert drawn.splitlines() == contracts[0]["layers"]


def test_every_package_has_a_place_in_the_tour() -> None:
    packages = [each.name for each in _SOURCE.iterdir() if (each / "__init__.py").exists()]

    assert [
        name for name in packages if f"**`src/ame/{name}`**" not in pages.text("docs/tour.md")
    ] == []


def test_no_folder_has_more_than_twelve_modules() -> None:
    files = [*_SOURCE.rglob("*.py"), *(pages.ROOT / "tests").rglob("*.py")]
    folders = {file.parent for file in files} - {_SOURCE / "protocol" / "pb"}

    assert [each for each in folders if len([*each.glob("*.py")]) > 12] == []
