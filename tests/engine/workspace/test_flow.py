from ame.engine.workspace import tree


def file(digest: str) -> tree.File:
    return tree.File(digest=digest, size=1, mode=0o644, mtime=0)


def laid(below: dict[str, tree.File], above: dict[str, tree.File]) -> set[str]:
    tree.lay_over(below, above)
    return set(below)


def test_what_lies_over_replaces_what_is_in_its_way() -> None:
    assert laid({"a/b/c": file("1"), "a/d": file("1")}, {"a/b": file("2")}) == {"a/b", "a/d"}
    assert laid({"a": file("1"), "ab": file("1")}, {"a/b": file("2")}) == {"a/b", "ab"}
    assert laid({"a": file("1")}, {}) == {"a"}
    same = {"a": file("1")}
    assert laid(same, {"a": file("2")}) == {"a"}
    assert same["a"].digest == "2"


def test_the_folders_of_a_path_come_from_the_inside() -> None:
    assert list(tree.folders_of("a/b/c")) == ["a/b", "a"]
    assert list(tree.folders_of("a")) == []
