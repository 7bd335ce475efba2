"""`ScriptRunner`: clients do their tasks by a training script."""

import shlex
from collections.abc import Sequence
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

from ame import errors
from ame.federation.job import resources
from ame.federation.job.fedjob import FedJob, JobCtx
from ame.federation.model import ExchangeFormat, TransferType
from ame.federation.program import Part, Value

Words = str | Sequence[str]

EXECUTOR = "ame.federation.client.executor.ScriptExecutor"
"""What a runner becomes in a program."""


class FrameworkType(str, Enum):
    """What a script's parameters are of."""

    RAW = "raw"
    NUMPY = "numpy"
    PYTORCH = "pytorch"
    TENSORFLOW = "tensorflow"


class PipeConnectType:
    """How pipes of an external process connect in NVFLARE. Ours are sockets of one machine."""

    VIA_CP = "via_cp"
    VIA_RELAY = "via_relay"
    VIA_ROOT = "via_root"


class ScriptRunner:
    """Runs a training script, or launches it as a process of its own."""

    def __init__(
        self,
        script: str,
        script_args: Words = "",
        launch_external_process: bool = False,
        command: Words = "python3 -u",
        framework: FrameworkType | str = FrameworkType.PYTORCH,
        server_expected_format: ExchangeFormat | str = ExchangeFormat.NUMPY,
        params_transfer_type: TransferType | str = TransferType.FULL,
        pipe_connect_type: str | None = None,
        launch_once: bool = True,
        launch_timeout: float | None = 300.0,
        shutdown_timeout: float = 0.0,
        memory_gc_rounds: int = 0,
        cuda_empty_cache: bool = False,
        execution_mode: str | None = None,
        task_pipe: object = None,  # noqa: ARG002  # ours needs none
    ) -> None:
        """Notes what is to be run; the script is looked for when it is given to a job.

        Args:
            script: its path; it travels with the job, and so do the local modules it imports.
            script_args: its arguments. A text is split as a shell would; `{SITE_NAME}`,
                `{JOB_ID}` and the like become their values.
            launch_external_process: whether it is a process of its own.
            command: what stands before the script then.
            framework: what its parameters are of.
            server_expected_format: in which form they travel.
            params_transfer_type: whether it sends what it has, or the difference.
            pipe_connect_type: only for NVFLARE up to 2.8.
            launch_once: whether one process does all tasks, or each has its own.
            launch_timeout: seconds within which the process must say `init()`.
            shutdown_timeout: seconds that it gets to end by itself.
            memory_gc_rounds: after how many tasks its garbage is collected; 0 is never.
            cuda_empty_cache: whether unused GPU memory is given back then.
            execution_mode: `in_process` or `external_process`, for `launch_external_process`.
            task_pipe: only for NVFLARE up to 2.8.

        Raises:
            errors.JobInvalid (ValueError), errors.JobTypeInvalid (TypeError): one cannot be.
        """
        if not isinstance(script, str):
            raise errors.JobTypeInvalid("script", "a path as text", script)
        if not script:
            raise errors.JobInvalid("`script` is empty; give the path of a training script")
        external = {None: launch_external_process, "in_process": False, "external_process": True}
        if execution_mode not in external or (
            launch_external_process and not external[execution_mode]
        ):
            raise errors.JobInvalid(
                f"`execution_mode` is {execution_mode!r} and `launch_external_process` "
                f"{launch_external_process}; give 'in_process' or 'external_process' alone"
            )
        self.script = script
        self.script_args = words_of("script_args", script_args)
        self.external = external[execution_mode]
        self.command = words_of("command", command)
        self.framework = _member("framework", FrameworkType, framework, "Framework {} unsupported")
        self.server_expected_format = _member(
            "server_expected_format", ExchangeFormat, server_expected_format
        )
        self.params_transfer_type = _member(
            "params_transfer_type", TransferType, params_transfer_type
        )
        self.pipe_connect_type = pipe_connect_type
        self.launch_once = launch_once
        self.launch_timeout = launch_timeout
        self.shutdown_timeout = shutdown_timeout
        self.memory_gc_rounds = memory_gc_rounds
        self.cuda_empty_cache = cuda_empty_cache

    def get_job_target_type(self) -> str:
        """Where it belongs: to clients."""
        return "client"

    def add_to_fed_job(self, job: FedJob, ctx: JobCtx, **kwargs: Any) -> dict[str, str]:
        """Adds the executor that runs the script, for `tasks`, and takes the script along.

        Returns:
            The ids of components that were added beside it: none.
        """
        job.check_kwargs(kwargs, {"tasks": False})
        job.add_resources([self.script], ctx)
        job.add_executor(self.executor(resources.target_of(self.script)), kwargs.get("tasks"), ctx)
        return {}

    def executor(self, script: PurePosixPath) -> Part:
        """What does the tasks, with the script at this place in the job's code."""
        args: dict[str, Value] = {
            "script": str(script),
            "script_args": self.script_args,
            "framework": self.framework.value,
            "server_expected_format": self.server_expected_format.value,
            "params_transfer_type": self.params_transfer_type.value,
            "memory_gc_rounds": self.memory_gc_rounds,
            "cuda_empty_cache": self.cuda_empty_cache,
        }
        if self.external:
            args |= {
                "external": True,
                "command": self.command,
                "launch_once": self.launch_once,
                "launch_timeout": self.launch_timeout,
                "shutdown_timeout": self.shutdown_timeout,
            }
        return Part(path=EXECUTOR, args=args)


def words_of(argument: str, given: object) -> Words:
    """A command line or a part of one, which can be split.

    Raises:
        errors.JobInvalid, errors.JobTypeInvalid: it cannot, or is no text and no list of texts.
    """
    if isinstance(given, str):
        try:
            shlex.split(given)
        except ValueError as error:
            raise errors.JobInvalid(
                f"`{argument}` cannot be split into words: {error}: {given!r}; close the quotes, "
                "or give a list of words"
            ) from None
        return given
    if not isinstance(given, Sequence) or not all(isinstance(each, str) for each in given):
        raise errors.JobTypeInvalid(argument, "a text or a list of texts", given)
    return list(given)


def _member(argument: str, kind: type[Any], given: object, first: str = "{} is unknown") -> Any:
    try:
        return kind(given)
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise errors.JobInvalid(f"{first.format(given)}: `{argument}` is one of {known}") from None
