"""Executors of training scripts by NVFLARE's names, for jobs that name them instead of a runner."""

from enum import Enum
from typing import Any, ClassVar

from ame import errors
from ame.federation.job.script_runner import FrameworkType, ScriptRunner
from ame.federation.model import ExchangeFormat

_FRAMEWORKS = {
    ExchangeFormat.RAW: FrameworkType.RAW,
    ExchangeFormat.NUMPY: FrameworkType.NUMPY,
    ExchangeFormat.PYTORCH: FrameworkType.PYTORCH,
    ExchangeFormat.KERAS_LAYER_WEIGHTS: FrameworkType.TENSORFLOW,
}


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
