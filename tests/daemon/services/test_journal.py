import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ame import errors
from ame.daemon.reports.messages import Ended, Info, Log, Print
from ame.daemon.services.journal import Journal, Reader, last
from daemon.scripts import VARIABLES

END = Ended(code=1, cause="full", last_lines=("a", "b"), at=datetime(2026, 1, 1, tzinfo=UTC))


def texts(file: Path, after: int = 0) -> list[tuple[int, str]]:
    return [
        (each.number, each.message.text)
        for each in Reader(file, after).read()
        if isinstance(each.message, Info)
    ]


def test_a_reader_sees_records_as_they_are_added(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    reader = Reader(file)
    assert list(reader.read()) == []
    with Journal(file) as journal:
        journal.append([(1.5, Info(text="one")), (2.0, Log(stream="stderr", line="ü\0\n"))])
        first, second = reader.read()
        journal.append([(3.0, END)])
        (third,) = reader.read()

    assert (first.number, first.at.timestamp(), first.message) == (1, 1.5, Info(text="one"))
    assert second.message == Log(stream="stderr", line="ü\0\n")
    assert third.message == END == last(file)
    assert list(reader.read()) == []


def test_a_closed_journal_has_no_room_left_over_and_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    for text in ("one", "two"):
        with Journal(file) as journal:
            journal.append([(0, Info(text=text))])

    assert texts(file) == [(1, "one"), (2, "two")]
    assert texts(file, after=1) == [(2, "two")]
    assert b"\0" not in file.read_bytes()


def test_a_record_that_was_not_finished_is_none(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    with Journal(file) as journal:
        journal.append([(0, Info(text="one")), (0, Print(text="x" * 100_000))])
    content = file.read_bytes()
    for cut in (len(content) - 1, len(content) - 50_000):
        file.write_bytes(content[:cut] + bytes(1000))
        assert texts(file) == [(1, "one")]

        with Journal(file) as journal:
            journal.append([(0, Info(text="two"))])
        assert texts(file) == [(1, "one"), (2, "two")]


def test_a_full_file_is_set_aside_and_what_was_printed_makes_room_before_reports(
    tmp_path: Path,
) -> None:
    file = tmp_path / "journal"
    following, late = Reader(file), Reader(file)
    heard: list[int] = []
    with Journal(file, full=10_000) as journal:
        journal.append([(0, Info(text="0"))])
        assert [each.number for each in late.read()] == [1]
        for n in range(1, 1001):
            report = [(0.0, Info(text=str(n)))] if n % 10 == 0 else []
            journal.append([(0, Log(stream="stdout", line="x" * 100)), *report])
            heard += [each.number for each in following.read()]
        number = journal.number

    assert heard == list(range(1, number + 1))
    found = list(late.read())
    said = [each.message.text for each in found if isinstance(each.message, Info)]
    assert said == [str(n) for n in range(10, 1001, 10)]
    assert 0 < sum(isinstance(each.message, Log) for each in found) < 500
    numbers = [each.number for each in found]
    assert numbers == sorted(set(numbers))
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 60_000
    assert texts(file)[-1] == (number, "1000")
    assert texts(file, after=number - 1) == [(number, "1000")]
    with Journal(file) as journal:
        assert journal.number == number
        journal.append([(0, END)])
    assert last(file) == END


def test_the_end_is_found_when_the_keeper_died_between_two_files(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    reader = Reader(file)
    with Journal(file) as journal:
        journal.append([(0, Info(text="one"))])
        assert len(list(reader.read())) == 1
        journal.append([(0, END)])
    file.rename(tmp_path / "journal.earlier")

    assert [each.message for each in reader.read()] == [END]
    assert last(file) == END


def test_nothing_was_kept_of_a_journal_that_is_not_there(tmp_path: Path) -> None:
    assert last(tmp_path / "journal") is None


def test_when_the_disk_is_full_there_is_room_for_the_end_alone(tmp_path: Path) -> None:
    """A limit on the size of files says what a full disk says: no more."""
    script = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from ame import errors
from ame.daemon.services.journal import Journal
from ame.daemon.reports.messages import Ended, Info
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))
with Journal(Path(sys.argv[1])) as journal:
    try:
        for n in range(100):
            journal.append([(0, Info(text=str(n) + "x" * 100_000))])
    except errors.JournalFull as error:
        ended = Ended(code=0, cause=str(error), at=datetime.now(UTC))
        journal.append([(0, ended)])
        print(n)
"""
    file = tmp_path / "journal"
    child = subprocess.run(
        [sys.executable, "-c", script, str(file)], env=VARIABLES, capture_output=True, text=True
    )

    assert child.returncode == 0, child.stderr
    kept = int(child.stdout)
    assert 20 < kept < 31
    assert len(texts(file)) == kept
    ended = last(file)
    assert isinstance(ended, Ended)
    assert "make room there" in ended.cause


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(errors.JournalFull):
        Journal(tmp_path / "nowhere" / "journal")
    assert list(tmp_path.iterdir()) == []
