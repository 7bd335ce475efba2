from pathlib import Path

from ame.daemon import logs


def test_a_log_is_written_behind_what_is_known_of_it(tmp_path: Path) -> None:
    path = tmp_path / "log.1"
    size = logs.append(path, 0, b"one\ntwo\n")
    assert size == 8

    # a crash left something behind it, which is said again
    assert logs.append(path, 4, b"2\n") == 6

    assert path.read_bytes() == b"one\n2\n"


def test_a_long_log_lets_its_beginning_go_by_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.1"
    lines = [f"line {number}\n".encode() for number in range(1000)]
    size = logs.append(path, 0, b"".join(lines))
    assert logs.shorten(path, size, longest=size) == 0

    dropped = logs.shorten(path, size, longest=size - 1)

    kept = path.read_bytes()
    assert len(kept) == size - dropped
    note, *rest = kept.splitlines(keepends=True)
    assert rest == lines[-len(rest) :]
    assert 400 < len(rest) < 600
    assert note == f"… {size - sum(map(len, rest)):,} bytes before this were let go\n".encode()


def test_that_it_was_shortened_may_not_have_been_noted(tmp_path: Path) -> None:
    path = tmp_path / "log.1"
    size = logs.append(path, 0, b"a line\n" * 1000)
    shorter = size - logs.shorten(path, size, longest=1000)

    assert logs.append(path, size, b"next\n") == shorter + 5

    assert b"\0" not in path.read_bytes()
