"""Where a recipe's job runs: simulated here, or on an installed NVFLARE; and what came of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.codes import Code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.federation.job.fedjob import FedJob

DONE = "FINISHED:COMPLETED"


class ExecEnv(ABC):
    """Runs jobs."""

    def __init__(self, extra: dict[str, Any] | None = None) -> None:
        """`extra`: further properties, for who makes an environment of his own."""
        self.extra = dict(extra or {})

    def get_extra_prop(self, prop_name: str, default: Any = None) -> Any:
        """One of the further properties."""
        return self.extra.get(prop_name, default)

    @abstractmethod
    def deploy(self, job: FedJob) -> str:
        """Runs a job, or begins to; returns its id."""

    @abstractmethod
    def get_job_status(self, job_id: str) -> str | None:
        """How it is going; None if that is not known."""

    @abstractmethod
    def abort_job(self, job_id: str) -> None:
        """Ends it before its time."""

    @abstractmethod
    def get_job_result(self, job_id: str, timeout: float = 0.0) -> str | None:
        """The folder with what came of it; None while it runs.

        Args:
            job_id: the job.
            timeout: seconds to wait for its end; 0 is without limit.

        """

    def stop(self, clean_up: bool = False) -> None:  # noqa: B027  # many have nothing running
        """Ends what the environment has running; with `clean_up` its files go too."""


class SimEnv(ExecEnv):
    """The simulator: clients of this machine. `deploy` returns when the job is done."""

    def __init__(
        self,
        *,
        num_clients: int = 0,
        clients: list[str] | None = None,
        num_threads: int | None = None,
        gpu_config: str | None = None,
        log_config: str | None = None,
        workspace_root: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        """Says how many clients there are, or their names.

        Args:
            num_clients: how many; 0 where `clients` or the job itself names them.
            clients: their names.
            num_threads: worker processes; the result does not depend on them. None: one per core.
            gpu_config: GPUs that clients share, as `0,1`.
            log_config: how much is logged.
            workspace_root: the folder in which each job has one of its name.
            extra: further properties.

        Raises:
            errors.JobInvalid (ValueError): both number and names are given, and differ.

        """
        super().__init__(extra)
        if clients and num_clients and num_clients != len(clients):
            raise errors.JobInvalid(
                f"`num_clients` is {num_clients}, and `clients` names {len(clients)}; give one"
            )
        if num_clients < 0:
            raise errors.JobInvalid(f"`num_clients` is {num_clients}; it must be 1 or more")
        self.num_clients = num_clients or len(clients or ())
        self.clients = clients
        self.num_threads = num_threads
        self.gpu_config = gpu_config
        self.log_config = log_config
        root = workspace_root or os.environ.get("NVFLARE_SIMULATOR_WORKSPACE_ROOT")
        self.workspace_root = root or str(Path(tempfile.gettempdir(), "nvflare", "simulation"))
        self.outcome: Any = None
        """What the simulator says of the last job."""

    def deploy(self, job: FedJob) -> str:
        """Runs the job to its end; its id is its name.

        Raises:
            errors.JobInvalid: its clients are others.
            errors.RecipeFailed (RuntimeError): it failed.

        """
        named = [client for client in job.clients if client != "@ALL"]
        everyone = "@ALL" in job.clients
        if self.clients is None and not everyone and self.num_clients not in {0, len(named)}:
            raise errors.JobInvalid(
                f"`num_clients` is {self.num_clients}, and the job names {len(named)}: "
                f"{', '.join(named)}; leave it out"
            )
        workspace = str(Path(self.workspace_root, job.name))
        self.outcome = job.simulator_run(
            workspace,
            n_clients=self.num_clients or None if everyone and not self.clients else None,
            clients=self.clients,
            threads=self.num_threads,
            gpu=self.gpu_config,
            log_config=self.log_config,
        )
        if self.outcome not in {Code.DONE, Code.WITHOUT}:
            cause = job.result.error if job.result else None
            raise errors.RecipeFailed(job.name, workspace) from cause
        return job.name

    def get_job_status(self, job_id: str) -> str | None:  # noqa: ARG002
        """It is done: one that fails raises in `deploy`."""
        return DONE

    def abort_job(self, job_id: str) -> None:
        """It is done already."""

    def get_job_result(self, job_id: str, timeout: float = 0.0) -> str | None:  # noqa: ARG002
        """Its folder."""
        return str(Path(self.workspace_root, job_id))


class _Flare(ExecEnv):
    """An installed NVFLARE of version 2.9, asked by its command."""

    def __init__(self, extra: dict[str, Any] | None = None) -> None:
        super().__init__(extra)
        self._folder = tempfile.mkdtemp(prefix="ame-flare-")

    def deploy(self, job: FedJob) -> str:
        """Exports the job and hands it over; returns NVFLARE's id of it.

        Raises:
            errors.FlareMissing: NVFLARE is not installed.
            errors.FlareFailed: it did not take the job.

        """
        find_flare()
        job.export_job(self._folder, flare_version="2.9")
        told = self.ask("job", "submit", "-j", str(Path(self._folder, job.name)))
        return str(told["job_id"])

    def get_job_status(self, job_id: str) -> str | None:
        """As NVFLARE names it."""
        status = self.ask("job", "meta", job_id).get("status")
        return None if status is None else str(status)

    def abort_job(self, job_id: str) -> None:
        """Has it end."""
        self.ask("job", "abort", "--force", job_id)

    def get_job_result(self, job_id: str, timeout: float = 0.0) -> str | None:
        """Waits for its end and fetches what came of it; None if the time is up before."""
        limit = ("--timeout", str(int(timeout))) if timeout else ()
        try:
            self.ask("job", "wait", job_id, *limit)
        except errors.FlareFailed as error:
            if "TIMEOUT" in error.words.upper():
                return None
            raise
        place = Path(self._folder, "results")
        self.ask("job", "download", job_id, "-o", str(place))
        return str(place / job_id)

    def ask(self, *words: str) -> dict[str, Any]:
        """What NVFLARE's command answers to these words.

        Raises:
            errors.FlareMissing: it is not installed.
            errors.FlareFailed: it says that something went wrong.

        """
        argv = [find_flare(), "--format", "json", *words, *self.where(words[0])]
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env=self.variables()
        )
        try:
            told = json.loads(done.stdout[done.stdout.index("{") :])
        except ValueError:
            told = {}
        if done.returncode or told.get("status") == "error":
            raise errors.FlareFailed(" ".join(words), done.stdout + done.stderr)
        found = told.get("data", told)
        return found if isinstance(found, dict) else {}

    def where(self, topic: str) -> Sequence[str]:  # noqa: ARG002  # for subclasses
        """Words that say which federation is meant."""
        return ()

    def variables(self) -> dict[str, str]:
        """The environment of the command."""
        return dict(os.environ)


class ProdEnv(_Flare):
    """A federation of NVFLARE's that runs, reached by an administrator's startup kit."""

    def __init__(
        self,
        startup_kit_location: str,
        login_timeout: float = 5.0,
        username: str = "admin@nvidia.com",
        study: str = "default",
        extra: dict[str, Any] | None = None,
    ) -> None:
        """Takes the kit's folder; the other arguments are the kit's own affair.

        Raises:
            errors.JobInvalid (ValueError): the folder is not there.

        """
        super().__init__(extra)
        if not Path(startup_kit_location).is_dir():
            raise errors.JobInvalid(
                f"`startup_kit_location` is `{startup_kit_location}`, which is no folder; give "
                "that of an administrator's startup kit"
            )
        self.startup_kit_location = startup_kit_location
        self.login_timeout = login_timeout
        self.username = username
        self.study = study

    def where(self, topic: str) -> Sequence[str]:
        """The kit."""
        return ("--startup-kit", self.startup_kit_location) if topic == "job" else ()


class PocEnv(_Flare):
    """NVFLARE's own trial federation: server and clients as processes of this machine."""

    def __init__(
        self,
        *,
        num_clients: int | None = 2,
        clients: list[str] | None = None,
        gpu_ids: list[int] | None = None,
        use_he: bool = False,
        docker_image: str | None = None,
        project_conf_path: str = "",
        username: str = "admin@nvidia.com",
        study: str = "default",
        extra: dict[str, Any] | None = None,
    ) -> None:
        """Says who takes part; the other arguments are those of `nvflare poc prepare`."""
        super().__init__(extra)
        self.num_clients = len(clients) if clients else num_clients or 2
        self.clients = clients
        self.gpu_ids = gpu_ids
        self._settings = [
            *(("-c", *clients) if clients else ("-n", str(self.num_clients))),
            *(("-he",) if use_he else ()),
            *(("-d", docker_image) if docker_image else ()),
            *(("-i", project_conf_path) if project_conf_path else ()),
        ]
        self.username = username
        self.study = study
        self._started = False

    def deploy(self, job: FedJob) -> str:
        """Starts the federation if need be, exports the job and hands it over."""
        if not self._started:
            self.ask("poc", "prepare", "--force", *self._settings)
            gpus = ("-gpu", *map(str, self.gpu_ids)) if self.gpu_ids else ()
            self._started = True
            self.ask("poc", "start", *gpus)
        return super().deploy(job)

    def stop(self, clean_up: bool = False) -> None:
        """Ends its processes."""
        if self._started:
            self._started = False
            self.ask("poc", "stop")
            if clean_up:
                self.ask("poc", "clean", "--force")

    def variables(self) -> dict[str, str]:
        """With a workspace of its own, so that no other federation is touched."""
        home = Path(self._folder, "home")
        home.mkdir(exist_ok=True)
        return {
            **os.environ,
            "HOME": str(home),
            "NVFLARE_POC_WORKSPACE": str(Path(self._folder, "poc")),
            "PATH": os.pathsep.join([str(Path(find_flare()).parent), os.environ.get("PATH", "")]),
        }


