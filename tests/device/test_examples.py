"""Files of records, and the examples that a plan asks for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ame import errors
from ame.device import records
from ame.device.examples import Examples, Files, Iterated
from ame.protocol.pb import plan


def written(path: Path, *rows: bytes) -> Path:
    with path.open("wb") as file:
        assert records.write(file, rows) == len(rows)
    return path


def of(uri: str) -> plan.ExampleSelector:
    return plan.ExampleSelector(collection_uri=uri)


def test_records_are_the_bytes_that_tensorflow_writes(tmp_path: Path) -> None:
    # those of TensorFlow 2.21
    assert written(tmp_path / "a", b"abc").read_bytes() == bytes.fromhex(
        "0300000000000000b099490e6162636e57f121"
    )


@given(rows=st.lists(st.binary(max_size=99), max_size=9))
def test_records_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[bytes]
) -> None:
    path = written(tmp_path_factory.mktemp("records") / "a", *rows)

    assert list(records.read(path)) == rows
    assert records.count(path) == len(rows)


@pytest.mark.parametrize("at", [0, 9, 13, 16])
def test_a_byte_that_has_changed_is_noticed(tmp_path: Path, at: int) -> None:
    path = written(tmp_path / "a", b"abc")
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)

    with pytest.raises(errors.RecordsDamaged, match="checksum"):
        list(records.read(path))


@pytest.mark.parametrize("length", [3, 13, 18])
def test_a_file_that_is_cut_off_is_noticed(tmp_path: Path, length: int) -> None:
    path = written(tmp_path / "a", b"abc")
    path.write_bytes(path.read_bytes()[:length])

    for look in (lambda: list(records.read(path)), lambda: records.count(path)):
        with pytest.raises(errors.RecordsDamaged, match="cut off"):
            look()


@pytest.fixture(params=["files", "iterated"])
def examples(request: pytest.FixtureRequest, tmp_path: Path) -> Examples:
    """Two of everything, and one more of `app://a`."""
    both, more = written(tmp_path / "both", b"1", b"2"), written(tmp_path / "more", b"3")
    if request.param == "files":
        return Files(collections={"": (both,), "app://a": (more,)})
    return Iterated(
        make=lambda asked: [b"1", b"2", b"3"][: 2 if asked.collection_uri == "app://b" else 3]
    )


@pytest.mark.parametrize(("uri", "count"), [("", 3), ("app://a", 3), ("app://b", 2)])
def test_examples_are_found_by_their_collection(
    examples: Examples, tmp_path: Path, uri: str, count: int
) -> None:
    examples.lay(of(uri), tmp_path / "laid")

    assert sorted(examples.select(of(uri))) == [b"1", b"2", b"3"][:count]
    assert examples.count(of(uri)) == count
    assert sorted(records.read(tmp_path / "laid")) == [b"1", b"2", b"3"][:count]


def test_a_collection_that_is_not_there_is_none_of_its_examples(tmp_path: Path) -> None:
    files = Files(collections={"app://a": (written(tmp_path / "a", b"1"),)})

    assert files.count(of("app://b")) == 0
    with pytest.raises(errors.ExamplesMissing, match="app://b"):
        list(files.select(of("app://b")))


def test_criteria_mean_nothing_to_files(tmp_path: Path) -> None:
    asked = plan.ExampleSelector()
    asked.criteria.type_url = "type.googleapis.com/a.Query"
    files = Files(collections={"": (written(tmp_path / "a", b"1"),)})

    with pytest.raises(errors.PlanUnsupported, match=r"a\.Query"):
        files.count(asked)
