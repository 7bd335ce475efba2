"""What this machine has to give to tasks, and what a task asks of it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
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
        cpu=_cpus(),
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
    """Bytes: of the machine, or of a control group that ame is in, whichever is less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for folder, version in _own_groups("memory"):
        name = "memory.max" if version == 2 else "memory.limit_in_bytes"
        limits += [int(word) for word in _words(folder / name) if word != "max"]
    return min(limits)


def _cpus() -> Decimal:
    """CPUs that ame may run on, or that a control group lets it have, whichever is less."""
    limits = [Decimal(len(os.sched_getaffinity(0)))]
    for folder, version in _own_groups("cpu"):
        if version == 2:
            words = _words(folder / "cpu.max")
        else:
            words = _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us")
        if len(words) == 2 and words[0] not in {"max", "-1"}:
            limits.append(Decimal(words[0]) / Decimal(words[1]))
    return min(limits)


def _own_groups(controller: str) -> Iterator[tuple[Path, int]]:
    """The control groups that ame is in, from the inside, each with the version it is of."""
    for line in _words(Path("/proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = Path("/sys/fs/cgroup", controller) if controllers else Path("/sys/fs/cgroup")
        own = top / path.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(top):
                yield folder, 1 if controllers else 2


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _gpus() -> tuple[str, ...]:
    """The NVIDIA GPUs that ame itself was given, else those that their driver's tool lists."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return tuple(each.strip() for each in given.split(",") if each.strip() not in {"", "-1"})
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
