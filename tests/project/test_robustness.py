"""Whatever the file holds, reading it ends well or with an error of ours, and soon."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ame import errors, project
from project.samples import EVERYTHING

QUIET = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PIECES = st.sampled_from(
    [
        "tasks:",
        "- ",
        "  ",
        "\n",
        "name: a",
        "!poetry",
        "!x",
        "!!str",
        "&a ",
        "*a",
        "*",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "#",
        "'",
        '"',
        "|",
        ">",
        "\t",
        "\r\n",
        "---",
        "...",
        "%",
        "?",
        "\x00",
        "ä",
        "pipeline:",
        "executor:",
        "taskRef: a",
        "1e99999",
        "<<: *a",
        "\ufeff",
        "\u2028",
        "\x85",
        "�",
    ]
)


def attempt(folder: Path, content: bytes) -> None:
    file = folder / "ame.yml"
    file.write_bytes(content)
    try:
        project.check(project.read(file))
    except errors.ProjectInvalid as error:
        lines = content.decode("utf-8", "replace").splitlines()
        for fault in error.faults:
            assert 1 <= fault.line <= len(lines) + 1
            assert fault.column >= 1
            assert fault.message
    except errors.Error:
        pass


@QUIET
@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    attempt(tmp_path, content)


@QUIET
@given(st.text(max_size=200))
def test_random_text_is_read_or_refused(tmp_path: Path, content: str) -> None:
    attempt(tmp_path, content.encode("utf-8", "surrogatepass"))


@QUIET
@given(st.lists(PIECES, max_size=40).map("".join))
@example("tasks:\n- &a {name: a, pipeline: [*a]}")
@example("tasks: &a\n- *a")
@example("tasks:\n- name: a\n  taskRef: a")
@example("a: !!binary x")
def test_text_in_the_manner_of_yaml_is_read_or_refused(tmp_path: Path, content: str) -> None:
    attempt(tmp_path, content.encode("utf-8", "surrogatepass"))


@QUIET
@given(st.data())
def test_a_file_changed_at_random_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    text = EVERYTHING
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 20)))
        text = text[:start] + data.draw(PIECES | st.text(max_size=5)) + text[end:]
    attempt(tmp_path, text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 30_000 + "a",
        "tasks: " + "[" * 5_000 + "]" * 5_000,
        "tasks:\n" + "".join(" " * i + "a:\n" for i in range(2_000)),
        "tasks: " + "[" * 150 + "]" * 150,
        "a: &a [x, x]\n"
        + "".join(
            f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n"
            for a, b in zip("abcdefghijk", "bcdefghijkl", strict=True)
        ),
        "tasks: &a [*a]",
    ],
    ids=["flow", "maps", "dashes", "closed", "block", "150", "bomb", "endless"],
)
def test_depth_and_aliases_without_end_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "ame.yml").write_text(text)

    with pytest.raises(errors.ProjectInvalid, match=r"deep|unfold"):
        project.read(tmp_path)


def test_references_that_multiply_without_end_are_refused(tmp_path: Path) -> None:
    tasks = [
        f"- {{name: t{i}, pipeline: [{{taskRef: t{i + 1}}}, {{taskRef: t{i + 1}}}]}}"
        for i in range(30)
    ]
    last = "- {name: t30, executor: !custom {command: x}}"
    (tmp_path / "ame.yml").write_text("tasks:\n" + "\n".join([*tasks, last]))

    with pytest.raises(errors.ProjectInvalid, match="more than 20000 tasks"):
        project.resolve(project.read(tmp_path), "t0")


def test_a_chain_of_references_that_is_too_long_is_refused(tmp_path: Path) -> None:
    tasks = [f"- {{name: t{i}, taskRef: t{i + 1}}}" for i in range(3000)]
    last = "- {name: t3000, executor: !custom {command: x}}"
    (tmp_path / "ame.yml").write_text("tasks:\n" + "\n".join([*tasks, last]))
    read = project.read(tmp_path)

    assert project.resolve(read, "t2950").executor == project.Custom(command="x")
    with pytest.raises(errors.ProjectInvalid, match="100 references"):
        project.resolve(read, "t0")
