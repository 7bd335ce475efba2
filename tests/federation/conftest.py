from collections.abc import Iterator
from pathlib import Path

import pytest

from parts.userfolder import Folder, user_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    with user_folder(tmp_path, monkeypatch) as made:
        yield made
