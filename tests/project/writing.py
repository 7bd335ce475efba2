"""Writes project files for tests."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import yaml


def write(folder: Path, text: str) -> Path:
    """Writes `ame.yml` into `folder`, which is made, and gives the folder back."""
    folder.mkdir(exist_ok=True)
    (folder / "ame.yml").write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


def as_keys(text: str, *, drop: bool = False) -> Any:
    """The file as JSON has it: a tag becomes a key around its content, or is dropped."""

    class Loader(yaml.SafeLoader):
        pass

    def construct(loader: Loader, suffix: str, node: yaml.MappingNode) -> Any:
        content = loader.construct_mapping(node, deep=True) if node.value else None
        return content if drop else {suffix: content}

    Loader.add_multi_constructor("!", construct)
    return yaml.load(text, Loader=Loader)
