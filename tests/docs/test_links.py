"""Links between pages lead somewhere, and every page is linked to."""

import re
from pathlib import Path

import pytest

from docs import pages

_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def _links(page: str) -> list[str]:
    prose = re.sub(r"^```.*?^```$", "", pages.text(page), flags=re.MULTILINE | re.DOTALL)
    return [link for link in _LINK.findall(prose) if "://" not in link]


def _target(page: str, link: str) -> tuple[Path, str]:
    place, _, part = link.partition("#")
    here = pages.ROOT / page
    return (here.parent / place).resolve() if place else here, part


def _parts(page: Path) -> set[str]:
    """The names of a page's headings, as they are linked to."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", pages.pages())
def test_a_link_leads_to_a_file_and_a_heading(page: str) -> None:
    for link in _links(page):
        target, part = _target(page, link)
        assert target.exists(), link
        assert not part or part in _parts(target), link


def test_every_page_is_linked_to() -> None:
    linked = {_target(page, link)[0] for page in pages.pages() for link in _links(page)}
    folders = {target for target in linked if target.is_dir()}

    for page in (page for page in pages.pages() if page.startswith("docs/")):
        file = pages.ROOT / page
        assert file in linked or file.parent in folders, page
