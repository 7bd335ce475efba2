"""Control groups of the kernel, version 1 or 2: what a tree of processes may use together.

For each of memory, cpu and pids there is a folder in which groups can be made, or there is none;
machines differ in all of this. A group is a folder there, and one process enters it for good.
"""

import os
import time
from collections.abc import Iterator, Mapping
from select import POLLIN, POLLPRI

_WANTED = ("memory", "cpu", "pids")
_UNLIMITED_V1 = "-1"
_USED = {1: "memory.usage_in_bytes", 2: "memory.current"}
_KILLS = {1: "memory.oom_control", 2: "memory.events"}


Place = tuple[int, str]
"""Where groups of one controller can be made, or one is: the version, and the folder."""


def find(cgroups: str | None = None, mounts: str | None = None) -> dict[str, Place]:
    """For each controller that this process may use, where; as /proc/self tells it."""
    cgroups = _read("/proc/self/cgroup") if cgroups is None else cgroups
    mounts = _read("/proc/self/mountinfo") if mounts is None else mounts
    own = {}
    for line in cgroups.splitlines():
        _, names, path = line.split(":", 2)
        own.update(dict.fromkeys(names.split(","), path))
    places: dict[str, Place] = {}
    for root, mount, kind, controllers in _mounts(mounts):
        if kind == "cgroup2":
            for name, folder in _find_v2(mount, _inside(mount, root, own.get("", "/"))).items():
                places.setdefault(name, (2, folder))
        for name in controllers.intersection(_WANTED, own):
            folder = _inside(mount, root, own[name])
            if os.access(f"{folder}/cgroup.procs", os.W_OK) and os.access(folder, os.W_OK):
                places[name] = (1, folder)
    return places


def name_for(marker: str) -> str:
    """How the names of all groups begin that are made under a marker, and of no others."""
    import hashlib

    return f"ame-{hashlib.blake2b(marker.encode(), digest_size=10).hexdigest()}"


def left(name: str) -> Iterator[str]:
    """The folders of groups whose names begin so, wherever on this machine, deepest first."""
    for _, mount, _, _ in _mounts(_read("/proc/self/mountinfo")):
        for folder, names, _ in os.walk(mount, topdown=False):
            yield from (f"{folder}/{each}" for each in names if each.startswith(name))


def members(folder: str) -> list[int]:
    """The processes in a group."""
    return [int(pid) for pid in _read(f"{folder}/cgroup.procs").split()]


def kills(place: Place) -> int:
    """How many processes of a memory group the kernel has ended for want of memory, so far."""
    version, folder = place
    return _kills_in(_read(f"{folder}/{_KILLS[version]}"))


def remove(folder: str, *, within: float = 0.0) -> bool:
    """Removes a group and those inside, trying for so many seconds; whether it is gone."""
    end = time.monotonic() + within
    while True:
        try:
            for inner, _, _ in os.walk(folder, topdown=False):
                os.rmdir(inner)  # noqa: PTH106  # pathlib costs the keeper a third of its start
        except OSError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.005)
        else:
            return True


