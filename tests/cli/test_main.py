import pytest
from click.testing import CliRunner

from ame import __version__
from ame.cli.main import root


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tsk"], "`ame` has no command `tsk`; did you mean `task`?"),
        (["secret", "creat"], "`ame secret` has no command `creat`; did you mean `create`?"),
        (["ds", "frobnicate"], "`ame ds` has no command `frobnicate`; it has `list`, `remove`\n"),
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fleet", "task", "list", "--server", "localhost:8080"], "write `http://HOST:PORT`"),
        (["device", "run", "--population", "p", "--server", "ftp://h"], "write `http://HOST:PORT`"),
        (["site", "run", "a", "--any", "--server", "h"], "write `http://HOST:PORT`"),
        (["server", "start", "--grpc-port", "-5"], "'--grpc-port'"),
        (["server", "start", "--rate", "-1"], "'--rate'"),
        (["server", "start", "--certificate", __file__], "--certificate and --key belong together"),
        (
            ["server", "start", "--certificate", __file__, "--key", __file__],
            "are no certificate and its key, in PEM",
        ),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_by_name(words: list[str], said: str) -> None:
    ended = CliRunner().invoke(root, words, prog_name="ame")

    assert ended.exit_code == 2
    assert said in ended.stderr
