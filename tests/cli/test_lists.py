"""Lists that are empty: people are told what they could do, programs get nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ame.cli.main import root
from parts import fleet

EMPTY = (
    (("fleet", "task", "list"), "TASK", "no tasks yet: `ame fleet task create POPULATION`"),
    (("fleet", "task", "list", "p"), "TASK", "no tasks yet: `ame fleet task create p`"),
    (("population", "list"), "", "no populations yet: `ame population create NAME`"),
    (("cloud", "task", "list"), "TASK", "no tasks yet: `ame cloud task create TASK`"),
    (("cloud", "user", "list"), "USER", "no clients yet: `ame site run NAME`"),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fleet.Fleet]:
    with fleet.serving(tmp_path_factory.mktemp("server")) as running:
        yield running


def ame(server: fleet.Fleet, *words: str) -> Result:
    known = {"AME_HOME": str(server.folder / "home"), "AME_SERVER": server.url}
    ended = CliRunner().invoke(root, words, prog_name="ame", env=known)
    assert ended.exit_code == 0, ended.output
    return ended


@pytest.mark.parametrize(("words", "head", "said"), EMPTY)
def test_an_empty_list_says_what_one_could_do(
    server: fleet.Fleet, words: tuple[str, ...], head: str, said: str
) -> None:
    ended = ame(server, *words)

    assert ended.stdout.split()[:1] == [head][: bool(head)]
    assert ended.stderr.startswith(said)
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [words for words, _, _ in EMPTY], ids=" ".join)
def test_an_empty_list_is_empty_for_programs(server: fleet.Fleet, words: tuple[str, ...]) -> None:
    ended = ame(server, *words, "--format", "json")

    nothing = "{}" if words[0] == "population" else "[]"
    assert (ended.stdout, ended.stderr) == (f"{nothing}\n", "")


def test_a_list_that_is_not_empty_says_no_more_than_what_is_in_it(tmp_path: Path) -> None:
    with fleet.serving(tmp_path) as own:
        ame(own, "cloud", "task", "create", "4fe5")
        ame(own, "population", "create", "digits")

        assert (
            "no files yet: `ame cloud task files 4fe5"
            in ame(own, "cloud", "task", "files", "4fe5").stderr
        )
        listed = ame(own, "cloud", "task", "list")
        assert (listed.stdout.splitlines()[1].split()[0], listed.stderr) == ("4fe5", "")
        named = ame(own, "population", "list")
        assert (named.stdout, named.stderr) == ("digits\n", "")
