"""Completion in the shells themselves."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from select import select
from time import monotonic

import pytest

import ame as package

SOURCE = str(Path(package.__file__).parents[1])
FILE = """\
project: demo
tasks:
  - {name: train, executor: !custom {command: a}}
  - {name: tree, executor: !custom {command: a}}
"""


@pytest.fixture
def variables(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """Of a shell in a project's folder, in which `ame` is a command."""
    (tmp_path / "ame.yml").write_text(FILE)
    program = tmp_path / "bin" / "ame"
    program.parent.mkdir()
    lines = "import sys; sys.argv[0] = 'ame'; from ame.cli import main; main()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{lines}" "$@"\n')
    program.chmod(0o755)
    before = Path.cwd()
    os.chdir(tmp_path)
    yield {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": SOURCE,
        "AME_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path),
        "TERM": "dumb",
        "LANG": "C.UTF-8",
    }
    os.chdir(before)


def offered_by_fish(line: str, variables: Mapping[str, str]) -> list[str]:
    words = f"ame completion fish | source; complete -C '{line}'"
    done = subprocess.run(["fish", "-c", words], env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_fish_completes_commands_tasks_and_options(variables: Mapping[str, str]) -> None:
    assert "task\tRun tasks" in offered_by_fish("ame ta", variables)[0]
    assert [word.strip() for word in offered_by_fish("ame task run tr", variables) if word] == [
        "train",
        "tree",
    ]
    assert "--format\tA table for people, or JSON for programs." in offered_by_fish(
        "ame task list --f", variables
    )


def test_zsh_completes_commands_tasks_and_options(variables: Mapping[str, str]) -> None:
    child, screen = pty.fork()
    if child == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], dict(variables))
    shown = bytearray()

    def type_(keys: str, *, until: str) -> None:
        os.write(screen, keys.encode())
        end = monotonic() + 30
        while until.encode() not in shown:
            assert monotonic() < end, shown.decode(errors="replace")
            if select([screen], [], [], 0.1)[0]:
                shown.extend(os.read(screen, 65536))
        del shown[: shown.index(until.encode()) + len(until)]

    try:
        begin = 'autoload -U compinit; compinit -u -D; eval "$(ame completion zsh)"'
        type_(f"{begin}; PS1=rea; PS1+=dy\n", until="ready")
        type_("ame ta\t", until="ame task ")
        type_("\x15ame task run tr\t\t", until="train")
        type_("", until="tree")
        type_("\x15ame task list --f\t", until="--format ")
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(screen)
        os.waitpid(child, 0)
