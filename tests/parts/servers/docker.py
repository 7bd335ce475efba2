"""A private Docker engine and a private Podman, with images made on the spot.

Needs the packages docker.io, tini, podman, runc, catatonit and busybox-static, and root.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

IMAGE = "localhost/ame-test:1"
"""Busybox alone, as small as an image with a shell can be."""

PYTHON_IMAGE = "localhost/ame-test-python:1"
"""Busybox and the Python that runs the tests."""

EMPTY = b"\0" * 10240
"""A tar archive of nothing."""

CLOSED_REGISTRY = "127.0.0.1:9/ame-test:absent"
"""An image of a registry that nobody answers for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A container engine of the tests' own."""

    name: str
    variables: Mapping[str, str]
    """What a client needs in its environment to talk to it."""

    def __call__(self, *arguments: str, stdin: bytes | None = None) -> str:
        """What the client prints; an exit code other than 0 fails the test."""
        done = subprocess.run(
            [self.name, *arguments], env=self.variables, input=stdin, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def containers(self) -> list[str]:
        """The names of all containers, running or not."""
        return self("ps", "--all", "--format", "{{.Names}}").split()


@contextmanager
def docker() -> Iterator[Engine]:
    """Starts a Docker engine without a network of its own, and ends it with all that it holds."""
    folder = Path(tempfile.mkdtemp(prefix="ame-docker-"))
    socket = f"unix://{folder}/socket"
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                "setpriv", "--pdeathsig", "TERM", "dockerd",
                "--data-root", folder / "data", "--exec-root", folder / "exec",
                "-H", socket, "-p", folder / "pid",
                "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--bridge=none",
                "--storage-driver=overlay2", "--default-ulimit", "nofile=20000:20000",
            ],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    engine = Engine(
        name="docker", variables={"PATH": os.environ["PATH"], "DOCKER_HOST": socket, "HOME": "/"}
    )
    try:
        deadline = time.monotonic() + 60
        while subprocess.run(
            ["docker", "info"], env=engine.variables, capture_output=True
        ).returncode:
            assert daemon.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        engine("import", "--change", "ENV PATH=/bin", "-", IMAGE, stdin=_busybox())
        yield engine
        left = engine("ps", "--all", "--quiet").split()
        if left:
            engine("rm", "--force", *left)
    finally:
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def podman() -> Iterator[Engine]:
    """A Podman with storage of its own; it has no daemon."""
    folder = Path(tempfile.mkdtemp(prefix="ame-podman-"))
    (folder / "containers.conf").write_text(
        '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="file"\n'
        f'tmp_dir="{folder}/tmp"\n'
        '[containers]\ndefault_ulimits=["nofile=20000:20000","nproc=30000:30000"]\n'
    )
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver="overlay"\ngraphroot="{folder}/graph"\nrunroot="{folder}/run"\n'
    )
    (folder / "registries.conf").write_text('[[registry]]\nlocation="127.0.0.1"\ninsecure=true\n')
    engine = Engine(
        name="podman",
        variables={
            "PATH": os.environ["PATH"],
            "HOME": "/",
            "CONTAINERS_CONF": f"{folder}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
            "CONTAINERS_REGISTRIES_CONF": f"{folder}/registries.conf",
        },
    )
    try:
        engine("import", "--change", "ENV PATH=/bin", "-", IMAGE, stdin=_busybox())
        yield engine
        engine("rm", "--all", "--force")
    finally:
        for mount in ("graph/overlay", "graph"):
            subprocess.run(["umount", "-l", folder / mount], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def import_python(engine: Engine) -> None:
    """Gives the engine an image with the Python that runs the tests: a copy of its files."""
    engine("import", "--change", "ENV PATH=/usr/local/bin:/bin", "-", PYTHON_IMAGE, stdin=_python())


@contextmanager
def registry() -> Iterator[str]:
    """Debian's docker-registry, empty, on a free port; yields its `host:port`."""
    folder = Path(tempfile.mkdtemp(prefix="ame-registry-"))
    port = _free_port()
    (folder / "config.yml").write_text(
        json.dumps(
            {
                "version": 0.1,
                "log": {"level": "error"},
                "storage": {"filesystem": {"rootdirectory": f"{folder}/data"}},
                "http": {"addr": f"127.0.0.1:{port}"},
            }
        )
    )
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            ["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 20
        while not _answers(port):
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "the registry does not answer"
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wheel(folder: Path, name: str, version: str, source: str) -> Path:
    """Makes a wheel with one module, so that an installation needs no index."""
    file = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", source)
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(
            f"{about}/RECORD",
            f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n",
        )
    return file


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    import socket

    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _busybox() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        _add_busybox(archive)
    return content.getvalue()


def _python() -> bytes:
    content = io.BytesIO()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = Path(sysconfig.get_path("stdlib"))
    binary = Path(sys.base_prefix, "bin", version).resolve()
    with tarfile.open(fileobj=content, mode="w") as archive:
        _add_busybox(archive)
        archive.add(binary, f"usr/local/bin/{version}")
        _link(archive, "usr/local/bin/python3", version)
        archive.add(library, f"usr/local/lib/{version}", filter=_wanted)
        compiled = [binary, *library.glob("lib-dynload/*.so")]
        needed = {each for file in compiled for each in _libraries(file)}
        needed |= {str(each) for name in _COMMON for each in Path("/lib").glob(f"*/{name}")}
        for file in sorted(needed):
            archive.add(Path(file).resolve(), file.lstrip("/"))
    return content.getvalue()


_COMMON = ("libdl.so.2", "libgcc_s.so.1", "libpthread.so.0", "librt.so.1", "libstdc++.so.6")
"""Libraries that compiled packages take for granted."""


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = Path(entry.name).parts[4:]
    unwanted = {"__pycache__", "site-packages", "dist-packages", "test", "idlelib", "tkinter"}
    config = any(part.startswith("config-") for part in parts)
    return None if config or unwanted.intersection(parts) else entry


def _libraries(file: Path) -> list[str]:
    """Paths of the shared libraries that a compiled file needs."""
    listed = subprocess.run(["ldd", file], capture_output=True, text=True, check=True).stdout
    return [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]


def _add_busybox(archive: tarfile.TarFile) -> None:
    archive.add("/bin/busybox", "bin/busybox")
    for name in subprocess.check_output(["/bin/busybox", "--list"], text=True).split():
        if name != "busybox":
            _link(archive, f"bin/{name}", "busybox")
    temporary = tarfile.TarInfo("tmp")
    temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
    archive.addfile(temporary)


def _link(archive: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    archive.addfile(entry)
