import contextlib
import os
import resource
import signal
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ame import errors, process
from parts.waiting import eventually, is_running
from process.conftest import Shell, everything

PATH = {"PATH": os.environ["PATH"]}


def test_a_child_says_what_it_wrote_and_how_it_ended(shell: Shell) -> None:
    child = shell("echo out; echo err >&2; echo again; exit 7")

    assert everything(child) == b"out\nerr\nagain\n"
    ended = child.wait()
    assert (ended.code, ended.cause) == (7, None)
    assert ended.cpu_seconds is not None
    assert ended.cpu_seconds < 5
    assert child.wait(0) == ended


def test_a_child_that_a_signal_ended_has_its_number_as_code(shell: Shell) -> None:
    child = shell("kill -USR1 $$")

    assert everything(child) == b""
    assert (child.wait().code, child.wait().cause) == (-signal.SIGUSR1, None)


def test_a_child_begins_with_nothing_but_what_it_was_given(tmp_path: Path) -> None:
    script = "pwd; env -u PWD; cat; cut -d' ' -f6 /proc/$$/stat; echo $$; ls /proc/$$/fd; "
    script += "exec sed -n 's/^Sig[BI].*\\t//p' /proc/self/status"
    command = process.Command(
        argv=("sh", "-c", script), folder=tmp_path, variables={"PATH": "/usr/bin:/bin"}
    )
    leak = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leak, True)
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with process.Supervisor(marker="AME_RUN=x") as supervisor:
            said = everything(supervisor.start(command)).decode().split()
    finally:
        signal.signal(signal.SIGHUP, ignored)
        os.close(leak)

    here, path, marker, session, pid, *fds, blocked, ignoring = said
    assert (here, sorted([path, marker])) == (str(tmp_path), ["AME_RUN=x", "PATH=/usr/bin:/bin"])
    assert session == pid
    assert fds == ["0", "1", "2"]
    assert int(blocked, 16) == 0
    # The C library ignores its own two signals, 32 and 33, in what it spawns.
    assert int(ignoring, 16) & ~(0b11 << 31) == 0


def test_a_program_is_found_as_a_shell_in_its_folder_would(
    supervisor: process.Supervisor, tmp_path: Path
) -> None:
    tool = tmp_path / "bin" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho $0 $1\n")
    tool.chmod(0o755)

    for program, path in (("bin/tool", "/bin"), ("tool", "bin:/bin"), (str(tool), "")):
        command = process.Command(
            argv=(program, "a b"), folder=tmp_path, variables={"PATH": f"{path}"}
        )
        assert everything(supervisor.start(command)).decode().endswith("bin/tool a b\n")


