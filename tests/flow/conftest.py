from pathlib import Path

import pytest

from flow.running import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "project").mkdir()
    return Place(folder=tmp_path / "project", home=tmp_path / "home")
