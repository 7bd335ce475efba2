"""Executors that only seem to train: what tries a job's workflow adds a number to its arrays."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from ame.federation.components.persistors.files import run_folder, within, write
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind, from_shareable
from ame.federation.spec.executor import Executor
from ame.federation.spec.names.app import AppConstants, NPConstants
from ame.federation.spec.names.keys import MetaKey
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply
from ame.federation.spec.task import Signal

_NAP = 0.05


class NPTrainer(Executor):
    """Adds `delta` to the array `numpy_key`, and keeps it as the site's own model."""

    def __init__(
        self,
        delta: float = 1,
        sleep_time: float = 0,
        train_task_name: str = AppConstants.TASK_TRAIN,
        submit_model_task_name: str = AppConstants.TASK_SUBMIT_MODEL,
        model_name: str = "best_numpy.npy",
        model_dir: str = "model",
        validate_model_task_name: str = AppConstants.TASK_VALIDATION,
    ) -> None:
        """What each task does.

        Args:
            delta: what is added.
            sleep_time: seconds that each task takes.
            train_task_name: the task that adds.
            submit_model_task_name: the task that gives the site's own model.
            model_name: the file of that model.
            model_dir: the file's folder, in that of the run.
            validate_model_task_name: the task that measures a model, as `NPValidator` does.
        """
        super().__init__()
        self.delta = delta
        self.sleep_time = sleep_time
        self.train_task_name = train_task_name
        self.submit_model_task_name = submit_model_task_name
        self.model_name = model_name
        self.model_dir = model_dir
        self.validate_model_task_name = validate_model_task_name

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Do a task."""
        if not _waited(self.sleep_time, abort_signal):
            return make_reply(ReturnCode.TASK_ABORTED)
        if task_name == self.train_task_name:
            return self._train(shareable, fl_ctx)
        if task_name == self.submit_model_task_name:
            return self._submit(fl_ctx)
        if task_name == self.validate_model_task_name:
            return _measured(self, shareable, fl_ctx, 0.0)
        return make_reply(ReturnCode.TASK_UNKNOWN)

    def _train(self, shareable: Shareable, fl_ctx: FLContext) -> Shareable:
        weights = _weights(self, shareable, fl_ctx)
        if weights is None:
            return make_reply(ReturnCode.BAD_TASK_DATA)
        made = {**weights, NPConstants.NUMPY_KEY: weights[NPConstants.NUMPY_KEY] + self.delta}
        write(self._file(fl_ctx), lambda path: _save(path, made[NPConstants.NUMPY_KEY]))
        meta = {MetaKey.NUM_STEPS_CURRENT_ROUND: 1}
        return DXO(DataKind.WEIGHTS, data=made, meta=meta).to_shareable()

    def _submit(self, fl_ctx: FLContext) -> Shareable:
        file = self._file(fl_ctx)
        if not file.exists():
            self.log_error(fl_ctx, f"there is no model yet: {file}")
            return make_reply(ReturnCode.EXECUTION_RESULT_ERROR)
        own = {NPConstants.NUMPY_KEY: np.load(file, allow_pickle=False)}
        return DXO(DataKind.WEIGHTS, data=own).to_shareable()

    def _file(self, fl_ctx: FLContext) -> Path:
        return within(run_folder(fl_ctx), f"{self.model_dir}/{self.model_name}")


class NPValidator(Executor):
    """Measures the array `numpy_key`: its sum over its maximum, and a random number below 1."""

    def __init__(
        self,
        epsilon: float = 1,
        sleep_time: float = 0,
        validate_task_name: str = AppConstants.TASK_VALIDATION,
    ) -> None:
        """What its task does.

        Args:
            epsilon: the random number is below it.
            sleep_time: seconds that each task takes.
            validate_task_name: the task that measures.
        """
        super().__init__()
        self.epsilon = epsilon
        self.sleep_time = sleep_time
        self.validate_task_name = validate_task_name

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Measure a model; one that keeps none has none to submit."""
        if not _waited(self.sleep_time, abort_signal):
            return make_reply(ReturnCode.TASK_ABORTED)
        if task_name == self.validate_task_name:
            return _measured(self, shareable, fl_ctx, self.epsilon)
        return make_reply(ReturnCode.TASK_UNKNOWN)


def _measured(of: Executor, shareable: Shareable, fl_ctx: FLContext, epsilon: float) -> Shareable:
    weights = _weights(of, shareable, fl_ctx)
    if weights is None:
        return make_reply(ReturnCode.BAD_TASK_DATA)
    array = weights[NPConstants.NUMPY_KEY]
    found = float(np.sum(array / np.max(array))) + epsilon * float(
        np.random.random()
    )  # the run seeds it
    return DXO(DataKind.METRICS, data={"accuracy": found}).to_shareable()


def _weights(of: Executor, shareable: Shareable, fl_ctx: FLContext) -> dict[str, Any] | None:
    """The weights that were sent, with the array of `numpy_key`; none, and the log says why."""
    try:
        dxo = from_shareable(shareable)
    except ValueError as error:
        of.log_error(fl_ctx, f"the task has no data: {error}")
        return None
    found: dict[str, Any] = dxo.data
    if dxo.data_kind != DataKind.WEIGHTS or NPConstants.NUMPY_KEY not in found:
        of.log_error(fl_ctx, f"the task has no weights with the array {NPConstants.NUMPY_KEY}")
        return None
    return found


def _save(path: Path, array: Any) -> None:
    with path.open("wb") as file:  # np.save would add an ending to the name
        np.save(file, array, allow_pickle=False)


def _waited(seconds: float, abort_signal: Signal) -> bool:
    """Whether the time went by without the signal."""
    end = time.monotonic() + seconds
    while not abort_signal.triggered and (left := end - time.monotonic()) > 0:
        time.sleep(min(_NAP, left))
    return not abort_signal.triggered
