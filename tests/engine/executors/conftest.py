from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.executors.steps import Steps
from engine.executors.tools import address, old_poetry, pipenv, poetry

__all__ = ["address", "old_poetry", "pipenv", "poetry", "steps"]


@pytest.fixture
def steps(tmp_path: Path) -> Iterator[Steps]:
    made = Steps(tmp_path / "workspace", tmp_path / "environments")
    yield made
    made.environments.close()
