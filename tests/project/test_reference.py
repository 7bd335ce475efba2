"""The reference page names every key and spelling, and what it shows can be read."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from ame import project
from ame.project import format as form
from ame.project.format import shape
from project.writing import as_keys

PAGE = (Path(__file__).parents[2] / "docs/reference/ame-yml.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| `") and line.count(" | ") == 4
]


def records(of: object, seen: dict[str, form.Record]) -> Iterator[form.Record]:
    """Every map of known keys that a shape holds, once."""
    if isinstance(of, form.Record):
        if of.name in seen:
            return
        seen[of.name] = of
        yield of
        for key in of.keys:
            yield from records(key.shape, seen)
    elif isinstance(of, shape.Tagged):
        for record in (*of.kinds.values(), of.bare):
            yield from records(record, seen)
    elif isinstance(of, shape.Either):
        yield from records(of.mapping, seen)
        yield from records(of.other, seen)
    else:
        for part in ("of", "task"):
            yield from records(getattr(of, part, None), seen) if hasattr(of, part) else ()


ALL = list(records(form.PROJECT, {}))


def test_the_walk_over_the_keys_finds_them_all() -> None:
    names = {record.name for record in ALL}

    assert names >= {"project", "task", "template", "inlineTask", "taskHolder"}
    assert names >= {"poetry", "pip", "pipenv", "mlflow", "custom", "ame", "vault", "olderSecret"}
    assert names >= {"resources", "artifacts", "triggers", "variable", "reference", "dataSet"}
    assert names >= {"model", "deployment"}


@pytest.mark.parametrize("record", ALL, ids=lambda record: record.name)
def test_every_key_is_on_the_page_with_its_spellings_and_its_meaning(record: form.Record) -> None:
    for key in record.keys:
        words = ", ".join(f"`{word}`" for word in key.all())
        rows = [row for row in ROWS if row[0] == words]
        assert rows, f"docs/reference/ame-yml.md has no row for {words} of {record.name}"
        assert any(row[3] == key.meaning for row in rows), (words, key.meaning)
        assert not key.default or any(row[2] == key.default for row in rows), words


def test_every_row_has_an_example_that_is_yaml_and_uses_the_key() -> None:
    for row in ROWS:
        example = row[4]
        if example.startswith("`"):
            (key,) = as_keys(example.strip("`"))
            assert f"`{key}`" in row[0]
        else:
            assert re.fullmatch(r"\[.+\]\(#[a-z-]+\)", example), row


def test_every_tag_and_every_variable_of_ame_is_on_the_page() -> None:
    for tag in (*form.EXECUTOR.kinds, "ame", "vault"):
        assert f"`!{tag}`" in PAGE
    for variable in form.PROVIDED:
        assert f"`{variable}`" in PAGE or variable.startswith("AME_")


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_of_the_page_can_be_run(tmp_path: Path, block: str) -> None:
    (tmp_path / "ame.yml").write_text(block)

    read = project.read(tmp_path)

    assert not project.check(read)
    assert all(project.resolve(read, task.name) for task in read.tasks)


def test_the_templates_of_the_page_do_as_it_says(tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if "fromTemplate" in block)
    (tmp_path / "ame.yml").write_text(block)

    resources = project.resolve(project.read(tmp_path), "train").resources

    assert resources == project.Resources(memory=10**10, cpu=Decimal(8))


def test_the_blocks_are_yaml_for_others_too() -> None:
    for block in BLOCKS:
        assert yaml.compose(block)
