from collections.abc import Iterator
from pathlib import Path

import pytest

from ame.federation.program import Version
from parts.flare import Flare, flare
from parts.userfolder import Folder, user_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    with user_folder(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture(params=["2.7", "2.9"])
def version(request: pytest.FixtureRequest) -> Version:
    given: Version = request.param
    return given


@pytest.fixture
def real(version: Version) -> Flare:
    return flare(version)
