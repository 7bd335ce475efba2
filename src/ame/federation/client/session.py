"""What one training script and its site have said to each other so far."""

from __future__ import annotations

import copy
import gc
import sys
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.client import formats
from ame.federation.client.channel import ConfigKey
from ame.federation.client.record import Record
from ame.federation.model import FLModel, ParamsType, TransferType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.federation.client.channel import Channel
    from ame.federation.spec.analytics import AnalyticsDataType


class Session:
    """A script's side of its channel. One thread at a time uses it.

    Of a distributed training, rank 0 alone talks. On the others there is nothing to receive,
    `is_running` is false and `send` does nothing.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.metrics: dict[str, Any] | None = None
        """What `@evaluate` measured, to go with the next trained model."""
        self._formats = formats.Formats(channel.info.exchange)
        self._rank: str | None = None
        self._model: FLModel | None = None
        self._task: str | None = None
        self._origin: Any = None
        self._asked = False
        self._spent: tuple[FLModel, ...] = ()
        self._sent = 0
        self._over = False

    @property
    def begun(self) -> bool:
        """Whether the script has said `init()`."""
        return self._rank is not None

    def begin(self, rank: str) -> None:
        """The script says which process of its training it is; the first word counts."""
        if self._rank is None:
            self._rank = rank

    def receive(self, timeout: float | None = None) -> FLModel | None:
        """The model of the task under way, the same until it is answered; else of the next task.

        Blocks. None: the job is over, or `timeout` seconds have passed.

        Raises:
            errors.JobAborted: the job was ended before its time.
            errors.ParamsUnfit: what arrived has no form in the script's framework.

        """
        model = self._await(timeout)
        self._asked = self._asked or model is not None
        return model

    def is_running(self) -> bool:
        """Whether there is a task to do. Blocks until that is known."""
        return self._await(None) is not None

    def send(self, model: FLModel, *, clear_cache: bool = True) -> None:
        """Answers the task.

        With `clear_cache`, the parameters of this model and of the received one are let go when
        the script asks for its next task; until then both may be used.

        Raises:
            errors.NotAModel: `model` is no FLModel.
            errors.NothingReceived: no task is under way.
            errors.NothingToSend: it has neither parameters nor metrics.
            errors.NoDifference: differences are sent, and this has none to what was received.
            errors.ParamsUnfit: the parameters are not of the script's framework.

        """
        if not isinstance(model, FLModel):
            raise errors.NotAModel(model)
        if self._mute:
            return
        if self._model is None or not self._asked:
            raise errors.NothingReceived
        if model.params is None and model.metrics is None:
            raise errors.NothingToSend
        self.channel.send(self._travelling(model))
        self._spent = (self._model, model) if clear_cache else ()
        self.clear()
        self._sent += 1
        self._collect()

    def clear(self) -> None:
        """Forgets the task under way: the next `receive` is of another one."""
        self._model = self._origin = None
        self._asked = False

    def log(
        self, key: str, value: object, kind: AnalyticsDataType, extra: Mapping[str, object]
    ) -> None:
        """Records a metric, a parameter, a tag or a text. Rank 0 alone may."""
        self._first_rank("log")
        self.channel.record(Record.of(key, value, kind, extra))

    def task(self, call: str) -> str | None:
        """The name of the task received last. Rank 0 alone may ask; `call` is how it did."""
        self._first_rank(call)
        return self._task

    def config(self) -> dict[str, object]:
        """How the job set up this script, as `get_config()` shows it."""
        info, exchange = self.channel.info, self.channel.info.exchange
        return {
            **info.config,
            ConfigKey.TASK_EXCHANGE: {
                ConfigKey.TRAIN_WITH_EVAL: exchange.train_with_evaluation,
                ConfigKey.EXCHANGE_FORMAT: exchange.format.value,
                ConfigKey.SERVER_EXPECTED_FORMAT: exchange.server_format.value,
                ConfigKey.TRANSFER_TYPE: exchange.transfer.value,
                ConfigKey.TRAIN_TASK_NAME: exchange.train_task,
                ConfigKey.EVAL_TASK_NAME: exchange.evaluate_task,
                ConfigKey.SUBMIT_MODEL_TASK_NAME: exchange.submit_task,
            },
            ConfigKey.TASK_NAME: self._task,
            ConfigKey.MEMORY_GC_ROUNDS: info.collect_every,
            ConfigKey.CUDA_EMPTY_CACHE: info.empty_cuda_cache,
            "job_id": info.job_id,
            "site_name": info.site_name,
        }

    def close(self) -> None:
        """The script takes no more tasks."""
        self.clear()
        self._over = True
        self.channel.close()

    @property
    def _mute(self) -> bool:
        return self._over or self._rank != "0"

    def _first_rank(self, call: str) -> None:
        if self._rank != "0":
            raise errors.RankSilent(call, self._rank or "unknown")

    def _await(self, timeout: float | None) -> FLModel | None:
        if self._mute or self._model is not None:
            return self._model
        for spent in self._spent:
            spent.params = spent.optimizer_params = None
        self._spent = ()
        received = self.channel.receive(timeout)
        if received is None:
            return None
        model = received.model
        if self.channel.info.exchange.transfer is TransferType.DIFF:
            # What the script gets shares its memory with what arrived, and it may write there.
            self._origin = copy.deepcopy(model.params)
        model.params = self._formats.to_script(model.params)
        self._model, self._task = model, received.task
        return model

    def _travelling(self, model: FLModel) -> FLModel:
        """The model as it is to travel; the script's own stays as it is."""
        made = copy.copy(model)
        made.params = self._formats.from_script(model.params)
        if (
            self.channel.info.exchange.transfer is TransferType.DIFF
            and model.params_type is ParamsType.FULL
            and self._origin is not None
        ):
            made.params = formats.difference(self._origin, made.params)
            made.params_type = ParamsType.DIFF
        return made

    def _collect(self) -> None:
        every = self.channel.info.collect_every
        if every and self._sent % every == 0:
            gc.collect()
            torch = sys.modules.get("torch")
            if torch is not None and self.channel.info.empty_cuda_cache:
                torch.cuda.empty_cache()
