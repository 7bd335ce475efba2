import pytest

from ame import errors
from ame.engine.workspace import tree
from ame.engine.workspace.chosen import choose


def file(digest: str = "d", link: str = "") -> tree.File:
    return tree.File(digest=digest, size=1, mode=0o644, mtime=0, link=link)


FILES = {
    "a.txt": file(),
    "b.bin": file(),
    "out/c.txt": file(),
    "out/deep/d.txt": file(),
    "out/[e].txt": file(),
    "to": file("", link="out/c.txt"),
    "out/up": file("", link="../a.txt"),
    "empty": file(""),
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.txt", {"a.txt"}),
        ("./out/../a.txt", {"a.txt"}),
        ("out/deep", {"out/deep/d.txt"}),
        ("*.txt", {"a.txt"}),
        ("out/*.txt", {"out/c.txt", "out/[e].txt"}),
        ("out/[e].txt", {"out/[e].txt"}),
        ("**/*.txt", {"a.txt", "out/c.txt", "out/deep/d.txt", "out/[e].txt"}),
        ("o*", {"out/c.txt", "out/deep/d.txt", "out/[e].txt", "out/up"}),
        ("to", {"to"}),
        (".", FILES.keys() - {"empty"}),
    ],
)
def test_a_path_a_folder_and_a_pattern_name_files(path: str, found: set[str]) -> None:
    chosen = choose([path], FILES)

    assert chosen.keys() == found
    assert all(each.digest for each in chosen.values())


def test_a_path_where_nothing_is_or_that_leads_out_is_refused() -> None:
    for path in ("gone", "empty", "*.csv"):
        with pytest.raises(errors.ArtifactMissing):
            choose(["a.txt", path], FILES)
    with pytest.raises(errors.PathLeaves):
        choose(["../a"], FILES)
