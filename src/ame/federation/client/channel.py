"""The way between a training script and its site."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from ame.federation.model import ExchangeFormat, TransferType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.federation.client.record import Record
    from ame.federation.model import FLModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """In which form models go to and fro, and which tasks mean what."""

    format: ExchangeFormat = ExchangeFormat.RAW
    """What the script gets and gives."""
    server_format: ExchangeFormat = ExchangeFormat.NUMPY
    """What travels."""
    transfer: TransferType = TransferType.FULL
    train_task: str = "train"
    evaluate_task: str = "validate"
    submit_task: str = "submit_model"
    train_with_evaluation: bool = False
    """Whether a trained model must come with metrics of the model it was trained from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemInfo:
    """Where a script runs."""

    site_name: str
    job_id: str
    exchange: Exchange = field(default_factory=Exchange)
    config: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """What else `get_config()` is to show: the job's own variables."""
    collect_every: int = 0
    """After how many answers Python's garbage is collected; 0: when Python thinks fit."""
    empty_cuda_cache: bool = False
    """Whether torch then gives back the GPU memory that it keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A task for a script, and the model that came with it."""

    task: str
    model: FLModel


class ConfigKey:
    """The keys of what `get_config()` shows."""

    EXCHANGE_FORMAT = "exchange_format"
    SERVER_EXPECTED_FORMAT = "server_expected_format"
    TRANSFER_TYPE = "transfer_type"
    TRAIN_WITH_EVAL = "train_with_eval"
    TRAIN_TASK_NAME = "train_task_name"
    EVAL_TASK_NAME = "eval_task_name"
    SUBMIT_MODEL_TASK_NAME = "submit_model_task_name"
    TASK_NAME = "TASK_NAME"
    TASK_EXCHANGE = "TASK_EXCHANGE"
    MEMORY_GC_ROUNDS = "memory_gc_rounds"
    CUDA_EMPTY_CACHE = "cuda_empty_cache"


class Channel(Protocol):
    """The way between one training script and its site. One thread at a time uses it.

    Models travel as `info.exchange.server_format` says (NumPy arrays, mostly); the script's own
    form is the session's concern.
    """

    @property
    def info(self) -> SystemInfo:
        """Where the script runs. Known from the start, and always the same."""

    def receive(self, timeout: float | None) -> Received | None:
        """The next task. Blocks until there is one, or the job is over, or the time is up.

        The arrays in it are this script's own: it may write into them, and nobody else sees that
        (a private mapping of shared memory, or a copy). They stay readable until the script drops
        them, whatever the channel does next.

        Returns None when the job is over, and `stopped()` is true then; or after `timeout`
        seconds, and `stopped()` is false.

        Raises:
            errors.JobAborted: the job was ended before its time.

        """

    def send(self, model: FLModel) -> None:
        """Answers the task that was received last.

        When it returns the arrays have been written or copied: the script may change them.

        Raises:
            errors.JobAborted: the job was ended before its time.

        """

    def record(self, record: Record) -> None:
        """Takes a metric, a parameter, a tag or a text. Does not wait for anybody."""

    def stopped(self) -> bool:
        """Whether the job is over for this script. Does not block."""

    def close(self) -> None:
        """The script takes no more tasks. Again and again has no further effect."""
