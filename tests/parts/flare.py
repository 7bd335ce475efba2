"""NVFLARE itself, in an environment of its own for each version, and jobs that it runs.

The environments are made once and kept under the user's cache. They hold NVFLARE and what it
needs; torch, TensorFlow and the rest they find in the environment of the tests.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import platformdirs

from ame.federation.program import Version

RELEASES: Mapping[Version, str] = {"2.7": "2.7.0", "2.9": "2.9.0"}
SHARED = ("numpy", "protobuf", "grpcio")
"""What both environments must have in one version, since frameworks of the one meet it there."""

ADMIN = "admin@nvidia.com"
"""Whom a federation on one machine is provisioned for."""


@dataclass(frozen=True, slots=True)
class Flare:
    """NVFLARE of one version."""

    version: Version
    folder: Path

    def __call__(
        self, *words: str | Path, more: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs `nvflare` with these words, and all that it starts ends with it."""
        return self._run([self.folder / "bin" / "nvflare", *words], 240, more or {})

    def python(self, code: str, *words: str) -> str:
        """What a piece of Python prints there; an error fails the test."""
        done = self._run([self.folder / "bin" / "python", "-c", code, *words], 240, {})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def simulate(self, job: Path, workspace: Path, clients: int = 2) -> Path:
        """Runs a job folder with `nvflare simulator`; returns the server's folder of the run.

        That it exits with 0 says nothing: who calls this looks at what came of it.
        """
        done = self("simulator", job, "-w", workspace, "-n", str(clients), "-t", str(clients))
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return workspace / "server" / "simulate_job"

    @contextmanager
    def poc(self, clients: int = 2) -> Iterator["Poc"]:
        """A federation of real processes on this machine, until the end of the block.

        Its ports are fixed, so only one runs at a time on a machine.
        """
        with tempfile.TemporaryDirectory(prefix="ame-poc-") as place, _alone("poc"):
            variables = {"HOME": place, "NVFLARE_POC_WORKSPACE": f"{place}/poc"}
            prepared = self("poc", "prepare", "-n", str(clients), more=variables)
            assert prepared.returncode == 0, prepared.stdout + prepared.stderr
            with Path(place, "log").open("wb") as log:
                starting = subprocess.Popen(
                    [self.folder / "bin" / "nvflare", "poc", "start", "-ex", ADMIN],
                    env=self.variables(variables), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                    start_new_session=True, cwd=place,
                )  # fmt: skip
            try:
                yield Poc(self, Path(place), variables, clients)
            finally:
                self("poc", "stop", more=variables)
                _end(place)
                with suppress(ProcessLookupError):
                    os.killpg(starting.pid, signal.SIGKILL)
                starting.wait()

    def variables(self, more: Mapping[str, str]) -> dict[str, str]:
        """The environment of its processes."""
        return {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            "CUDA_VISIBLE_DEVICES": "",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **more,
        }

    def _run(
        self, command: list[str | Path], timeout: float, more: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory(prefix="ame-flare-") as elsewhere:
            process = subprocess.Popen(
                command, env=self.variables(more), stdin=subprocess.DEVNULL, cwd=elsewhere,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                start_new_session=True,
            )  # fmt: skip
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                _end_group(process)
                out, err = process.communicate()
                message = f"NVFLARE does not end: {out[-3000:]}{err[-3000:]}"
                raise AssertionError(message) from None
            finally:
                _end_group(process)
        return subprocess.CompletedProcess(command, process.returncode, out, err)


@dataclass(frozen=True, slots=True)
class Poc:
    """A federation that runs."""

    flare: Flare
    home: Path
    variables: Mapping[str, str]
    clients: int

    def run(self, job: Path, timeout: float = 150) -> Path:
        """Submits a job, waits for its end, and returns the folder with what it left behind."""
        admin = self.home / "poc" / "example_project" / "prod_00" / ADMIN
        code = RUN_JOB.format(
            admin=str(admin),
            job=str(job),
            clients=self.clients,
            timeout=timeout,
        )
        done = self.flare._run(
            [self.flare.folder / "bin" / "python", "-c", code], timeout + 60, self.variables
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:] + self._logs()
        return Path(done.stdout.strip().splitlines()[-1])

    def _logs(self) -> str:
        found = (self.home / "poc").rglob("log.txt")
        return "\n".join(f"{log}:\n{log.read_text()[-2000:]}" for log in found)


RUN_JOB = """
import os, time, traceback
from nvflare.fuel.flare_api.flare_api import new_secure_session


def run():
    deadline = time.monotonic() + {timeout}
    while True:
        try:
            session = new_secure_session("admin@nvidia.com", {admin!r})
            if len(session.get_system_info().client_info) >= {clients}:
                break
            session.close()
        except Exception as error:
            if time.monotonic() > deadline:
                raise
        time.sleep(1)
    job = session.submit_job({job!r})
    session.monitor_job(job, timeout={timeout})
    meta = session.get_job_meta(job)
    assert meta["status"] == "FINISHED:COMPLETED", meta["status"]
    print(session.download_job_result(job), flush=True)


# At once, and without closing anything: threads of NVFLARE's may keep Python from ending.
try:
    run()
except BaseException:
    traceback.print_exc()
    os._exit(1)
os._exit(0)
"""


def flare(version: Version) -> Flare:
    """NVFLARE of this version, installed if it is not yet."""
    release = RELEASES[version]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = platformdirs.user_cache_path("ame-tests") / f"nvflare-{release}-py{python}"
    with _alone(f"nvflare-{release}"):
        if not (folder / "complete").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, release)
            (folder / "complete").touch()
        _share(folder)
    return Flare(version, folder)


def _install(folder: Path, release: str) -> None:
    uv = shutil.which("uv")
    assert uv, "uv is missing"
    folder.parent.mkdir(parents=True, exist_ok=True)
    fixed = folder.parent / f"{folder.name}.txt"
    fixed.write_text("".join(f"{name}=={metadata.version(name)}\n" for name in SHARED))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python",
         "--constraint", fixed, f"nvflare=={release}"],
        check=True,
    )  # fmt: skip


def _share(folder: Path) -> None:
    """Lets the environment find what it lacks in that of the tests."""
    (place,) = folder.glob("lib/python*/site-packages")
    (place / "zz_shared.pth").write_text(sysconfig.get_path("purelib") + "\n")


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Only one process of this machine at a time."""
    place = platformdirs.user_cache_path("ame-tests", ensure_exists=True) / f"{name}.lock"
    with place.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _end(place: str) -> None:
    """Ends the processes that were started in a folder: by their arguments, which name it."""
    deadline = time.monotonic() + 20
    while running := [process for process in _processes() if _names(process, place)]:
        assert time.monotonic() < deadline, "NVFLARE's processes do not end"
        for process in running:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)


def _end_group(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _processes() -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]


def _names(process: int, place: str) -> bool:
    try:
        said = Path(f"/proc/{process}/cmdline").read_bytes()
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and place.encode() in said
