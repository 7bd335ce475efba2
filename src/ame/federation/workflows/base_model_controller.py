"""`BaseModelController`: models sent to sites and taken from them, loaded and saved."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from ame import errors
from ame.federation.conversion import FLModelUtils
from ame.federation.exchange.sites import Why
from ame.federation.model import FLModel
from ame.federation.run.found import component
from ame.federation.run.losses import Quota, why_none, why_refused
from ame.federation.run.tasks import Tasks
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.dxo import from_shareable
from ame.federation.spec.learnable import (
    LearnablePersistor,
    ModelLearnable,
    ModelLearnableKey,
    make_model_learnable,
)
from ame.federation.spec.learner import FLComponentWrapper
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import AppEventType
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import (
    Client,
    ClientTask,
    OperatorMethod,
    Signal,
    Task,
    TaskOperatorKey,
)
from ame.federation.workflows.arguments import check_int

_QUOTA = "__quota"
Taken = Callable[[FLModel], Any]


class BaseModelController(Controller, FLComponentWrapper, ABC):
    """Sends models to sites and takes theirs.

    A site that fails, or whose result is refused, is left out where enough others are left: as
    many as `min_responses` of the call says, or else the job's `min_clients`. Otherwise the job
    ends, and says of each site why it failed.
    """

    def __init__(
        self,
        persistor_id: str = AppConstants.DEFAULT_PERSISTOR_ID,
        ignore_result_error: bool | None = None,
        allow_empty_global_weights: bool = False,
        task_check_period: float = 0.5,
    ) -> None:
        """`ignore_result_error`: True leaves failed sites out, False ends the job at the first.

        Raises:
            TypeError, ValueError: an argument cannot be.
        """
        super().__init__(task_check_period=task_check_period)
        if not isinstance(persistor_id, str):
            message = f"persistor_id must be a str, not {type(persistor_id).__name__}"
            raise TypeError(message)
        if isinstance(task_check_period, bool) or not isinstance(task_check_period, (int, float)):
            message = f"task_check_period must be a number, not {type(task_check_period).__name__}"
            raise TypeError(message)
        if task_check_period <= 0:
            message = f"task_check_period must be greater than 0, not {task_check_period}"
            raise ValueError(message)
        self._task_check_period = min(task_check_period, 0.01)
        self._persistor_id = persistor_id
        self.persistor: Any = None
        self._ignore_result_error = ignore_result_error
        self._allow_empty_global_weights = allow_empty_global_weights
        self._results: list[FLModel] = []
        self._samples = 0

    # The times of a workflow.

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Find the persistor and call `initialize`.

        Raises:
            errors.ComponentUnknown: it was named, and is not there.
        """
        self.fl_ctx = fl_ctx
        self.engine = fl_ctx.get_engine()
        if self._persistor_id:
            found = self.engine.get_component(self._persistor_id)
            if isinstance(found, LearnablePersistor):
                self.persistor = found
            elif found is None and self._persistor_id != AppConstants.DEFAULT_PERSISTOR_ID:
                component(self.engine, self._persistor_id, LearnablePersistor)  # type: ignore[type-abstract]  # what is found is asked for its kind
            elif found is not None:
                self.warning(
                    f"`{self._persistor_id}` is no LearnablePersistor but a "
                    f"{type(found).__name__}: it neither loads nor saves the model"
                )
        FLComponentWrapper.initialize(self)

    def initialize(self, fl_ctx: FLContext | None = None) -> None:
        """Begin: the run calls it before `control_flow`."""
        if fl_ctx is not None:
            Controller.initialize(self, fl_ctx)

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Call `run`."""
        self.fl_ctx = fl_ctx
        self.abort_signal = abort_signal
        self.event(AppEventType.TRAINING_STARTED)
        self.run()

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Call `finalize`."""
        self.fl_ctx = fl_ctx
        self.finalize()

    @abstractmethod
    def run(self) -> None:
        """The workflow."""

    # What `run` calls.

    def broadcast_model(
        self,
        data: FLModel,
        task_name: str = AppConstants.TASK_TRAIN,
        targets: Sequence[str | Client] | None = None,
        min_responses: int | None = None,
        timeout: int = 0,
        wait_time_after_min_received: int = 0,
        blocking: bool = True,
        callback: Taken | None = None,
        quota: Quota | None = None,
    ) -> list[FLModel]:
        """Send a model; if blocking, return those of the sites, in their order.

        `min_responses` of None or 0: all targets are waited for. `quota`: who may fail, over
        several calls.

        Raises:
            TypeError, ValueError: an argument cannot be.
            errors.SiteUnknown: a target is no site of the job.
        """
        if not isinstance(data, FLModel):
            message = f"data must be an FLModel, not {type(data).__name__}"
            raise TypeError(message)
        if not blocking and not callable(callback):
            raise TypeError("a callback is needed if nobody waits for the results")
        check_int(
            0,
            min_responses=min_responses or 0,
            timeout=timeout,
            wait_time_after_min_received=wait_time_after_min_received,
        )
        names = [each.name if isinstance(each, Client) else each for each in targets or ()]
        targets_count = len(names) or len(self.engine.get_clients())
        self.set_fl_context(data)
        task = self._model_task(data, task_name, timeout, callback)
        task.props[_QUOTA] = quota or self.quota(
            task_name, data.current_round, targets_count, min_responses
        )
        give = {
            "task": task,
            "fl_ctx": self.fl_ctx,
            "targets": names or None,
            "min_responses": min_responses or 0,
            "wait_time_after_min_received": wait_time_after_min_received,
        }
        if not blocking:
            self.broadcast(**give)
            return []
        self._results = []
        self.broadcast_and_wait(**give, abort_signal=self.abort_signal)
        results, self._results = self._results, []
        return results

    def quota(
        self, task: str, at: int | None, targets: int, min_responses: int | None = None
    ) -> Quota:
        """How many of so many sites may fail."""
        return Quota(
            task=task,
            at=at,
            targets=targets,
            needed=min(min_responses or self.engine.min_clients, targets),
            ignore=self._ignore_result_error,
            mandatory=self.engine.mandatory_clients,
        )

    def wait_for_tasks(self) -> bool:
        """Wait until no task stands; False if the run is to end."""
        while self.get_num_standing_tasks():
            if self.is_aborted():
                return False
            if isinstance(self.communicator, Tasks):
                self.communicator.wait_any(0.1)
        return not self.is_aborted()

    def load_model(self) -> FLModel:
        """The model that the job begins with.

        Raises:
            errors.JobPanicked: there is none, and the job does not allow that.
            errors.ComponentUnknown: see `miss_persistor`.
        """
        weights: Any = None
        if self.persistor is None:
            self.miss_persistor()
            model = FLModel(params={})
        else:
            weights = self.persistor.load(self.fl_ctx)
            if weights is not None and not isinstance(weights, ModelLearnable):
                raise self._no_model(
                    f"`{self._persistor_id}` loaded a {type(weights).__name__}, no ModelLearnable"
                )
            if weights is None or weights.is_empty():
                weights = self.fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)
            if weights is not None and not weights.is_empty():
                model = FLModel(
                    params=weights[ModelLearnableKey.WEIGHTS],
                    meta=dict(weights.get(ModelLearnableKey.META) or {}),
                )
            elif self._allow_empty_global_weights:
                model = FLModel(params={})
            else:
                raise self._no_model(
                    f"`{self._persistor_id}` has no weights to begin with: give it a model with "
                    "some (one of Keras has them once it was given an `Input`, or was called), or "
                    "let the sites begin by `allow_empty_global_weights=True`"
                )
        self._set_global(model)
        self.event(AppEventType.INITIAL_MODEL_LOADED)
        return model

    def miss_persistor(self) -> None:
        """There is none, which is right where nobody gave one.

        Raises:
            errors.ComponentUnknown: one is there, under another id than the one asked for.
        """
        there = self.engine.get_all_components()
        others = any(isinstance(each, LearnablePersistor) for each in there.values())
        if others and self._persistor_id and self._persistor_id not in there:
            component(self.engine, self._persistor_id, LearnablePersistor)  # type: ignore[type-abstract]  # what is found is asked for its kind

    def save_model(self, model: FLModel) -> None:
        """Keep a model by the persistor."""
        if self.persistor is None:
            self.error("there is no persistor: the model is not saved")
            return
        self.event(AppEventType.BEFORE_LEARNABLE_PERSIST)
        self.persistor.save(make_model_learnable(model.params, model.meta), self.fl_ctx)
        self.event(AppEventType.AFTER_LEARNABLE_PERSIST)

    def sample_clients(self, num_clients: int | None = None) -> list[str]:
        """The names of so many sites, drawn by the job's seed; in the job's order.

        Raises:
            TypeError, ValueError: `num_clients` is no number above 0.
        """
        names = [client.name for client in self.engine.get_clients()]
        if not num_clients:
            return names
        check_int(1, num_clients=num_clients)
        if num_clients > len(names):
            self.warning(
                f"num_clients is {num_clients}, but the job has {len(names)} sites: all take part"
            )
        if num_clients >= len(names):
            return names
        draw = random.Random(f"{self.engine.seed} {self._samples}")  # noqa: S311 (a sample, no secret)
        self._samples += 1
        return [names[place] for place in sorted(draw.sample(range(len(names)), num_clients))]

    def set_fl_context(self, data: FLModel) -> None:
        """Let components know the round."""
        for key, number in (
            (AppConstants.CURRENT_ROUND, data.current_round),
            (AppConstants.NUM_ROUNDS, data.total_rounds),
        ):
            if number is not None:
                self.fl_ctx.put(key, number, private=True, sticky=False)

    def get_run_dir(self) -> str:
        """The folder of the run."""
        return str(self.engine.get_workspace().get_run_dir(self.fl_ctx.get_job_id()))

    def get_app_dir(self) -> str:
        """The folder of the server's app."""
        return str(self.engine.get_workspace().get_app_dir(self.fl_ctx.get_job_id()))

    def build_component(self, config_dict: dict[str, Any]) -> Any:
        """An object of a class of the job, as configured."""
        return self.engine.build_component(config_dict)

    # How results come in.

    def process_result_of_unknown_task(  # noqa: PLR0913, RUF100 (FLARE's interface)
        self,
        client: Client,
        task_name: str,
        client_task_id: str,
        result: Shareable,
        fl_ctx: FLContext,
    ) -> None:
        """A result that came too late is left out."""
        self.log_info(fl_ctx, f"a result of task `{task_name}` of {client.name} came too late")

    def _model_task(self, data: FLModel, name: str, timeout: int, callback: Taken | None) -> Task:
        shareable = FLModelUtils.to_shareable(data)
        # Whom a model was made of is the server's own: else each site would get all sites' names.
        from_shareable(shareable).meta.pop(AppConstants.METRICS_AGGREGATION_INFO, None)
        shareable.add_cookie(
            AppConstants.CONTRIBUTION_ROUND, shareable.get_header(AppConstants.CURRENT_ROUND)
        )
        operator = {
            TaskOperatorKey.OP_ID: name,
            TaskOperatorKey.METHOD: OperatorMethod.BROADCAST,
            TaskOperatorKey.TIMEOUT: timeout,
        }
        return Task(
            name=name,
            data=shareable,
            operator=operator,
            props={AppConstants.TASK_PROP_CALLBACK: callback, AppConstants.META_DATA: data.meta},
            timeout=timeout,
            before_task_sent_cb=self._before_model_sent
            if self.engine.heard(AppEventType.BEFORE_TRAIN_TASK)
            else None,
            result_received_cb=self._process_result,
        )

    def _before_model_sent(self, client_task: ClientTask, fl_ctx: FLContext) -> None:
        self.fire_event_with_data(
            AppEventType.BEFORE_TRAIN_TASK,
            fl_ctx,
            AppConstants.TRAIN_SHAREABLE,
            client_task.task.data,
        )

    def _process_result(self, client_task: ClientTask, fl_ctx: FLContext) -> None:
        """Take one site's result: to the callback, or to the list."""
        result, task, site = client_task.result, client_task.task, client_task.client.name
        assert result is not None
        at = task.data.get_header(AppConstants.CURRENT_ROUND)
        if at is not None:
            fl_ctx.put(AppConstants.CURRENT_ROUND, at, private=True, sticky=False)
        fl_ctx.put(AppConstants.TRAINING_RESULT, result, private=True, sticky=False)
        own, self.fl_ctx = self.fl_ctx, fl_ctx
        try:
            self.engine.fire(AppEventType.BEFORE_CONTRIBUTION_ACCEPT, fl_ctx)
            why = why_none(client_task) or self._accept_model_result(task, site, result)
            fl_ctx.put(AppConstants.AGGREGATION_ACCEPTED, not why, private=True, sticky=False)
            self.engine.fire(AppEventType.AFTER_CONTRIBUTION_ACCEPT, fl_ctx)
            if why:
                self.engine.watcher.refused(site, Why(kind="unfit", text=why))
                task.props[_QUOTA].fail(site, why)
                self.warning(f"{site} is left out: {why}")
        finally:
            self.fl_ctx = own
            client_task.result = None

    def _accept_model_result(self, task: Task, site: str, result: Shareable) -> str:
        """Why the result cannot be used, or nothing."""
        try:
            model = FLModelUtils.from_shareable(result, self.fl_ctx)
        except ValueError as error:
            return str(error)
        model.meta["props"] = task.props[AppConstants.META_DATA]
        model.meta["client_name"] = site
        callback = task.get_prop(AppConstants.TASK_PROP_CALLBACK)
        if callback is None:
            self._results.append(model)
            return ""
        try:
            return "its result was not accepted" if callback(model) is False else ""
        except errors.UpdateRefused as error:
            return why_refused(error)

    def _set_global(self, model: FLModel) -> None:
        learnable = make_model_learnable(weights=model.params, meta_props=model.meta)
        self.fl_ctx.put(AppConstants.GLOBAL_MODEL, learnable, private=True, sticky=True)

    def _no_model(self, reason: str) -> errors.JobPanicked:
        return errors.JobPanicked(component=self.name, reason=reason, side="server")