class Run:
    """A job that was given to an environment."""

    def __init__(self, exec_env: ExecEnv, job_id: str) -> None:
        self.exec_env = exec_env
        self.job_id = job_id
        self._ended: tuple[str | None, str | None] | None = None

    def get_job_id(self) -> str:
        """The job's id there."""
        return self.job_id

    def get_status(self) -> str | None:
        """How it is going, or went."""
        return self._ended[1] if self._ended else self.exec_env.get_job_status(self.job_id)

    def get_result(self, timeout: float = 0.0, clean_up: bool = True) -> str | None:
        """The folder with what came of it; the environment is stopped then.

        Args:
            timeout: seconds to wait for its end; 0 is without limit.
            clean_up: whether files of the environment that are not the result go.

        """
        if self._ended is None:
            result = self.exec_env.get_job_result(self.job_id, timeout)
            if result is None:
                return None
            self._ended = result, self.exec_env.get_job_status(self.job_id)
            self.exec_env.stop(clean_up)
        return self._ended[0]

    def abort(self) -> None:
        """Ends it before its time."""
        if self._ended is None:
            self.exec_env.abort_job(self.job_id)


def find_flare() -> str:
    """The command of an installed NVFLARE: that in `NVFLARE_COMMAND`, or on the PATH.

    Raises:
        errors.FlareMissing: there is none.

    """
    found = shutil.which(os.environ.get("NVFLARE_COMMAND", "nvflare"))
    if found is None:
        raise errors.FlareMissing
    return found
