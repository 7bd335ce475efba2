"""Writes project files for tests."""

from pathlib import Path
from textwrap import dedent


def write(folder: Path, text: str) -> Path:
    """Writes `ame.yml` into `folder`, which is made, and gives the folder back."""
    folder.mkdir(exist_ok=True)
    (folder / "ame.yml").write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return folder
