"""A user's folder, in which code lies and jobs are defined."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self, hidden=4):
        super().__init__()
        self.hidden = hidden
        self.layer = torch.nn.Linear(2, hidden)

    def forward(self, x):
        return self.layer(x).sum(1)
"""
"""A module of a user's, with a model."""


class Folder:
    """The folder that a test works in, with modules of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str = "") -> str:
        """Writes a file, and returns its name."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)
        importlib.invalidate_caches()
        return name

    def module(self, name: str, text: str) -> ModuleType:
        """Writes a module and imports it."""
        self.write(f"{name.replace('.', '/')}.py", text)
        return importlib.import_module(name)


@contextmanager
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """A folder to work in, for one test."""
    place = tmp_path / "project"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    before = set(sys.modules)
    yield Folder(place)
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]
