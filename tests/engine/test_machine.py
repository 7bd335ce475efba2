import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from ame import project
from ame.engine import machine
from ame.engine.settings import Settings
from ame.process import groups
from ame.runs import leases


@pytest.mark.parametrize(
    ("given", "gpus"),
    [("0,2", ("0", "2")), ("", ()), ("-1", ()), ("GPU-ab, MIG-c", ("GPU-ab", "MIG-c"))],
)
def test_only_the_gpus_that_ame_was_given_are_handed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, gpus: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)

    assert machine.capacity(Settings(), tmp_path).gpus == gpus
    assert machine.capacity(Settings(gpus=("9",)), tmp_path).gpus == ("9",)


def test_a_control_group_of_ame_limits_what_there_is(tmp_path: Path) -> None:
    found = groups.find()
    can = {"memory", "cpu"} <= found.keys()
    say = (
        "from pathlib import Path; from ame.engine import machine;"
        "from ame.engine.settings import Settings;"
        "has = machine.capacity(Settings(), Path('/tmp')); print(has.cpu, has.memory)"
    )
    made = [
        Path(parent, f"ame-test-{os.getpid()}") for parent in {p for _, p in found.values()} if can
    ]
    version_two = (Path("/sys/fs/cgroup") / "cgroup.controllers").exists()
    for folder in made:
        folder.mkdir()
    limits = (
        {"memory.max": "299999232", "cpu.max": "50000 100000"}
        if version_two
        else {"memory.limit_in_bytes": "299999232", "cpu.cfs_quota_us": "50000"}
    )
    for folder in made:
        for name, value in limits.items():
            if (folder / name).exists():
                (folder / name).write_text(value)
    enter = "; ".join(f"echo $$ > {folder}/cgroup.procs" for folder in made)
    try:
        told = subprocess.check_output(
            ["sh", "-c", f'{enter}; exec "$@"', "sh", sys.executable, "-c", say], text=True
        )
    finally:
        for folder in made:
            folder.rmdir()

    cpu, memory = told.split()
    whole = machine.capacity(Settings(), tmp_path)
    assert Decimal(cpu) == (Decimal("0.5") if can else whole.cpu)
    assert int(memory) == (299_999_232 if can else whole.memory)


def test_other_makers_gpus_are_not_handed_out(tmp_path: Path) -> None:
    has = leases.Capacity(cpu=Decimal(2), memory=2**30, storage=2**30, gpus=("0",))
    asked = project.Resources(gpus=(("amd.com/gpu", 1),))
    wanted = machine.claim(asked, Settings(), has)

    assert wanted.gpus == 0
    assert machine.shortage(asked, wanted, has) == (
        "amd.com/gpu: only nvidia.com/gpu can be handed out on this machine",
    )
