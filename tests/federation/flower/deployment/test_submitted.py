"""What of a program is given to Flower's own engine: an app, as `flwr build` makes it."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from ame import errors, federation
from ame.federation import flower
from ame.federation.flower.apps import app
from ame.federation.program import App, File, Part, Program

APPS = Path(__file__).parents[1] / "apps"

pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern")  # Flower's own


@pytest.mark.parametrize("name", ["newest", "oldest"])
def test_a_bundle_is_what_flower_makes_of_the_folder(name: str) -> None:
    from flwr.cli.build import build_fab_from_disk

    made = app.bundle(flower.read(APPS / name))

    assert made == build_fab_from_disk(APPS / name)


def test_a_license_that_the_app_names_travels_with_it(tmp_path: Path) -> None:
    for path in (APPS / "newest").rglob("*.*"):
        place = tmp_path / path.relative_to(APPS / "newest")
        place.parent.mkdir(exist_ok=True)
        if path.suffix in {".py", ".toml"}:
            place.write_bytes(path.read_bytes())
    project = tmp_path / "pyproject.toml"
    text = project.read_text().replace('"Apache-2.0"', '{ file = "LICENSE" }')
    text = text.replace('"flwr==1.41.0"', '"flwr>=1.41.0"')
    versions = 'fab-format-version = 1\nflwr-version-target = "1.41.0"'
    project.write_text(text.replace('publisher = "tests"', f'publisher = "tests"\n{versions}'))
    (tmp_path / "LICENSE").write_text("as you like")

    made = app.bundle(flower.read(tmp_path))

    with zipfile.ZipFile(io.BytesIO(made)) as held:
        assert held.read("LICENSE") == b"as you like"


def test_what_flower_does_not_take_is_refused_in_its_words() -> None:
    program = flower.read(APPS / "newest")
    files = tuple(each for each in program.server.files if each.target.name != "pyproject.toml")
    project = File(source=b'[project]\nname = "x"\n', target=PurePosixPath("pyproject.toml"))
    broken = replace(program, server=replace(program.server, files=(*files, project)))

    with pytest.raises(errors.FlowerAppInvalid, match="Invalid Flower App configuration"):
        app.bundle(broken)


def test_an_app_alone_is_submitted_and_what_has_more_to_it_is_led_from_here() -> None:
    job = federation.FlowerJob(
        "same", flower_content=str(APPS / "newest"), run_config={"num-server-rounds": 1}
    )
    filtered = Program(
        name="x",
        server=flower.read(APPS / "newest").server,
        everyone=App(components=(Part(path="a.B", id="b"),)),
    )

    assert app.alone(flower.read(APPS / "newest", {"size": 3})) == {"size": 3}
    assert app.alone(job.program()) == {"num-server-rounds": 1}
    assert app.alone(filtered) is None
    assert app.alone(Program(name="x", everyone=App())) is None
