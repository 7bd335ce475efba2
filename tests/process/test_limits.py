import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from ame import process
from ame.process import groups
from process.conftest import Shell, everything

MIB = 1 << 20
GRAB = "python3 -S -E -c 'import time; a = bytearray({} << 20); print(\"held\", flush=True){}'"


def test_a_command_over_its_memory_ends_for_that_reason(shell: Shell) -> None:
    child = shell(GRAB.format(200, "; time.sleep(60)"), memory=100 * MIB)

    everything(child)
    ended = child.wait()

    assert ended.cause is process.Cause.MEMORY
    assert ended.code in {-9, 137}  # the shell itself, or its child of which it tells


def test_a_command_within_its_memory_is_left_alone_and_its_peak_is_told(shell: Shell) -> None:
    child = shell(GRAB.format(60, "; time.sleep(0.3)"), memory=200 * MIB)

    assert everything(child) == b"held\n"
    ended = child.wait()
    assert (ended.code, ended.cause) == (0, None)
    assert ended.peak_memory is not None
    assert 60 * MIB < ended.peak_memory < 100 * MIB


def test_the_whole_command_ends_when_one_of_its_tree_takes_the_memory(shell: Shell) -> None:
    grab = GRAB.format(200, "; time.sleep(60)")
    child = shell(f"(setsid {grab} &); trap '' TERM; sleep 60", memory=100 * MIB)

    everything(child)

    assert child.wait().cause is process.Cause.MEMORY


def test_the_memory_of_a_tree_is_summed(shell: Shell) -> None:
    grab = GRAB.format(60, "; time.sleep(60)")
    child = shell(f"{grab} & {grab} & {grab} & wait; wait", memory=130 * MIB)

    everything(child)

    assert child.wait().cause is process.Cause.MEMORY


def test_memory_that_processes_share_counts_once(shell: Shell) -> None:
    fork = "; import os; [os.fork() or (time.sleep(0.5), os._exit(0)) for _ in range(5)]"
    child = shell(GRAB.format(60, fork + "; time.sleep(0.5)"), memory=130 * MIB)

    everything(child)

    assert (child.wait().code, child.wait().cause) == (0, None)


def test_a_limit_of_one_command_is_not_that_of_the_next(shell: Shell) -> None:
    small = shell("true", memory=50 * MIB, cpu=Decimal("0.2"))
    everything(small)
    assert small.wait().code == 0

    large = shell(GRAB.format(100, ""))

    assert everything(large) == b"held\n"
    assert large.wait().code == 0
    assert large.limited == ""


def test_what_a_command_left_cached_is_not_the_memory_of_the_next(shell: Shell) -> None:
    writes = shell("head -c 60000000 /dev/zero > cached", memory=200 * MIB)
    everything(writes)
    assert writes.wait().code == 0

    after = shell("cat cached > /dev/null", memory=50 * MIB)
    everything(after)

    ended = after.wait()
    assert ended.code == 0
    assert ended.peak_memory is not None
    assert ended.peak_memory < 30 * MIB


def test_a_tree_of_many_small_processes_over_its_memory_ends_whole(shell: Shell) -> None:
    child = shell("for i in $(seq 400); do sleep 60 & done; wait; sleep 60", memory=20 * MIB)

    everything(child)

    assert child.wait(60).cause is process.Cause.MEMORY


def test_a_command_gets_no_more_than_its_cpus(shell: Shell) -> None:
    busy = "import time; end = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass"
    child = shell(f"python3 -S -E -c '{busy}'", cpu=Decimal("0.25"))

    everything(child)
    seconds = child.wait().cpu_seconds

    # 1.5 s at a quarter is 0.375 s; a first moment at full speed is not held by watching.
    assert seconds is not None
    assert 0.2 < seconds < 0.8


def test_a_command_paused_for_its_cpus_can_still_be_asked_to_end(shell: Shell) -> None:
    child = shell("trap 'exit 5' TERM; echo up; while :; do :; done", cpu=Decimal("0.05"))
    with child.output:
        assert child.output.read(3) == b"up\n"
        with pytest.raises(TimeoutError):
            child.wait(0.5)

        child.end(grace=30)

        assert child.wait(20).code == 5


def test_a_command_over_its_storage_ends_for_that_reason(shell: Shell) -> None:
    child = shell("head -c 20000000 /dev/zero > large; sleep 60", storage=10 * MIB)

    everything(child)

    assert child.wait().cause is process.Cause.STORAGE


def test_a_command_that_was_over_its_storage_when_it_ended_did_not_escape(shell: Shell) -> None:
    child = shell("mkdir a; head -c 2000000 /dev/zero > a/large", storage=1 * MIB)

    everything(child)

    assert (child.wait().code, child.wait().cause) == (0, process.Cause.STORAGE)


def test_storage_counts_what_is_on_the_disk_once(shell: Shell) -> None:
    script = (
        "head -c 700000 /dev/zero > one; ln one two; ln -s /usr/bin bin; truncate -s 1G sparse;"
        "sleep 0.3"
    )
    child = shell(script, storage=1 * MIB)

    everything(child)

    assert child.wait().cause is None


def test_a_child_tells_how_its_limits_are_held(form: process.Form, shell: Shell) -> None:
    child = shell("true", memory=100 * MIB, cpu=Decimal("0.5"), storage=MIB)
    everything(child)
    child.wait()

    said = {
        "cgroup": r"memory by cgroup v[12].*, cpu by cgroup v[12], storage by measuring",
        "watch": r"memory by watching every 0.1 s, cpu by pauses every 0.1 s, storage by measuring",
    }
    assert re.fullmatch(said[form], child.limited)


def test_no_group_is_left_when_a_supervisor_has_closed(tmp_path: Path) -> None:
    marker = "AME_RUN=groups"
    command = process.Command(argv=("/bin/sleep", "60"), folder=tmp_path, variables={})
    with process.Supervisor(marker=marker) as supervisor:
        child = supervisor.start(command, process.Limits(memory=100 * MIB))
        made = list(groups.left(groups.name_for(marker)))
    child.output.close()

    assert bool(made) is ("cgroup" in child.limited) is child.grouped
    assert list(groups.left(groups.name_for(marker))) == []


ASK = """
import sys
from decimal import Decimal
from pathlib import Path
from ame import errors, process
command = process.Command(argv=("/bin/true",), folder=Path("/"), variables={})
with process.Supervisor(limits=sys.argv[1]) as supervisor:
    try:
        child = supervisor.start(command, process.Limits(memory=1 << 30, cpu=Decimal("0.5")))
        child.output.close()
        print(child.wait().code, child.limited)
    except errors.Unavailable as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("form", "said"), [("auto", "0 memory by watching"), ("cgroup", "none can be made here")]
)
def test_without_groups_limits_are_watched_unless_groups_were_asked_for(
    form: str, said: str
) -> None:
    hidden = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "-"]
    src = Path(process.__file__).parents[2]

    answer = subprocess.run(
        [*(hidden if groups.find() else []), sys.executable, "-c", ASK, form],
        env={**os.environ, "PYTHONPATH": str(src)},
        capture_output=True,
        text=True,
    )

    assert said in answer.stdout, answer.stderr
