"""The pages of the documents, and the blocks of code in them.

A block is tested by its language; HTML comments on the lines right above it say what is special:

    <!-- file: PATH -->      it is written to PATH in the page's folder, for the blocks that follow
    <!-- fragment -->        a part of an ame.yml, not a whole one
    <!-- fault -->           an ame.yml that must be refused
    <!-- exit: N -->         the last command of the block ends with N instead of 0
    <!-- output -->          what the shell block above it printed; `…` stands for anything
    <!-- not run: WHY -->    cannot run in a test
    <!-- server -->          runs beside an `ame server start --open`, which the page shares
    <!-- slow: WHY -->       takes more than a few seconds, such as one that installs packages
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(
    r"(?P<marks>(?:^<!-- [^\n]* -->\n)*)^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"<!-- (?P<name>[a-z ]+?)(?:: (?P<value>.*))? -->")
MARKS = {"file", "fragment", "fault", "exit", "output", "not run", "server", "slow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of code, and what is said of it."""

    page: str
    line: int
    language: str
    text: str
    marks: dict[str, str]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """The documents by their path, the README first."""
    found = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "CHANGES").glob("*.md")]
    return ["README.md", *sorted(str(page.relative_to(ROOT)) for page in found)]


def text(page: str) -> str:
    """All of a page."""
    return (ROOT / page).read_text()


@cache
def blocks(page: str) -> tuple[Block, ...]:
    """The blocks of a page in their order."""
    content = text(page)
    return tuple(
        Block(
            page=page,
            line=content.count("\n", 0, match.start("language")) + 1,
            language=match["language"],
            text=match["text"],
            marks={mark["name"]: mark["value"] or "" for mark in _MARK.finditer(match["marks"])},
        )
        for match in _BLOCK.finditer(content)
    )
