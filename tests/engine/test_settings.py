from pathlib import Path

import pytest

from ame import errors
from ame.engine.settings import Settings


def read(folder: Path, text: str) -> Settings:
    (folder / "settings.toml").write_text(text)
    return Settings.read(folder)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert Settings.read(tmp_path) == Settings()


def test_how_containers_are_fetched_and_connected_can_be_set(tmp_path: Path) -> None:
    settings = read(tmp_path, 'container_pull = "never"\ncontainer_network = "none"\n')

    assert (settings.container_pull, settings.container_network) == ("never", "none")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cpus = 2", "did you mean `cpu`?"),
        ('container_pull = "sometimes"', "`sometimes` is not a value"),
        ("container_network = 3", "`3` is not a value"),
        ('memory = "2GB"', "the nearest is `G`"),
        ("memory = ", "settings.toml"),
    ],
)
def test_what_cannot_be_set_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(errors.SettingsInvalid, match=said):
        read(tmp_path, text)
