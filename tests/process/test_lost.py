import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ame import process
from ame.process import groups, tree
from parts.waiting import eventually, is_running
from process.conftest import Shell, everything

PROGRAM = """
import os, sys, threading
from pathlib import Path
from ame import process
folder, marker, form = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
script = (
    "(setsid sh -c 'trap \\"echo asked > asked\\" TERM; echo $$ > daemon;"
    " while :; do sleep 600 & wait; [ -s asked ] && exit; done' &);"
    " echo $$ > leader; exec sleep 600"
)
with process.Supervisor(marker=marker, limits=form) as supervisor:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    child = supervisor.start(process.Command(
        argv=("sh", "-c", script), folder=folder, variables={"PATH": os.environ["PATH"]}))
    (folder / "identity").write_text(str(child.identity))
    child.wait()
"""


class Owner:
    """Another process, which has a Supervisor with one child, which has a daemon."""

    def __init__(self, folder: Path, form: process.Form) -> None:
        self.marker = f"AME_RUN={folder}"
        self.folder = folder
        argv = [sys.executable, "-c", PROGRAM, str(folder), self.marker, form]
        src = Path(process.__file__).parents[2]
        self.popen = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(src)})
        assert eventually(lambda: all(self.written(n) for n in ("leader", "daemon", "identity")))
        # The keeper, the slot, the leader, the daemon and what it sleeps by.
        assert eventually(lambda: len(self.below()) >= 5)
        self.all = [entry.pid for entry in self.below()]

    def written(self, name: str) -> str:
        path = self.folder / name
        return path.read_text().strip() if path.exists() else ""

    def below(self) -> list[tree.Entry]:
        return tree.below(self.popen.pid)

    def keepers(self) -> list[int]:
        """The keeper and its slots: all that are not commands."""
        entries = self.below()
        return [e.pid for e in entries if "python" in str(Path(f"/proc/{e.pid}/exe").readlink())]

    def all_gone(self) -> bool:
        return not any(is_running(pid) for pid in self.all)

    def groups_gone(self) -> bool:
        return not list(groups.left(groups.name_for(self.marker)))


@pytest.fixture
def owner(tmp_path: Path, form: process.Form) -> Iterator[Owner]:
    owner = Owner(tmp_path, form)
    yield owner
    owner.popen.kill()
    owner.popen.wait()
    process.sweep(owner.marker)


def test_nothing_is_left_of_an_owner_that_was_killed(owner: Owner) -> None:
    owner.popen.kill()

    assert eventually(owner.all_gone)
    assert eventually(owner.groups_gone)
    assert owner.written("asked") == "asked"


def test_an_interrupted_owner_ends_its_children_which_the_terminal_does_not_reach(
    owner: Owner,
) -> None:
    assert os.getpgid(owner.popen.pid) not in {entry.group for entry in owner.below()}

    owner.popen.send_signal(signal.SIGINT)

    assert eventually(owner.all_gone)
    assert eventually(owner.groups_gone)


def test_sweeping_ends_what_is_left_when_all_who_kept_it_were_killed(owner: Owner) -> None:
    keepers = sorted((owner.popen.pid, *owner.keepers()), reverse=True)
    # So that none sees another's end; and parents last, for theirs lets stopped children go on.
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in keepers:
            os.kill(pid, number)
    owner.popen.wait()
    leader = process.Identity.parse(owner.written("identity"))
    assert process.alive(leader)

    assert process.sweep(owner.marker) >= 2

    assert owner.all_gone()
    assert owner.groups_gone()
    assert process.sweep(owner.marker) == 0


def test_sweeping_ends_a_leader_that_began_without_the_marker_and_its_session(
    tmp_path: Path,
) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/below; exec sleep 600"
    with subprocess.Popen(["env", "-i", "sh", "-c", script], start_new_session=True) as leader:
        assert eventually((tmp_path / "below").exists)
        assert eventually(lambda: bool((tmp_path / "below").read_text()))
        entry = tree.look(leader.pid)
        assert entry is not None
        boot = process.own_identity().boot
        another = process.Identity(boot, leader.pid, entry.start - 1)
        assert process.sweep("AME_RUN=gone", another) == 0
        assert leader.poll() is None

        assert process.sweep("AME_RUN=gone", process.Identity(boot, leader.pid, entry.start)) == 2

    assert not is_running(int((tmp_path / "below").read_text()))


