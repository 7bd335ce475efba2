import pytest

from ame import errors
from ame.engine.workspace import tree

FILE = tree.File(digest="d", size=3, mode=0o644, mtime=5)


def test_a_tree_survives_being_kept() -> None:
    files = {
        "a/ü \udcff.txt": FILE,
        "link": tree.File(digest="", size=0, mode=511, mtime=1, link="a"),
    }

    assert tree.decode(tree.encode(files)) == files


def test_times_do_not_count_in_a_fingerprint_but_content_mode_and_place_do() -> None:
    later = tree.File(digest="d", size=3, mode=0o644, mtime=6)
    other_mode = tree.File(digest="d", size=3, mode=0o755, mtime=5)

    assert tree.fingerprint({"a": FILE}) == tree.fingerprint({"a": later})
    assert tree.fingerprint({"a": FILE}) != tree.fingerprint({"b": FILE})
    assert tree.fingerprint({"a": FILE}) != tree.fingerprint({"a": other_mode})


@pytest.mark.parametrize(
    ("written", "plain"), [("a/./b/", "a/b"), ("a/../b", "b"), ("./", "."), ("a//b", "a/b")]
)
def test_a_path_that_stays_inside_is_made_plain(written: str, plain: str) -> None:
    assert tree.inner(written, what="it") == plain


@pytest.mark.parametrize("path", ["..", "a/../../b", "/etc/passwd", "", " ", "a\0b", "../a"])
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    with pytest.raises(errors.PathLeaves):
        tree.inner(path, what="it")


@pytest.mark.parametrize(
    ("path", "target", "out"),
    [("a/b", "../c", False), ("a/b", "../../c", True), ("a", "/etc", True), ("a", "b/../c", False)],
)
def test_links_that_lead_out_are_known(path: str, target: str, out: bool) -> None:
    assert tree.leads_out(path, target) is out
