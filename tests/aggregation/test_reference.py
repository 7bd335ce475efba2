"""The page of the reference says what there is, and its example runs."""

import re

from ame import aggregation
from docs import pages

PAGE = "docs/reference/aggregation.md"


def test_every_public_name_is_on_the_page() -> None:
    page = pages.text(PAGE)

    for name in aggregation.__all__:
        assert re.search(rf"`{name}\b", page), name


def test_the_examples_run() -> None:
    for block in pages.blocks(PAGE):
        assert block.language == "python"
        exec(compile(block.text, str(block), "exec"), {})
