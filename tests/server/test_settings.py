"""A file that says how a server behaves."""

from pathlib import Path

import pytest

from ame import errors
from ame.server.settings import Settings
from ame.server.visits.pace import Window


def read(folder: Path, text: str) -> Settings:
    file = folder / "fleet.toml"
    file.write_text(text)
    return Settings.read(file, patience_seconds=3.0)


def test_what_a_file_does_not_say_is_as_it_is_without_one(tmp_path: Path) -> None:
    said = read(tmp_path, "compute_seconds = 60\nsoon = {most = 90}\nbody_bytes = 1000")

    assert said == Settings(
        compute_seconds=60,
        soon=Window(least=60, most=90),
        body_bytes=1000,
        patience_seconds=3.0,
    )
    assert read(tmp_path, "patience_seconds = 5").patience_seconds == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("compute_second = 1", "`compute_second`: unknown key; did you mean `compute_seconds`?"),
        ("tick_seconds = '1'", "`tick_seconds`: a number is wanted, not '1'"),
        ("body_bytes = 1.5", "`body_bytes`: a whole number is wanted"),
        ("body_bytes = true", "`body_bytes`: a whole number is wanted"),
        ("url_seconds = -1", "`url_seconds`: must be 0 or more"),
        ("url_seconds = inf", "`url_seconds`: must be 0 or more"),
        ("soon = 5", "`soon`: a table"),
        ("later = {mots = 5}", "`later.mots`: unknown key; did you mean `most`?"),
        ("later = {most = 'x'}", "`later.most`: a number is wanted"),
        ("soon = {least = 900}", "`soon`: `least` is more than `most`"),
        ("x = ", "fleet.toml"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(errors.SettingsInvalid) as refused:
        read(tmp_path, text)

    assert said in str(refused.value)
    assert "fleet.toml" in str(refused.value)