def test_sweeping_leaves_what_has_another_marker(owner: Owner) -> None:
    assert process.sweep(owner.marker[:-1]) == 0
    assert process.sweep(owner.marker + "x") == 0

    assert all(is_running(pid) for pid in owner.all)


def test_sweeping_spares_who_asks_and_its_ancestors(tmp_path: Path) -> None:
    src = Path(process.__file__).parents[2]
    script = "from ame import process; print(process.sweep('AME_RUN=me'))"
    command = f'sleep 600 & {sys.executable} -c "{script}"; echo $?; kill $!'
    said = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(src), "AME_RUN": "me"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert said.stdout.split() == ["1", "0"]


def parents(child: process.Child) -> tuple[int, int]:
    """The slot and the keeper of a child."""
    slot = tree.look(child.identity.pid)
    assert slot is not None
    keeper = tree.look(slot.parent)
    assert keeper is not None
    return slot.parent, keeper.parent


DAEMON = "(setsid sleep 600 &); sleep 600"


def test_a_child_whose_slot_was_killed_is_lost_with_all_of_its_tree(shell: Shell) -> None:
    other = shell("sleep 0.3; echo unharmed")
    child = shell(f"echo up; {DAEMON}")
    with child.output:
        assert child.output.read(3) == b"up\n"
        slot, _ = parents(child)
        below = [entry.pid for entry in tree.below(slot)]

        os.kill(slot, signal.SIGKILL)

        assert child.wait(20).cause is process.Cause.LOST
        assert not any(is_running(pid) for pid in below)
    assert everything(other) == b"unharmed\n"
    assert other.wait().code == 0


def test_a_slot_that_was_killed_when_memory_had_run_out_is_told_as_that(
    shell: Shell, form: process.Form, tmp_path: Path
) -> None:
    child = shell(
        "until [ -e go ]; do sleep 0.01; done; exec python3 -S -c 'bytearray(200 << 20)'",
        memory=50 << 20,
    )
    with child.output:
        slot, _ = parents(child)
        os.kill(slot, signal.SIGSTOP)
        (tmp_path / "go").touch()
        # The slot can neither look nor reap.
        assert eventually(lambda: not is_running(child.identity.pid))

        os.kill(slot, signal.SIGKILL)

        by_the_kernel = form == "cgroup"
        expected = process.Cause.MEMORY if by_the_kernel else process.Cause.LOST
        assert child.wait(20).cause is expected


def test_a_killed_keeper_is_replaced_and_its_slots_go_on(
    supervisor: process.Supervisor, shell: Shell
) -> None:
    children = [shell("read x < /dev/null; sleep 0.5; exit 6") for _ in range(2)]
    _, keeper = parents(children[0])

    os.kill(keeper, signal.SIGKILL)
    assert eventually(lambda: not is_running(keeper))

    children += [shell("exit 6") for _ in range(3)]
    for child in children:
        everything(child)
    assert {child.wait(20).code for child in children} == {6}
    supervisor.close()
    assert list(groups.left(groups.name_for(supervisor.marker))) == []


def test_a_slot_that_was_killed_while_idle_is_replaced(shell: Shell) -> None:
    first = shell("sleep 0.1; exit 3")
    slot, _ = parents(first)
    everything(first)
    assert first.wait().code == 3

    os.kill(slot, signal.SIGKILL)
    assert eventually(lambda: not is_running(slot))

    second = shell("exit 4")
    everything(second)
    assert second.wait().code == 4


def test_a_marker_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="NAME=value"):
        process.Supervisor(marker="x")


def test_nothing_runs_on_when_keeper_and_slot_were_killed_at_once(shell: Shell) -> None:
    child = shell(f"echo up; {DAEMON}")
    with child.output:
        assert child.output.read(3) == b"up\n"
        slot, keeper = parents(child)
        below = [entry.pid for entry in tree.below(slot)]

        os.kill(keeper, signal.SIGKILL)
        os.kill(slot, signal.SIGKILL)

        assert child.wait(20).cause is process.Cause.LOST
        assert not any(is_running(pid) for pid in below)
