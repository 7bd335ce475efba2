import pytest
from click.testing import CliRunner

from ame import __version__
from ame.cli.main import root


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tsk"], "`ame` has no command `tsk`; did you mean `task`?"),
        (["secret", "creat"], "`ame secret` has no command `creat`; did you mean `create`?"),
        (["task", "frobnicate"], "`ame task` has no command `frobnicate`\n"),
    ],
)
def test_a_command_that_there_is_not_is_refused_with_the_nearest(
    words: list[str], said: str
) -> None:
    ended = CliRunner().invoke(root, words, prog_name="ame")

    assert ended.exit_code == 2
    assert said in ended.stderr


def test_the_version_is_shown() -> None:
    assert CliRunner().invoke(root, ["--version"]).stdout == f"ame {__version__}\n"
