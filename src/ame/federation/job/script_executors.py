"""What NVFLARE's jobs name of a training script beside its runner: executors, launchers, pipes."""

import shlex
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, ClassVar

from ame import errors
from ame.federation.job import resources
from ame.federation.job.script_runner import FrameworkType, ScriptRunner, Words, words_of
from ame.federation.model import ExchangeFormat

_FRAMEWORKS = {
    ExchangeFormat.RAW: FrameworkType.RAW,
    ExchangeFormat.NUMPY: FrameworkType.NUMPY,
    ExchangeFormat.PYTORCH: FrameworkType.PYTORCH,
    ExchangeFormat.KERAS_LAYER_WEIGHTS: FrameworkType.TENSORFLOW,
}


class Mode(str, Enum):
    """Which end of a pipe begins."""

    ACTIVE = "ACTIVE"
    PASSIVE = "PASSIVE"


class _Wired:
    """How NVFLARE reaches a script's process. A socket of this machine does it here."""

    def __init__(self, *settings: Any, **more: Any) -> None:
        """Takes NVFLARE's arguments."""


class CellPipe(_Wired):
    """A pipe over NVFLARE's own network."""


class FilePipe(_Wired):
    """A pipe of files."""


class MetricRelay(_Wired):
    """What hands on the metrics of a script's process."""


class SubprocessLauncher:
    """A command line that a `BaseScriptRunner` launches."""

    def __init__(
        self,
        script: Words,
        launch_once: bool = True,
        clean_up_script: None = None,
        shutdown_timeout: float = 0.0,
    ) -> None:
        """Notes it.

        Args:
            script: the command with the training script and its arguments:
                `python3 -u custom/train.py --epochs 2`.
            launch_once: see `ScriptRunner`.
            clean_up_script: must be None.
            shutdown_timeout: see `ScriptRunner`.

        Raises:
            errors.JobInvalid (ValueError): something is to be run afterwards, or the line cannot
                be split into words.
        """
        if clean_up_script:
            raise errors.JobInvalid(
                "`clean_up_script` is not served; clean up at the end of the training script"
            )
        given = words_of("script", script)
        self.words = shlex.split(given) if isinstance(given, str) else list(given)
        self.launch_once = launch_once
        self.shutdown_timeout = shutdown_timeout

    def settings(self, script: str) -> dict[str, Any]:
        """What it says of how this script is run, as arguments of a `ScriptRunner`.

        Raises:
            errors.JobInvalid: it does not run that script.
        """
        wanted = resources.target_of(script)
        for number, word in enumerate(self.words):
            if PurePosixPath(word.removeprefix("custom/")) in (wanted, PurePosixPath(wanted.name)):
                return {
                    "command": self.words[:number],
                    "script_args": self.words[number + 1 :],
                    "launch_once": self.launch_once,
                    "shutdown_timeout": self.shutdown_timeout,
                    "launch_external_process": True,
                }
        raise errors.JobInvalid(
            f"the launcher's `script` {shlex.join(self.words)!r} does not run {script!r}; "
            f"give `python3 -u custom/{wanted}`"
        )


class BaseScriptRunner(ScriptRunner):
    """A `ScriptRunner` for those who bring the executor or the launcher."""

    def __init__(
        self,
        script: str,
        *args: Any,
        executor: Any = None,
        launcher: SubprocessLauncher | None = None,
        metric_relay: _Wired | None = None,  # noqa: ARG002  # ours needs none
        metric_pipe: _Wired | None = None,  # noqa: ARG002  # the same
        **kwargs: Any,
    ) -> None:
        """Takes what a `ScriptRunner` takes.

        Args:
            script: see `ScriptRunner`.
            args: see `ScriptRunner`.
            executor: does the tasks instead; the script travels along.
            launcher: its command line counts, not `command` and `script_args`.
            metric_relay: only for NVFLARE up to 2.8.
            metric_pipe: the same.
            kwargs: see `ScriptRunner`.

        Raises:
            errors.JobInvalid (ValueError): the launcher does not run the script.
        """
        if launcher is not None:
            kwargs |= launcher.settings(script)
            args = ()
        super().__init__(script, *args, **kwargs)
        self._executor = executor

    def executor(self, script: PurePosixPath) -> Any:
        """The one that was given, or that of a `ScriptRunner`."""
        given = self._executor
        if given is None:
            return super().executor(script)
        return given.executor(script) if isinstance(given, ScriptRunner) else given


class InProcessClientAPIExecutor(ScriptRunner):
    """Runs a training script; parameters are NumPy's unless `params_exchange_format` says else."""

    default_format: ClassVar[ExchangeFormat] = ExchangeFormat.NUMPY

    def __init__(
        self,
        task_script_path: str,
        task_script_args: str = "",
        *,
        params_exchange_format: ExchangeFormat | str | None = None,
        params_transfer_type: Any = "FULL",
        server_expected_format: ExchangeFormat | str = ExchangeFormat.NUMPY,
        from_nvflare_converter_id: str | None = None,
        to_nvflare_converter_id: str | None = None,
        **times: Any,
    ) -> None:
        """Takes NVFLARE's arguments; its times and names of tasks are those of every script here.

        Raises:
            errors.JobInvalid (ValueError): a converter is named: there are none.
        """
        if from_nvflare_converter_id or to_nvflare_converter_id:
            raise errors.JobInvalid("converters are not served; give `params_exchange_format`")
        form = ExchangeFormat(params_exchange_format or self.default_format)
        super().__init__(
            task_script_path,
            task_script_args,
            framework=_FRAMEWORKS[form],
            server_expected_format=server_expected_format,
            params_transfer_type=params_transfer_type,
            memory_gc_rounds=times.get("memory_gc_rounds", 0),
            cuda_empty_cache=times.get("cuda_empty_cache", False),
        )


class PTInProcessClientAPIExecutor(InProcessClientAPIExecutor):
    """The same, with tensors of torch."""

    default_format = ExchangeFormat.PYTORCH


class TFInProcessClientAPIExecutor(InProcessClientAPIExecutor):
    """The same, with the weights of Keras' layers."""

    default_format = ExchangeFormat.KERAS_LAYER_WEIGHTS


class ExecutionMode(str, Enum):
    """Where a script runs."""

    IN_PROCESS = "in_process"
    EXTERNAL_PROCESS = "external_process"
    ATTACH = "attach"


class ClientAPIExecutor(InProcessClientAPIExecutor):
    """The same, of later versions: parameters are as the server has them unless said."""

    default_format = ExchangeFormat.RAW

    def __init__(
        self,
        execution_mode: ExecutionMode | str,
        task_script_path: str | None = None,
        task_script_args: str = "",
        **settings: Any,
    ) -> None:
        """Takes NVFLARE's arguments, but for a `command`, which a `ScriptRunner` takes.

        Raises:
            errors.JobInvalid (ValueError): it is another mode, or no script is named.
        """
        if ExecutionMode(execution_mode) is not ExecutionMode.IN_PROCESS or not task_script_path:
            raise errors.JobInvalid(
                "`execution_mode` must be in_process, with a `task_script_path`; for a process of "
                "its own use `ScriptRunner(script, launch_external_process=True, command=…)`"
            )
        super().__init__(task_script_path, task_script_args, **settings)