def test_a_folder_may_be_relative_to_where_we_are(
    supervisor: process.Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    tool = tmp_path / "sub" / "tool"
    tool.write_text("#!/bin/sh\npwd\n")
    tool.chmod(0o755)
    monkeypatch.chdir(tmp_path)

    command = process.Command(argv=("./tool",), folder=Path("sub"), variables={})

    assert everything(supervisor.start(command)).decode().strip() == str(tmp_path / "sub")


def test_what_cannot_be_started_is_refused_with_its_reason(
    supervisor: process.Supervisor, tmp_path: Path
) -> None:
    def start(*argv: str, folder: Path = tmp_path) -> process.Child:
        return supervisor.start(process.Command(argv=argv, folder=folder, variables=PATH))

    def file(name: str, text: str, mode: int = 0o755) -> str:
        path = tmp_path / name
        path.write_text(text)
        path.chmod(mode)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        return f"./{name}"

    with pytest.raises(errors.ProgramNotFound, match="nowhere-to-be-found"):
        start("nowhere-to-be-found")
    with pytest.raises(errors.ProgramNotFound, match="is not a file"):
        start("./nowhere")
    with pytest.raises(errors.FolderNotFound, match="missing"):
        start("true", folder=tmp_path / "missing")
    with pytest.raises(errors.NotExecutable, match="chmod"):
        start(file("plain", "#!/bin/sh\n", 0o644))
    with pytest.raises(errors.NotExecutable, match="no program"):
        start(file("data", "\x01\x02 data"))
    with pytest.raises(errors.NotExecutable, match="interpreter"):
        start(file("stray", "#!/nowhere/python\n"))
    with pytest.raises(errors.NotExecutable, match="empty"):
        start()
    with pytest.raises(errors.NotExecutable, match="too long"):
        start("true", "x" * 3_000_000)
    with pytest.raises(errors.NotExecutable, match="null"):
        start("true", "a\0b")
    assert everything(start("echo", "still here")) == b"still here\n"


def test_a_large_environment_arrives(supervisor: process.Supervisor, tmp_path: Path) -> None:
    variables = {f"V{n}": "x" * 1000 for n in range(500)} | PATH
    command = process.Command(
        argv=("sh", "-c", "env | wc -c"), folder=tmp_path, variables=variables
    )

    assert int(everything(supervisor.start(command))) > 500_000


def test_wait_gives_up_after_its_timeout_and_can_be_asked_again(shell: Shell) -> None:
    child = shell("sleep 60")

    with pytest.raises(TimeoutError):
        child.wait(0.01)
    assert not child.ended()
    child.end()
    assert child.wait(10).cause is process.Cause.ASKED
    assert child.ended()
    child.output.close()


def test_descendants_that_outlive_their_leader_are_ended(shell: Shell, tmp_path: Path) -> None:
    child = shell(
        "setsid sh -c 'echo $$ > one; sleep 60' & "
        "(setsid sh -c 'trap \"\" TERM; echo $$ > two; while :; do sleep 0.1; done' "
        "2>/dev/null &) & "
        "while ! [ -s one -a -s two ]; do sleep 0.01; done; exit 3"
    )

    # Both hold the pipe, and one ignores being asked.
    assert everything(child) == b""
    ended = child.wait()

    assert (ended.code, ended.cause) == (3, None)
    assert not [pid for pid in ("one", "two") if is_running(int((tmp_path / pid).read_text()))]


def test_a_command_is_asked_before_it_is_killed_with_all_of_its_tree(shell: Shell) -> None:
    child = shell("(trap 'echo saved; exit' TERM; echo up; while :; do sleep 0.01; done) & wait")
    with child.output:
        assert os.read(child.output.fileno(), 99) == b"up\n"

        child.end()
        assert child.wait().cause is process.Cause.ASKED
        assert child.output.read().splitlines()[-1] == b"saved"
    child.end()


def test_a_command_that_ignores_being_asked_is_killed(shell: Shell, tmp_path: Path) -> None:
    child = shell("trap '' TERM; setsid sh -c 'echo $$ > pid; echo up; sleep 60' & wait; sleep 60")
    with child.output:
        assert os.read(child.output.fileno(), 99) == b"up\n"

        child.end(grace=60)
        child.end(grace=0.05)

        assert child.wait().cause is process.Cause.ASKED
    assert child.wait().code == -signal.SIGKILL
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_a_process_that_forks_and_forks_does_not_slip_away(shell: Shell) -> None:
    child = shell("echo up; f() { sleep 0.01; f & }; f; for i in 1 2 3 4 5 6; do f & done; wait")
    with child.output:
        os.read(child.output.fileno(), 99)

        child.end(grace=0)
        assert child.wait(20).cause is process.Cause.ASKED


def test_output_that_is_closed_early_does_not_end_a_child(shell: Shell) -> None:
    child = shell("exec >&- 2>&-; sleep 0.1; exit 4")

    assert everything(child) == b""
    assert child.wait().code == 4


def test_output_ends_with_the_tree_even_if_a_stranger_holds_the_pipe(shell: Shell) -> None:
    child = shell("sleep 0.2; echo said")
    held = os.open(f"/proc/{child.identity.pid}/fd/1", os.O_WRONLY)

    assert everything(child) == b"said\n"
    assert child.wait().code == 0
    os.close(held)


def test_a_sink_that_fails_leaves_a_child_that_can_be_ended(shell: Shell) -> None:
    child = shell("echo up; sleep 60")

    def fail(chunk: bytes) -> None:
        raise ValueError(chunk)

    with pytest.raises(ValueError, match="up"):
        process.pump(child, fail)
    child.end()
    assert child.wait(20).cause is process.Cause.ASKED


def test_gigabytes_of_output_arrive_whole(shell: Shell) -> None:
    child = shell("head -c 1000000000 /dev/zero")
    total = 0

    def count(chunk: bytes) -> None:
        nonlocal total
        total += len(chunk)

    process.pump(child, count)

    assert total == 1_000_000_000


def test_a_thousand_children_run_one_after_another(shell: Shell) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    codes = {shell_out(shell, f"exit {n % 100}") - n % 100 for n in range(1000)}

    assert codes == {0}
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def shell_out(shell: Shell, script: str) -> int:
    child = shell(script)
    everything(child)
    return child.wait().code


@pytest.mark.slow
def test_five_hundred_children_run_at_once(shell: Shell, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    with ThreadPoolExecutor(16) as pool:
        children = list(
            pool.map(lambda n: shell(f"read x < gate; exit {n % 100}"), range(500), timeout=60)
        )
    assert not any(child.ended() for child in children)

    # For both ends at once, so that every reader's opening succeeds; closed only at the end.
    gate = os.open(tmp_path / "gate", os.O_RDWR)
    os.write(gate, b"\n" * 500)
    assert eventually(lambda: all(child.ended() for child in children), 60)
    os.close(gate)
    for child in children:
        child.output.close()

    assert [child.wait().code for child in children] == [n % 100 for n in range(500)]


def test_a_machine_without_free_descriptors_is_told_and_nothing_is_lost(
    shell: Shell, tmp_path: Path
) -> None:
    everything(before := shell("exit 1"))
    assert before.wait().code == 1
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(tmp_path, os.O_RDONLY))
        with pytest.raises(errors.Unavailable, match="open files"):
            shell("true")
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    everything(after := shell("exit 2"))
    assert after.wait().code == 2


def test_any_thread_may_start_wait_and_end(shell: Shell) -> None:
    def one(n: int) -> int:
        child = shell("sleep 60" if n % 2 else "exit 3")
        waiter = threading.Thread(target=child.wait)
        waiter.start()
        if n % 2:
            child.end(grace=1)
        everything(child)
        waiter.join()
        return child.wait().code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(one, range(64)))

    assert codes == [3, -signal.SIGTERM] * 32


def test_a_supervisor_that_is_closed_has_ended_everything_and_starts_nothing(
    form: process.Form, tmp_path: Path
) -> None:
    command = process.Command(argv=("sleep", "60"), folder=tmp_path, variables=PATH)
    with process.Supervisor(limits=form) as supervisor:
        children = [supervisor.start(command) for _ in range(3)]

    assert {child.wait(0).cause for child in children} == {process.Cause.ASKED}
    assert not any(process.alive(child.identity) for child in children)
    with pytest.raises(errors.Conflict, match="closed"):
        supervisor.start(command)
    for child in children:
        child.output.close()
