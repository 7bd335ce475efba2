import os
from pathlib import Path

from ame.engine.workspace import ignore


def write(folder: Path, **files: str) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def paths(scan: ignore.Scan) -> list[str]:
    return [path for path, _ in scan.files]


def test_gitignored_files_are_left_out_and_named_with_their_size(tmp_path: Path) -> None:
    write(tmp_path, **{"train.py": "", "data/a.csv": "12345", "data/b/c.csv": "123", "x.tmp": "1"})
    write(tmp_path, **{".gitignore": "data/\n*.tmp\n"})

    scan = ignore.scan(tmp_path)

    assert paths(scan) == [".gitignore", "train.py"]
    assert {(each.path, each.size, each.why) for each in scan.left_out} == {
        ("data/", 8, ".gitignore"),
        ("x.tmp", 1, ".gitignore"),
    }


def test_ameignore_has_the_last_word_in_both_directions(tmp_path: Path) -> None:
    write(tmp_path, **{"data/a.csv": "", "notes/n.txt": "", "data/b.csv": ""})
    write(tmp_path, **{".gitignore": "data/\n*.csv\n", ".ameignore": "!data/\nnotes/\n"})

    scan = ignore.scan(tmp_path)

    assert paths(scan) == [".ameignore", ".gitignore", "data/a.csv", "data/b.csv"]
    assert [(each.path, each.why) for each in scan.left_out] == [("notes/", ".ameignore")]


def test_one_file_of_an_ignored_folder_can_be_brought_back(tmp_path: Path) -> None:
    write(tmp_path, **{"data/a.csv": "", "data/deep/b.csv": ""})
    write(tmp_path, **{".gitignore": "data/\n", ".ameignore": "!data/deep/b.csv\n"})

    assert paths(ignore.scan(tmp_path)) == [".ameignore", ".gitignore", "data/deep/b.csv"]


def test_a_gitignore_in_a_folder_counts_from_that_folder(tmp_path: Path) -> None:
    write(tmp_path, **{"out/x": "", "sub/out/x": "", "sub/keep/x": "", "sub/.gitignore": "/out\n"})

    assert paths(ignore.scan(tmp_path)) == ["out/x", "sub/.gitignore", "sub/keep/x"]


def test_caches_and_the_repository_itself_are_never_part_of_a_workspace(tmp_path: Path) -> None:
    write(tmp_path, **{".git/HEAD": "", "__pycache__/a.pyc": "", ".venv/bin/python": "", "a": ""})

    scan = ignore.scan(tmp_path)

    assert paths(scan) == ["a"]
    assert scan.left_out == []


def test_folders_behind_links_are_not_walked_into(tmp_path: Path) -> None:
    write(tmp_path, **{"real/a": ""})
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")

    assert paths(ignore.scan(tmp_path)) == ["link", "real/a"]
