"""Settings that recipes share: the clients' script, and the model that the job begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self, TypedDict

from ame import errors
from ame.federation.components.selector import IntimeModelSelector
from ame.federation.flare import names
from ame.federation.job.script_runner import FrameworkType, ScriptRunner
from ame.federation.model import ExchangeFormat, TransferType

if TYPE_CHECKING:
    from ame.federation.job.fedjob import FedJob

Words = str | Sequence[str]


class ClientOptions(TypedDict, total=False):
    """What may be said of the clients' script; the names are those of `Client`'s fields."""

    train_args: Words
    launch_external_process: bool
    command: Words
    server_expected_format: ExchangeFormat
    params_transfer_type: TransferType
    launch_once: bool
    launch_timeout: float | None
    shutdown_timeout: float
    client_memory_gc_rounds: int
    cuda_empty_cache: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The clients' script, as `ScriptRunner` explains it."""

    train_script: str
    framework: FrameworkType
    train_args: Words = ""
    launch_external_process: bool = False
    command: Words = "python3 -u"
    server_expected_format: ExchangeFormat = ExchangeFormat.NUMPY
    params_transfer_type: TransferType = TransferType.FULL
    launch_once: bool = True
    launch_timeout: float | None = 300.0
    shutdown_timeout: float = 0.0
    client_memory_gc_rounds: int = 0
    cuda_empty_cache: bool = False

    def of(self, settings: Mapping[str, Any]) -> Self:
        """The script of one site, with settings of its own.

        Raises:
            errors.JobInvalid (ValueError): there is no such setting.

        """
        known = [field.name for field in fields(self)]
        if unknown := [name for name in settings if name not in known]:
            raise errors.JobInvalid(
                f"`{unknown[0]}` is no setting of a client; known are {', '.join(known)}"
            )
        return replace(self, **settings)

    def runner(self) -> ScriptRunner:
        """What runs it."""
        return ScriptRunner(
            script=self.train_script,
            script_args=self.train_args,
            launch_external_process=self.launch_external_process,
            command=self.command,
            framework=self.framework,
            server_expected_format=self.server_expected_format,
            params_transfer_type=self.params_transfer_type,
            launch_once=self.launch_once,
            launch_timeout=self.launch_timeout,
            shutdown_timeout=self.shutdown_timeout,
            memory_gc_rounds=self.client_memory_gc_rounds,
            cuda_empty_cache=self.cuda_empty_cache,
        )


def given_once(**names: Any) -> Any:
    """What was given under one of two names, of which the second is the earlier one.

    Raises:
        errors.JobInvalid (ValueError): something was given under both.

    """
    (name, value), (earlier, same) = names.items()
    if value is None or same is None:
        return same if value is None else value
    if isinstance(value, str) and value == same:
        return value
    raise errors.JobInvalid(f"`{earlier}` is `{name}`; give one of them")


def best_by(key_metric: str, mode: str | None) -> IntimeModelSelector:
    """Chooses the best model: of the greatest metric (`max`, or None), or of the least (`min`).

    Raises:
        errors.JobInvalid (ValueError): there is no such mode.

    """
    if mode not in {None, "min", "max"}:
        raise errors.JobInvalid(f"`key_metric_mode` is {mode!r}; give min or max")
    return IntimeModelSelector(key_metric=key_metric, negate_key_metric=mode == "min")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a job begins with, and how it is kept."""

    framework: FrameworkType
    model: Any = None
    """A torch module, a Keras model, an array or nested lists; of the first two also
    `{"class_path": …, "args": …}`."""
    initial_ckpt: str | None = None
    """A file with its weights, at the server."""
    persistor: Any = None
    """Keeps models, instead of the framework's own."""
    locator: Any = None
    """Finds models for cross-site evaluation, instead of the framework's own."""
    best_model_filename: str | None = None
    tensors: bool = False
    """Whether torch tensors travel as they are."""

    def give(self, job: FedJob) -> dict[str, str]:
        """Gives it to the server; returns the ids, `persistor_id` and, if any, `locator_id`.

        Raises:
            errors.JobInvalid (ValueError): there is nothing to begin with, or the framework does
                not know such a thing.

        """
        if self.model is None and self.initial_ckpt is None and self.persistor is None:
            raise errors.JobInvalid(
                "the job has no model to begin with; give `model`, `initial_ckpt` or "
                "`model_persistor`"
            )
        persistor = job.to_server(self.persistor or self._keeper(), id="persistor")
        ids = {"persistor_id": str(persistor)}
        if (locator := self.locator or self._finder(str(persistor))) is not None:
            ids["locator_id"] = str(job.to_server(locator, id="locator"))
        return ids

    def _keeper(self) -> Any:
        match self.framework:
            case FrameworkType.PYTORCH:
                from ame.federation.components.persistors.torch_files import PTFileModelPersistor

                if self.model is None:
                    raise errors.JobInvalid(
                        "`initial_ckpt` holds weights alone; give the `model` that they are of"
                    )
                named: Any = {}
                if self.best_model_filename:
                    named["best_global_model_file_name"] = self.best_model_filename
                return PTFileModelPersistor(
                    model=self._described(),
                    source_ckpt_file_full_name=self.initial_ckpt,
                    allow_numpy_conversion=not self.tensors,
                    **named,
                )
            case FrameworkType.TENSORFLOW:
                from ame.federation.components.persistors.keras_files import TFModelPersistor

                return TFModelPersistor(
                    model=self._described(), source_ckpt_file_full_name=self.initial_ckpt
                )
            case FrameworkType.NUMPY:
                from ame.federation.components.persistors.numpy_files import NPModelPersistor

                return NPModelPersistor(
                    model=self.model, source_ckpt_file_full_name=self.initial_ckpt
                )
        raise errors.JobInvalid(
            f"models of the framework `{self.framework.value}` are kept by a persistor of your "
            "own; give `model_persistor`"
        )

    def _finder(self, persistor: str) -> Any:
        """Finds what the framework's own persistor keeps; None if another one keeps it."""
        if self.persistor is not None:
            return None
        match self.framework:
            case FrameworkType.PYTORCH:
                from ame.federation.components.persistors.torch_files import PTFileModelLocator

                return PTFileModelLocator(pt_persistor_id=persistor)
            case FrameworkType.TENSORFLOW:
                from ame.federation.components.persistors.keras_files import TFFileModelLocator

                return TFFileModelLocator(tf_persistor_id=persistor)
        from ame.federation.components.persistors.numpy_files import NPModelLocator

        return NPModelLocator()

    def _described(self) -> Any:
        """A model that is described by its class, in the words of persistors."""
        if not isinstance(self.model, Mapping):
            return self.model
        path = self.model.get("class_path") or self.model.get("path")
        if not path:
            raise errors.JobInvalid(
                "a `model` that is a dict names its class: "
                '`{"class_path": "module.Class", "args": {…}}`'
            )
        return {"path": path, "args": dict(self.model.get("args") or {})}


def unmade(described: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """An object that is described by its class, and is to be made later, by who gets this."""
    return None if described is None else {**described, "config_type": "dict"}


def served(path: str) -> Any:
    """The class that NVFLARE has at `nvflare.PATH`, as `ame` has it.

    Raises:
        errors.Unsupported: `ame` has none.

    """
    ours = names.ours(f"nvflare.{path}")
    if ours is None:
        raise errors.Unsupported(f"`nvflare.{path}` has no counterpart here; use another recipe")
    module, _, name = ours.rpartition(".")
    return getattr(import_module(module), name)
