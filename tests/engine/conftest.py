from collections.abc import Iterator
from pathlib import Path

import pytest

from ame.engine.home import Home
from engine.doing import Doing


@pytest.fixture
def doing(tmp_path: Path) -> Iterator[Doing]:
    (tmp_path / "project").mkdir()
    (tmp_path / "home").mkdir()
    with Home(tmp_path / "home") as home:
        yield Doing(folder=tmp_path / "project", home=home)
