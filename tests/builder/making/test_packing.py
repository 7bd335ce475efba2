"""Models within messages."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from ame import errors
from ame.builder.making import PACKED, pack, packing
from parts import sample


def unpacked(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / PACKED).write_bytes(content)
    return packing.unpack(tmp_path / PACKED, tmp_path / "model")


def same(found: Path) -> bool:
    files = [each for each in sample.MODEL.rglob("*") if each.is_file()]
    return all(
        (found / each.relative_to(sample.MODEL)).read_bytes() == each.read_bytes() for each in files
    )


def test_a_folder_comes_out_as_it_went_in(tmp_path: Path) -> None:
    assert same(unpacked(tmp_path, pack(sample.MODEL)))


def test_a_folder_is_packed_the_same_each_time() -> None:
    assert pack(sample.MODEL) == pack(sample.MODEL)


def test_compressed_archives_of_other_kinds_are_unpacked(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(sample.MODEL, "some/where")

    assert same(unpacked(tmp_path, packed.getvalue()))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_of_keras_stays_a_file(tmp_path: Path, compressed: bool) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("config.json", "metadata.json", "model.weights.h5"):
            archive.writestr(name, name)
    (tmp_path / "a.keras").write_bytes(packed.getvalue())
    content = pack(tmp_path / "a.keras")

    found = unpacked(tmp_path, gzip.compress(content) if compressed else content)

    assert found.suffix == ".keras"
    assert found.read_bytes() == content


def test_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../outside/saved_model.pb", b"graph")

    found = unpacked(tmp_path, packed.getvalue())

    assert found.is_relative_to(tmp_path / "model")
    assert not (tmp_path / "outside").exists()


def test_an_archive_that_leads_out_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../saved_model.pb"))

    with pytest.raises(errors.ModelInvalid, match="cannot be unpacked"):
        unpacked(tmp_path, packed.getvalue())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no archive", "neither a `.keras` file nor a ZIP or TAR"),
        (gzip.compress(b"no archive"), "neither a `.keras` file nor a ZIP or TAR"),
        (gzip.compress(b"cut" * 1000)[:30], "cannot be unpacked"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(errors.ModelInvalid, match=why):
        unpacked(tmp_path, content)


def test_an_archive_without_a_model_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("readme", b"nothing")

    with pytest.raises(errors.ModelInvalid, match="neither a SavedModel nor"):
        unpacked(tmp_path, packed.getvalue())
