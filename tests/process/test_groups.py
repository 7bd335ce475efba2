import subprocess
import sys
from pathlib import Path

from ame.process import groups

V2 = "30 23 0:26 / {} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "3{} 31 0:3{} {} {} rw,relatime - cgroup cgroup rw,{}\n"


def folder(path: Path, offered: str = "", held: str = "", **files: str) -> Path:
    """A folder with the files that the kernel shows in a group of version 2."""
    path.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "cgroup.controllers": offered,
        "cgroup.subtree_control": held,
        "cgroup.procs": "",
        **{name.replace("_", "."): text for name, text in files.items()},
    }.items():
        (path / name).write_text(text + "\n")
    return path


def test_version_1_has_a_place_for_each_controller_below_our_own_groups(tmp_path: Path) -> None:
    memory, cpu = folder(tmp_path / "memory/a/b"), folder(tmp_path / "cpu,cpuacct")
    mounts = V1.format(2, 2, "/", tmp_path / "memory", "memory")
    mounts += V1.format(3, 3, "/", tmp_path / "cpu,cpuacct", "cpu,cpuacct")

    found = groups.find("4:memory:/a/b\n3:cpu,cpuacct:/\n2:pids:/nowhere\n0::/\n", mounts)

    assert found == {"memory": (1, str(memory)), "cpu": (1, str(cpu))}


def test_a_container_sees_its_own_group_at_the_root_of_the_mount(tmp_path: Path) -> None:
    own = folder(tmp_path / "memory")
    mounts = V1.format(2, 2, "/docker/c1", own, "memory")

    assert groups.find("4:memory:/docker/c1\n", mounts) == {"memory": (1, str(own))}


def test_version_2_uses_the_nearest_group_that_can_have_limited_groups_below(
    tmp_path: Path,
) -> None:
    folder(tmp_path, "cpu memory pids io")
    service = folder(tmp_path / "user@1.service", "memory pids", "memory pids")
    folder(service / "app.slice", "memory pids", "")
    own = folder(service / "app.slice" / "term.scope", "", "")
    # What the kernel would do on a write: it refuses, as a folder in place of a file does.
    for each in (service / "app.slice", own):
        (each / "cgroup.subtree_control").unlink()
        (each / "cgroup.subtree_control").mkdir()

    found = groups.find("0::/user@1.service/app.slice/term.scope\n", V2.format(tmp_path))

    assert found == {"memory": (2, str(service)), "pids": (2, str(service))}


def test_version_2_hands_its_controllers_down_where_it_may(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", "memory", "")

    assert groups.find("0::/own\n", V2.format(tmp_path)) == {"memory": (2, str(own))}


def test_a_group_that_is_limited_is_not_left(tmp_path: Path) -> None:
    folder(tmp_path, "memory", "memory")
    folder(tmp_path / "job", "", "", memory_max="1000000")
    folder(tmp_path / "job" / "own", "", "", memory_max="max")

    assert groups.find("0::/job/own\n", V2.format(tmp_path)) == {}


def test_version_2_is_limited_and_measured_by_its_own_files(tmp_path: Path) -> None:
    made = folder(tmp_path / "g", memory_current="4096", memory_max="max", memory_peak="0")
    (made / "memory.events").write_text("low 0\nmax 3\noom 1\noom_kill 2\noom_group_kill 0\n")
    group = groups.Group(dict.fromkeys(("memory", "cpu", "pids"), (2, str(made))))

    group.limit(1 << 20, 0.5)
    group.reset_peak()
    (made / "memory.peak").write_text("8192")

    assert (made / "memory.max").read_text() == str((1 << 20) + 4096)
    assert (made / "memory.swap.max").read_text() == "0"
    assert (made / "cpu.max").read_text() == "10000 20000"
    assert group.kills() == 2
    assert group.peak() == 8192 - 4096
    assert group.holds("memory") == "memory by cgroup v2"
    group.limit(None, 0.001)
    assert (made / "memory.max").read_text() == "max"
    assert (made / "cpu.max").read_text() == "1000 1000000"
    group.forks(allowed=False)
    assert (made / "pids.max").read_text() == "0"


def test_what_starts_the_slots_loads_nothing_heavy() -> None:
    script = (
        "import sys, types\n"
        "for name, folder in (('ame', 'ame'), ('ame.process', 'ame/process')):\n"
        "    sys.modules[name] = types.ModuleType(name)\n"
        "    sys.modules[name].__path__ = [sys.argv[1] + '/' + folder]\n"
        "from ame.process.beside import keeper\n"
        "print(*sorted(sys.modules))"
    )
    src = Path(groups.__file__).parents[2]
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(src)], capture_output=True, text=True
    )
    loaded = set(said.stdout.split())

    assert "ame.process.beside.keeper" in loaded
    assert not loaded & {"dataclasses", "decimal", "pathlib", "subprocess", "threading", "typing"}
