from collections.abc import Iterator
from pathlib import Path

import pytest

from ame.engine.home import Home
from engine.doing import Doing


@pytest.fixture
def doing(tmp_path: Path) -> Iterator[Doing]:
    (tmp_path / "project").mkdir()
    (tmp_path / "home").mkdir()
    doing = Doing(folder=tmp_path / "project", home=Home(tmp_path / "home"))
    yield doing
    doing.home.close()
