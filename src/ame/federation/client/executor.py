"""Does a site's tasks by a training script."""

from __future__ import annotations

import shlex
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ame import errors
from ame.federation.client.channel import Exchange, SystemInfo
from ame.federation.client.external.launch import Launched
from ame.federation.conversion import FLModelUtils
from ame.federation.model import ExchangeFormat, TransferType
from ame.federation.spec.executor import Executor
from ame.federation.spec.names.events import EventType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.federation.client.external.launch import Place
    from ame.federation.spec.context import FLContext
    from ame.federation.spec.shareable import Shareable
    from ame.federation.spec.task import Signal

_FORMATS = {
    "raw": ExchangeFormat.RAW,
    "numpy": ExchangeFormat.NUMPY,
    "pytorch": ExchangeFormat.PYTORCH,
    "tensorflow": ExchangeFormat.KERAS_LAYER_WEIGHTS,
}
"""The form of parameters by framework."""


class ScriptExecutor(Executor):
    """Does tasks by a script that stays from one task to the next, or is started for each.

    A script that is not `external` runs in the process of its site, which whoever holds the site
    sees to; this class holds what it is to be. An external one is started here, at `place`, which
    must be set before the first task.
    """

    place: Place | None = None
    """Where an external script runs."""

    def __init__(
        self,
        script: str,
        script_args: str | Sequence[str] = "",
        external: bool = False,
        command: str | Sequence[str] = "python3 -u",
        framework: str = "pytorch",
        server_expected_format: str = "numpy",
        params_transfer_type: str = "FULL",
        train_task_name: str = "train",
        evaluate_task_name: str = "validate",
        submit_model_task_name: str = "submit_model",
        train_with_evaluation: bool = False,
        launch_once: bool = True,
        launch_timeout: float | None = 300.0,
        shutdown_timeout: float = 0.0,
        memory_gc_rounds: int = 0,
        cuda_empty_cache: bool = False,
    ) -> None:
        """Notes what is to be run.

        Args:
            script: the script, as it lies in the job's code.
            script_args: its arguments; a text is split as a shell would.
            external: whether it is to be a process of its own.
            command: what stands before the script then; a text is split as a shell would.
            framework: `raw`, `numpy`, `pytorch` or `tensorflow`: the form of its parameters.
            server_expected_format: the form in which they travel, an ExchangeFormat.
            params_transfer_type: what the script sends, a TransferType.
            train_task_name: the task for which `is_train()` is true.
            evaluate_task_name: the same for `is_evaluate()`.
            submit_model_task_name: the same for `is_submit_model()`.
            train_with_evaluation: whether a trained model must come with metrics.
            launch_once: whether one process does all tasks; else each is done by a new one.
            launch_timeout: seconds within which a process must say `init()`; None: any time.
            shutdown_timeout: seconds that it gets to end by itself at the end of the job.
            memory_gc_rounds: after how many tasks Python's garbage is collected; 0: never by us.
            cuda_empty_cache: whether torch's unused GPU memory is given back then.

        Raises:
            ValueError: a framework, form or type is unknown, or quotes in a text are not closed.

        """
        super().__init__()
        if framework not in _FORMATS:
            message = f"Framework {framework} unsupported; use one of {', '.join(_FORMATS)}"
            raise ValueError(message)
        self.script = str(PurePosixPath(script))
        self.arguments = words(script_args)
        self.external = external
        self.command = words(command)
        self.exchange = Exchange(
            format=_FORMATS[framework],
            server_format=ExchangeFormat(server_expected_format),
            transfer=TransferType(params_transfer_type),
            train_task=train_task_name,
            evaluate_task=evaluate_task_name,
            submit_task=submit_model_task_name,
            train_with_evaluation=train_with_evaluation,
        )
        self.launch_once = launch_once
        self.launch_timeout = launch_timeout
        self.shutdown_timeout = shutdown_timeout
        self.memory_gc_rounds = memory_gc_rounds
        self.cuda_empty_cache = cuda_empty_cache
        self._launched: Launched | None = None

    def info(self, site: str, job: str, config: dict[str, object] | None = None) -> SystemInfo:
        """What the script is told of where it runs; `config` are the job's own variables."""
        return SystemInfo(
            site_name=site,
            job_id=job,
            exchange=self.exchange,
            config=config or {},
            collect_every=self.memory_gc_rounds,
            empty_cuda_cache=self.cuda_empty_cache,
        )

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Gives the task to the script's process.

        Raises:
            errors.ScriptFailed: it will not answer; the error says why.
            errors.JobAborted: the task is no longer wanted.

        """
        launched = self._running(fl_ctx)
        answer = launched.perform(
            task_name,
            FLModelUtils.from_shareable(shareable, fl_ctx),
            aborted=lambda: abort_signal.triggered,
        )
        if not self.launch_once:
            launched.finish()
        return FLModelUtils.to_shareable(answer)

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:  # noqa: ARG002  # all one
        """At the end of the run the script ends."""
        if event_type == EventType.END_RUN:
            self.close()

    def close(self) -> None:
        """Lets the script's process end. Again has no further effect."""
        if self._launched is not None:
            self._launched.close()
            self._launched = None

    def _running(self, ctx: FLContext) -> Launched:
        if self.place is None:
            raise errors.Unsupported(
                f"`{self.script}` runs in the process of its site, and this one runs no scripts; "
                "start it as a process of its own, with `launch_external_process=True`"
            )
        if self._launched is not None and not self.launch_once:
            self.close()
        if self._launched is None:
            self._launched = Launched(
                self.info(ctx.get_identity_name(), ctx.get_job_id()),
                self.place,
                (*self.command, str(self.place.code / self.script), *self.arguments),
                launch_timeout=self.launch_timeout,
                shutdown_timeout=self.shutdown_timeout,
            )
        return self._launched


def words(text: str | Sequence[str]) -> tuple[str, ...]:
    """A command's words; of a text, as a shell splits it.

    Raises:
        ValueError: a quote is not closed.

    """
    if not isinstance(text, str):
        return tuple(map(str, text))
    return _split(text)


@lru_cache(maxsize=64)
def _split(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        message = f"`{text}` cannot be split into words: {error}; close the quote"
        raise ValueError(message) from error
