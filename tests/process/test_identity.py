import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ame import errors, process
from process.conftest import Shell, everything


def test_this_process_is_alive_and_its_identity_can_be_written_and_read() -> None:
    own = process.own_identity()

    assert own.pid == os.getpid()
    assert process.Identity.parse(str(own)) == own
    assert process.alive(own)


def test_another_process_with_the_same_number_is_not_meant() -> None:
    own = process.own_identity()

    assert not process.alive(replace(own, start=own.start - 1))
    assert not process.alive(replace(own, boot="another"))


def test_a_process_that_has_ended_is_not_alive_even_as_a_zombie(shell: Shell) -> None:
    child = shell("sleep 60")
    assert process.alive(child.identity)
    child.end()
    everything(child)
    child.wait()
    assert not process.alive(child.identity)

    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as popen:
        assert popen.stdout is not None
        start = int(Path(f"/proc/{popen.pid}/stat").read_text().rpartition(")")[2].split()[19])
        os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
        zombie = replace(process.own_identity(), pid=popen.pid, start=start)
        assert not process.alive(zombie)


@pytest.mark.parametrize("text", ["", "a", "a:1", ":1:2", "a:x:2", "a:1:2:3", "a:-1:2"])
def test_what_names_no_process_is_refused(text: str) -> None:
    with pytest.raises(errors.NotAnIdentity, match="BOOT:PID:START"):
        process.Identity.parse(text)