class Group:
    """One group, with the process that made it in it. What it cannot hold, `holds` leaves out."""

    def __init__(self, folders: Mapping[str, Place]) -> None:
        self._folders = folders
        self._version, self._memory = folders.get("memory", (0, ""))
        swap = "memory.memsw.limit_in_bytes"
        self._swap = swap if self._memory and os.path.exists(f"{self._memory}/{swap}") else ""  # noqa: PTH110
        self._limits: tuple[int | None, float | None] = (None, None)
        self._closed = False
        self._held = {controller: self._words(controller) for controller in folders}
        self._usage = self._open(_USED)
        self._killed = self._open(_KILLS)
        self._rest = self.used()
        self._peak = self._open_peak()

    @classmethod
    def enter(cls, places: Mapping[str, Place], name: str) -> "Group":
        """Makes the group and puts the calling process into it, as far as the kernel lets it."""
        held = {}
        for controller, (version, parent) in places.items():
            folder = f"{parent}/{name}"
            try:
                os.mkdir(folder)  # noqa: PTH102
                _write(f"{folder}/cgroup.procs", "0")
            except OSError:  # kernels refuse in many ways; without the group it is watched
                continue
            held[controller] = (version, folder)
        return cls(held)

    def __bool__(self) -> bool:
        """Whether there is a group at all: by its name, `sweep` finds all that is in it."""
        return bool(self._folders)

    def holds(self, controller: str) -> str:
        """How it holds `memory` or `cpu`, in words; empty when it does not."""
        return self._held.get(controller, "")

    def limit(self, memory: int | None, cpu: float | None) -> None:
        """Sets what the group may use from now on: bytes, CPUs; None is no limit.

        Raises:
            OSError: the kernel refused; what was used before cannot be brought under `memory`.

        """
        if self._memory and memory != self._limits[0]:
            self._limit_memory(memory)
        if "cpu" in self._folders and cpu != self._limits[1]:
            self._limit_cpu(cpu)
        self._limits = (memory, cpu)

    def forks(self, *, allowed: bool) -> None:
        """Whether its processes may start others. Costs nothing when nothing changes."""
        if "pids" in self._folders and self._closed is allowed:
            _write(f"{self._folders['pids'][1]}/pids.max", "max" if allowed else "0")
            self._closed = not allowed

    def members(self) -> set[int]:
        """Its processes; the calling one is left out."""
        folders = {folder for _, folder in self._folders.values()}
        return {pid for folder in folders for pid in members(folder)} - {os.getpid()}

    def used(self) -> int:
        """Bytes in use now, cached files included."""
        return 0 if self._usage is None else int(os.pread(self._usage, 64, 0))

    def reset_peak(self) -> None:
        """Begins to measure anew; where the kernel cannot, `peak` says None until it is passed."""
        self._before = 0
        if self._peak is not None:
            try:
                os.pwrite(self._peak, b"0", 0)
            except OSError:
                self._before = self._read_peak()

    def peak(self) -> int | None:
        """The most bytes used at once since then, less what the calling process needs itself."""
        if self._peak is None or (peak := self._read_peak()) <= self._before:
            return None
        return max(peak - self._rest, 0)

    def alarm(self) -> tuple[int, int] | None:
        """A descriptor, and the event to poll it for, that tells when memory has run out."""
        if not self._memory:
            return None
        try:
            if self._version == 2:
                events = os.open(f"{self._memory}/memory.events", os.O_RDONLY | os.O_CLOEXEC)
                os.pread(events, 4096, 0)
                return events, POLLPRI
            alarm = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            control = os.open(f"{self._memory}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
            _write(f"{self._memory}/cgroup.event_control", f"{alarm} {control}")
        except OSError:
            return None
        return alarm, POLLIN

    def quiet(self, alarm: int) -> None:
        """Takes note of an alarm, so that it can be polled for the next."""
        if self._version == 2:
            os.pread(alarm, 4096, 0)
        else:
            os.read(alarm, 8)

    def kills(self) -> int:
        """How many of its processes the kernel has ended for want of memory, so far."""
        return 0 if self._killed is None else _kills_in(os.pread(self._killed, 4096, 0).decode())

    def _words(self, controller: str) -> str:
        version, _ = self._folders[controller]
        swapless = version == 1 and controller == "memory" and not self._swap
        return f"{controller} by cgroup v{version}" + " (swap left out)" * swapless

    def _open(self, names: Mapping[int, str]) -> int | None:
        """A file of the memory group, to be read again and again; its name differs by version."""
        if not self._memory:
            return None
        try:
            return os.open(f"{self._memory}/{names[self._version]}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # this kernel does not tell
            return None

    def _limit_memory(self, memory: int | None) -> None:
        most = None if memory is None else str(memory + self._rest)
        if self._version == 2:
            _write(f"{self._memory}/memory.max", most or "max")
            # A kernel without swap has no such file.
            _write_if_allowed(f"{self._memory}/memory.swap.max", "max" if most is None else "0")
            return
        # The sum of memory and swap may never be less than memory, in between neither.
        if self._swap:
            _write(f"{self._memory}/{self._swap}", _UNLIMITED_V1)
        _write(f"{self._memory}/memory.limit_in_bytes", most or _UNLIMITED_V1)
        if self._swap:
            _write(f"{self._memory}/{self._swap}", most or _UNLIMITED_V1)

    def _limit_cpu(self, cpu: float | None) -> None:
        version, folder = self._folders["cpu"]
        # A short period answers sooner; the kernel wants quotas of 1 ms and periods up to 1 s.
        period = 20_000 if cpu is None or cpu >= 0.05 else 1_000_000
        quota = None if cpu is None else max(int(period * cpu), 1000)
        # Refused is what is more than the group around this one has, which therefore holds it.
        if version == 2:
            _write_if_allowed(f"{folder}/cpu.max", f"{quota or 'max'} {period}")
            return
        _write(f"{folder}/cpu.cfs_quota_us", _UNLIMITED_V1)
        _write(f"{folder}/cpu.cfs_period_us", str(period))
        if quota is not None:
            _write_if_allowed(f"{folder}/cpu.cfs_quota_us", str(quota))

    def _open_peak(self) -> int | None:
        if not self._memory:
            return None
        whole = "memory.memsw.max_usage_in_bytes" if self._swap else "memory.max_usage_in_bytes"
        name = {1: whole, 2: "memory.peak"}[self._version]
        for mode in (os.O_RDWR, os.O_RDONLY):
            try:
                return os.open(f"{self._memory}/{name}", mode | os.O_CLOEXEC)
            except OSError:
                continue
        return None

    def _read_peak(self) -> int:
        return int(os.pread(self._peak, 64, 0)) if self._peak is not None else 0


def _find_v2(mount: str, own: str) -> dict[str, str]:
    """The nearest folder, from our own group up, that has no processes of its own and is ours.

    A group with processes cannot have groups below it that limit anything. The search ends at a
    group that is itself limited, since what it holds must not get out.
    """
    folder = own
    while folder.startswith(mount):
        offered = set(_read(f"{folder}/cgroup.controllers").split()).intersection(_WANTED)
        if os.access(folder, os.W_OK) and os.access(f"{folder}/cgroup.procs", os.W_OK):
            control = f"{folder}/cgroup.subtree_control"
            held = offered.intersection(_read(control).split())
            held |= {name for name in offered - held if _write_if_allowed(control, f"+{name}")}
            if held:
                return dict.fromkeys(held, folder)
        limits = (_read(f"{folder}/{name}") for name in ("memory.max", "cpu.max", "pids.max"))
        if folder == mount or any(limit and not limit.startswith("max") for limit in limits):
            break
        folder = os.path.dirname(folder)  # noqa: PTH120
    return {}


def _mounts(text: str) -> Iterator[tuple[str, str, str, set[str]]]:
    """Of each mounted hierarchy: the group at its root, where it is, its kind, its controllers."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = (after + " - - -").split()[:3]
        if kind in {"cgroup", "cgroup2"}:
            root, mount = before.split()[3:5]
            yield root, mount, kind, set(options.split(","))


def _inside(mount: str, root: str, path: str) -> str:
    """The folder of the group `path` under a mount that shows the hierarchy from `root` on."""
    if root != "/":
        path = path.removeprefix(root) if path.startswith(root) else "/"
    return mount if ".." in path else f"{mount}{path}".rstrip("/")


def _kills_in(text: str) -> int:
    words = text.split()
    return int(words[words.index("oom_kill") + 1]) if "oom_kill" in words else 0


def _read(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # hot
            return file.read().decode()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)


def _write_if_allowed(path: str, text: str) -> bool:
    try:
        _write(path, text)
    except OSError:
        return False
    return True
