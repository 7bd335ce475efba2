"""The reference leaves nothing out, and names nothing that is not there."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from ame import errors, project
from ame.cli import exits
from ame.cli.main import Commands, root
from ame.engine.settings import Settings
from ame.federation.codes import Code
from ame.project.format import parts
from docs import pages

COMMANDS = "docs/reference/commands.md"
_CONTEXT = click.Context(root)


def _commands(group: click.Group, way: str = "ame") -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(_CONTEXT):
        command = group.get_command(_CONTEXT, name)
        assert command is not None
        yield f"{way} {name}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{way} {name}")


_ALL = dict(_commands(root))
_LEAVES = {way: each for way, each in _ALL.items() if not isinstance(each, click.Group)}


def _sections() -> dict[str, str]:
    """What the page says under the heading of each command."""
    parts = re.split(r"^## `(ame [^`]+)`.*$", pages.text(COMMANDS), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("way", _LEAVES)
def test_a_command_has_a_section_with_all_its_arguments_and_options(way: str) -> None:
    section = _sections()[way]

    for parameter in _LEAVES[way].params:
        if isinstance(parameter, click.Option):
            for word in (*parameter.opts, *parameter.secondary_opts):
                assert f"`{word}" in section, word
        else:
            assert parameter.make_metavar(_CONTEXT).strip("[].") in section


@pytest.mark.parametrize("way", _sections())
def test_a_section_is_of_a_command_and_of_its_options_only(way: str) -> None:
    options = {word for p in _LEAVES[way].params for word in (*p.opts, *p.secondary_opts)}

    for row in re.findall(r"^\| (.*?) \|", _sections()[way], flags=re.MULTILINE):
        for word in re.findall(r"`(--?[a-z][a-z_-]*)", row):
            assert word in options


def test_other_spellings_of_commands_are_named() -> None:
    for way, command in (("ame", root), *_ALL.items()):
        if isinstance(command, Commands):
            for alias in command._aliases:
                assert f"`{way} {alias}`" in pages.text(COMMANDS)


@pytest.mark.parametrize("page", pages.pages())
def test_a_page_names_only_commands_that_there_are(page: str) -> None:
    assert not list(_unknown(pages.text(page)))


def test_messages_and_help_name_only_commands_that_there_are() -> None:
    for file in (pages.ROOT / "src").rglob("*.py"):
        assert not list(_unknown(file.read_text())), file


def _unknown(text: str) -> Iterator[str]:
    """The commands between backticks that are none."""
    spelled = set(_ALL) | {f"{way} {a}" for way, c in _ALL.items() for a in _aliases(c)}
    for said in re.findall(r"`(ame [a-z][^`\n]*)`", text):
        words = said.split()
        command = " ".join(words[:2])
        group = isinstance(_ALL.get(command), click.Group) and len(words) > 2 and "|" not in said
        if command not in spelled or (group and " ".join(words[:3]) not in spelled):
            yield said


def _aliases(command: click.Command) -> tuple[str, ...]:
    return tuple(command._aliases) if isinstance(command, Commands) else ()


def test_every_exit_code_is_named_with_its_branch_of_errors() -> None:
    rows = dict(
        re.findall(r"^\| (\d+) \| (.*)$", pages.text("docs/reference/exit-codes.md"), re.MULTILINE)
    )

    known = {0, exits.USAGE, exits.INTERRUPTED, *exits.CODES.values(), *map(int, Code)}
    assert set(map(int, rows)) == known
    for ended in Code:
        assert ended.meaning in pages.text("docs/reference/exit-codes.md")
    for kind, code in exits.CODES.items():
        assert f"`{kind.__name__}`" in rows[str(code)]


def test_every_branch_of_the_errors_is_named() -> None:
    page = pages.text("docs/reference/exit-codes.md")

    for branch in errors.Error.__subclasses__():
        assert f"`{branch.__name__}`" in page


def test_every_variable_that_ame_provides_is_named_and_no_other() -> None:
    page = pages.text("docs/reference/variables.md").split("## ")[1]

    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(project.PROVIDED)


def test_every_variable_that_ame_reads_is_named() -> None:
    source = "\n".join(file.read_text() for file in (pages.ROOT / "src").rglob("*.py"))
    read = set(re.findall(r'"((?:AME|VAULT|MLFLOW|PYENV|PIPENV|UV_PYTHON)_[A-Z_]+)"', source))

    assert "AME_HOME" in read
    for name in read:
        assert re.search(rf"\b{name}\b", pages.text("docs/reference/variables.md")), name


def test_every_setting_is_named_and_no_other() -> None:
    page = pages.text("docs/reference/settings.md")

    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [
        each.name for each in fields(Settings)
    ]


def test_the_settings_that_are_shown_as_defaults_are_the_defaults(tmp_path: Path) -> None:
    shown = pages.blocks("docs/reference/settings.md")[0]
    (tmp_path / "settings.toml").write_text(shown.text)

    assert shown.language == "toml"
    assert Settings.read(tmp_path) == Settings()


def test_a_class_that_the_glossary_names_is_in_its_package() -> None:
    named = re.findall(r"`(\w+)\.([A-Z]\w+)`", pages.text("docs/glossary.md"))
    inner = {
        "client": "federation",
        "cloud": "server",
        "recipes": "federation",
        "workspace": "engine",
    }
    places = {name: f"{outer}/{name}" for name, outer in inner.items()}

    assert named
    for package, name in named:
        place = pages.ROOT / "src" / "ame" / places.get(package, package)
        files = [place] if place.is_file() else place.rglob("*.py")
        source = "\n".join(file.read_text() for file in files)
        assert re.search(rf"^(class {name}\b|{name} = )", source, re.MULTILINE), f"{package}.{name}"


def test_the_tour_names_files_that_there_are() -> None:
    said = re.findall(r"`((?:\w+/)+[\w./-]*)`", pages.text("docs/tour.md"))

    assert said
    for path in said:
        places = (pages.ROOT, pages.ROOT / "src" / "ame")
        assert any((place / path).exists() for place in places), path


def test_an_editor_is_told_every_tag() -> None:
    told = re.findall(r'"!(\w+) mapping"', pages.text("docs/howto/editors.md"))

    assert sorted(told) == sorted([*parts.EXECUTOR.kinds, *parts.SECRET.kinds])
