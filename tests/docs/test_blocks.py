"""What the documents show is what happens: every block is read or run."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from ame import errors, project
from ame.engine.settings import Settings
from docs import pages
from parts import fleet

_ALL = [block for page in pages.pages() for block in pages.blocks(page)]
_YAML = [
    b for b in _ALL if b.language == "yaml" and (b.marks.get("file") or "ame.y").count("ame.y")
]
_TOML = [b for b in _ALL if b.language == "toml" and "file" not in b.marks]
_SHELL = [page for page in pages.pages() if any(b.language == "shell" for b in pages.blocks(page))]
_PWD = "trap 'pwd >\"$DOCS_FOLDER\"' EXIT\n"


def _written(folder: Path, block: pages.Block) -> Path:
    file = folder / "project" / (block.marks.get("file") or f"{block.line}/ame.yml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(block.text)
    return file


def _known(folder: Path, page: str) -> project.KnownProjects:
    """The projects that other blocks of the page are."""
    found: dict[str, Path] = {}
    for block in pages.blocks(page):
        if block in _YAML and not {"fault", "fragment"} & set(block.marks):
            file = _written(folder, block)
            found.setdefault(project.read(file).name, file.parent)
    return project.KnownProjects(found)


@pytest.mark.parametrize("page", pages.pages())
def test_every_block_of_a_page_is_found(page: str) -> None:
    fences = [line for line in pages.text(page).splitlines() if line.startswith("```")]

    assert len(fences) == 2 * len(pages.blocks(page))


@pytest.mark.parametrize("block", _ALL, ids=str)
def test_a_block_has_a_language_that_is_tested_and_marks_that_are_known(block: pages.Block) -> None:
    assert block.language in {"yaml", "shell", "toml", "python", "json", "text"}
    assert set(block.marks) <= pages.MARKS


@pytest.mark.parametrize("block", _YAML, ids=str)
def test_a_project_file_is_accepted_or_refused_as_its_page_says(
    block: pages.Block, tmp_path: Path
) -> None:
    known = _known(tmp_path, block.page)
    file = _written(tmp_path, block)

    if "fragment" in block.marks:
        with pytest.raises(errors.ProjectInvalid):
            project.read(file)
        file.write_text(_completed(block.text))
    try:
        faults = project.check(project.read(file), known)
    except errors.ProjectInvalid as error:
        faults = error.faults

    assert bool(faults) == ("fault" in block.marks), "\n".join(map(str, faults))


def _completed(fragment: str) -> str:
    """A part of a task in a task."""
    inside = "".join(f"    {line}\n" for line in fragment.splitlines())
    executor = "" if "executor:" in fragment else "    executor: !custom {command: a}\n"
    return f"tasks:\n  - name: whole\n{executor}{inside}"


@pytest.mark.parametrize("block", _TOML, ids=str)
def test_settings_are_read(block: pages.Block, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(block.text)

    Settings.read(tmp_path)


def _slow(page: str) -> tuple[pytest.MarkDecorator, ...]:
    slow = any("slow" in block.marks for block in pages.blocks(page))
    return (pytest.mark.slow, pytest.mark.timeout(900)) if slow else ()


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=_slow(page), id=page) for page in _SHELL]
)
def test_the_commands_of_a_page_do_what_it_says(page: str, tmp_path: Path) -> None:
    """One after another in one folder, as somebody would who follows the page."""
    folder = tmp_path / "project"
    folder.mkdir()
    variables = _variables(tmp_path)
    printed = ""
    with ExitStack() as stack:
        if any("server" in block.marks for block in pages.blocks(page)):
            server = stack.enter_context(fleet.serving(tmp_path, "--open"))
            variables["AME_SERVER"] = server.url
        for block in pages.blocks(page):
            if "file" in block.marks:
                _written(tmp_path, block)
            elif "output" in block.marks:
                _compare(block, printed)
            elif block.language == "shell" and "not run" not in block.marks:
                printed, folder = _run(block, folder, variables)


def _run(block: pages.Block, folder: Path, variables: dict[str, str]) -> tuple[str, Path]:
    """What the block printed, and the folder that it ends in."""
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", _PWD + block.text],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == int(block.marks.get("exit", 0)), f"{block}:\n{done.stdout}"
    return done.stdout, Path(Path(variables["DOCS_FOLDER"]).read_text().strip())


def _compare(block: pages.Block, printed: str) -> None:
    """Every line of the block is among those printed, in this order."""
    ahead = iter(_plain(printed).splitlines())
    for line in _plain(block.text).splitlines():
        pattern = ".*".join(map(re.escape, line.split("…")))
        found = not line or any(re.fullmatch(pattern, there) for there in ahead)
        assert found, f"{block}: `{line}` was not printed:\n{printed}"


def _plain(said: str) -> str:
    """Without what differs each time: the letters of a run's name, how long it took, spaces."""
    said = re.sub(r"-[a-km-z2-9]{6}\b", "-xxxxxx", said)
    said = re.sub(r"\b\d+(\.\d)? s\b", "0 s", said)
    return re.sub(r"[ ]+", " ", said).replace(" \n", "\n")


def _variables(folder: Path) -> dict[str, str]:
    """An environment with `ame` and `python`, and a state folder of its own."""
    commands = folder / "bin"
    commands.mkdir()
    for name, text in (
        ("ame", f"#!{sys.executable}\nfrom ame.cli import main\nmain()\n"),
        ("python", f'#!/bin/sh\nexec {sys.executable} "$@"\n'),
    ):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AME_")}
    return {
        **kept,
        "PATH": f"{commands}:{kept['PATH']}",
        "PYTHONPATH": str(pages.ROOT / "src"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "AME_HOME": str(folder / "home"),
        "DOCS_FOLDER": str(folder / "folder"),
    }
