"""What this machine has to give to tasks, and what a task asks of it."""

import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

from ame import project
from ame.engine.settings import Settings
from ame.project import quantity
from ame.runs import leases

_NVIDIA = "nvidia.com/gpu"
_LONG = 6
"""Characters of an amount that a person still reads at a glance."""


def capacity(settings: Settings, home: Path) -> leases.Capacity:
    """All that may be handed out here: CPUs that ame may use, memory, free disk, GPUs."""
    return leases.Capacity(
        cpu=Decimal(len(os.sched_getaffinity(0))),
        memory=_memory(),
        storage=shutil.disk_usage(home).free,
        gpus=_gpus() if settings.gpus is None else settings.gpus,
    )


def claim(asked: project.Resources, settings: Settings, has: leases.Capacity) -> leases.Claim:
    """What a task takes: what it asks for, and the defaults for what it does not name.

    A default is never more than the machine has.
    """
    return leases.Claim(
        cpu=min(settings.cpu, has.cpu) if asked.cpu is None else asked.cpu,
        memory=min(settings.memory, has.memory) if asked.memory is None else asked.memory,
        storage=min(settings.storage, has.storage) if asked.storage is None else asked.storage,
        gpus=sum(count for vendor, count in asked.gpus if vendor == _NVIDIA),
    )


def shortage(
    asked: project.Resources, wanted: leases.Claim, has: leases.Capacity
) -> tuple[str, ...]:
    """What the machine will never have for this claim, in words; empty when it fits."""
    short: list[str] = []
    if wanted.cpu > has.cpu:
        short.append(f"cpu: asks for {wanted.cpu:f}, this machine has {has.cpu:f}")
    if wanted.memory > has.memory:
        short.append(
            f"memory: asks for {_size(wanted.memory)}, this machine has {_size(has.memory)}"
        )
    if wanted.storage > has.storage:
        short.append(f"storage: asks for {_size(wanted.storage)}, {_size(has.storage)} are free")
    foreign = [vendor for vendor, count in asked.gpus if count and vendor != _NVIDIA]
    if foreign:
        names = ", ".join(foreign)
        short.append(f"{names}: only {_NVIDIA} can be handed out on this machine")
    if wanted.gpus > len(has.gpus):
        short.append(f"{_NVIDIA}: asks for {wanted.gpus}, this machine has {len(has.gpus)}")
    return tuple(short)


def _memory() -> int:
    """Bytes: of the machine, or of the control group that ame is in, whichever is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [machine]
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(file).read_text()))
        except (OSError, ValueError):
            continue
    return min(limits)


def _gpus() -> tuple[str, ...]:
    """Indexes of the NVIDIA GPUs, as their driver's tool lists them."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        listed = subprocess.run(
            [tool, "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    if listed.returncode != 0:
        return ()
    return tuple(line.strip() for line in listed.stdout.splitlines() if line.strip())


def _size(size: int) -> str:
    """As it would be written, or about, where that would be a long number."""
    exact = quantity.text_of(size)
    return exact if len(exact) <= _LONG else f"{size / 2**30:.1f}Gi"
