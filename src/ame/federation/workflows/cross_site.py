"""Cross-site evaluation: every site measures the server's models and every other site's."""

import shutil
from pathlib import Path

from ame.federation.components.persistors.files import within
from ame.federation.run.found import component
from ame.federation.run.losses import why_none
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.dxo import DXO, from_file, from_shareable, get_leaf_dxos
from ame.federation.spec.learnable import ModelLocator
from ame.federation.spec.names.app import AppConstants, ModelName
from ame.federation.spec.names.events import AppEventType
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import ClientTask, Signal, Task
from ame.federation.workflows.arguments import check_int

SERVER_PREFIX = "SRV_"


class CrossSiteModelEval(Controller):
    """Asks sites for their models, and has each measured by all; those of the server too.

    A site that has no model, or cannot measure one, is left out of the table. The table is written
    by a `ValidationJsonGenerator`; models and results lie in `cross_site_val` as well.
    """

    def __init__(
        self,
        task_check_period: float = 0.5,
        cross_val_dir: str = AppConstants.CROSS_VAL_DIR,
        submit_model_timeout: int = 600,
        validation_timeout: int = 6000,
        model_locator_id: str = "",
        formatter_id: str = "",
        submit_model_task_name: str = AppConstants.TASK_SUBMIT_MODEL,
        validation_task_name: str = AppConstants.TASK_VALIDATION,
        cleanup_models: bool = False,
        participating_clients: list[str] | None = None,
        wait_for_clients_timeout: int = 300,
    ) -> None:
        """What is measured, and by whom.

        Args:
            task_check_period: kept for jobs that set it.
            cross_val_dir: the folder, in that of the run.
            submit_model_timeout: how long sites may take to give their models, in seconds.
            validation_timeout: how long sites may take to measure one, in seconds.
            model_locator_id: what finds the server's models; none without it.
            formatter_id: kept for jobs that set it.
            submit_model_task_name: how sites are asked for their models; not at all if empty.
            validation_task_name: how they are asked to measure one.
            cleanup_models: whether the models are removed in the end.
            participating_clients: the sites that take part; all by default.
            wait_for_clients_timeout: kept for jobs that set it: sites are there from the start.

        Raises:
            TypeError, ValueError: an argument cannot be.
        """
        super().__init__(task_check_period=task_check_period)
        check_int(
            0,
            submit_model_timeout=submit_model_timeout,
            validation_timeout=validation_timeout,
            wait_for_clients_timeout=wait_for_clients_timeout,
        )
        if participating_clients is not None and not isinstance(participating_clients, list):
            message = f"participating_clients must be a list, not {participating_clients!r}"
            raise TypeError(message)
        self.cross_val_dir = cross_val_dir
        self.submit_model_timeout = submit_model_timeout
        self.validation_timeout = validation_timeout
        self.model_locator_id = model_locator_id
        self.formatter_id = formatter_id
        self.submit_model_task_name = submit_model_task_name
        self.validation_task_name = validation_task_name
        self.cleanup_models = cleanup_models
        self.participating_clients = participating_clients
        self._measuring: list[str] = []

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Make empty folders for models and results."""
        self._measuring = self.participating_clients or [
            client.name for client in self._engine.get_clients()
        ]
        run = Path(fl_ctx.get_workspace().get_run_dir(fl_ctx.get_job_id()))
        self._models = within(run, f"{self.cross_val_dir}/{AppConstants.CROSS_VAL_MODEL_DIR_NAME}")
        self._results = within(
            run, f"{self.cross_val_dir}/{AppConstants.CROSS_VAL_RESULTS_DIR_NAME}"
        )
        for folder in (self._models, self._results):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        fl_ctx.set_prop(AppConstants.CROSS_VAL_MODEL_PATH, str(self._models))
        fl_ctx.set_prop(AppConstants.CROSS_VAL_RESULTS_PATH, str(self._results))
        self.fire_event(AppEventType.CROSS_VAL_INIT, fl_ctx)

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Gather the models, then have each measured."""
        names = self._of_server(fl_ctx)
        if self.submit_model_task_name:
            data = Shareable()
            data.set_header(AppConstants.SUBMIT_MODEL_NAME, ModelName.BEST_MODEL)
            task = Task(
                name=self.submit_model_task_name,
                data=data,
                timeout=self.submit_model_timeout,
                result_received_cb=self._take_model,
            )
            self._all(task, fl_ctx, abort_signal)
            names += sorted(path.name for path in self._models.iterdir() if path.name not in names)
        for name in names:
            if abort_signal.triggered:
                return
            self._measure(name, abort_signal, fl_ctx)

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Remove the models, if that is wanted."""
        if self.cleanup_models:
            shutil.rmtree(self._models, ignore_errors=True)

    def _all(self, task: Task, fl_ctx: FLContext, abort_signal: Signal) -> None:
        self.broadcast_and_wait(
            task=task,
            fl_ctx=fl_ctx,
            targets=self._measuring,
            min_responses=0,
            abort_signal=abort_signal,
        )

    def _of_server(self, fl_ctx: FLContext) -> list[str]:
        """The server's models, kept in files: their names."""
        if not self.model_locator_id:
            return []
        locator = component(self._engine, self.model_locator_id, ModelLocator)
        names = []
        for name in locator.get_model_names(fl_ctx):
            found = locator.locate_model(name, fl_ctx)
            if found is None:
                self.log_error(fl_ctx, f"the server's model `{name}` is not to be found")
                continue
            self._keep(self._models, SERVER_PREFIX + name, found)
            names.append(SERVER_PREFIX + name)
        return names

    def _take_model(self, client_task: ClientTask, fl_ctx: FLContext) -> None:
        """Keep a site's model."""
        site = client_task.client.name
        result = client_task.result
        fl_ctx.put(AppConstants.RECEIVED_MODEL, result, private=True, sticky=False)
        fl_ctx.put(AppConstants.RECEIVED_MODEL_OWNER, site, private=True, sticky=False)
        self.fire_event(AppEventType.RECEIVE_BEST_MODEL, fl_ctx)
        for name, dxo in self._leaves(client_task, site, "model", fl_ctx).items():
            self._keep(self._models, name, dxo)

    def _measure(self, name: str, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Have one model measured by all sites."""
        data = from_file(str(self._models / name)).to_shareable()
        data.set_header(AppConstants.MODEL_OWNER, name)
        data.add_cookie(AppConstants.MODEL_OWNER, name)
        task = Task(
            name=self.validation_task_name,
            data=data,
            timeout=self.validation_timeout,
            before_task_sent_cb=self._before_sent,
            result_received_cb=self._take_result,
            props={AppConstants.MODEL_OWNER: name},
        )
        self._all(task, fl_ctx, abort_signal)

    def _before_sent(self, client_task: ClientTask, fl_ctx: FLContext) -> None:
        task = client_task.task
        for key, value in (
            (AppConstants.DATA_CLIENT, client_task.client),
            (AppConstants.MODEL_OWNER, task.props[AppConstants.MODEL_OWNER]),
            (AppConstants.MODEL_TO_VALIDATE, task.data),
            (AppConstants.PARTICIPATING_CLIENTS, self._measuring),
        ):
            fl_ctx.put(key, value, private=True, sticky=False)
        self.fire_event(AppEventType.SEND_MODEL_FOR_VALIDATION, fl_ctx)

    def _take_result(self, client_task: ClientTask, fl_ctx: FLContext) -> None:
        """Keep what a site measured, and let components know."""
        site, name = client_task.client.name, client_task.task.props[AppConstants.MODEL_OWNER]
        leaves = self._leaves(client_task, site, f"result on `{name}`", fl_ctx)
        if not leaves:
            return
        for key, value in (
            (AppConstants.MODEL_OWNER, name),
            (AppConstants.DATA_CLIENT, site),
            (AppConstants.VALIDATION_RESULT, client_task.result),
        ):
            fl_ctx.put(key, value, private=True, sticky=False)
        self.fire_event(AppEventType.VALIDATION_RESULT_RECEIVED, fl_ctx)
        for leaf, dxo in leaves.items():
            self._keep(self._results, f"{leaf}_{name}", dxo)
        client_task.result = None

    def _leaves(
        self, client_task: ClientTask, site: str, what: str, fl_ctx: FLContext
    ) -> dict[str, DXO]:
        """The DXOs of a site's answer; none, with the reason in the log, if there are none."""
        why = why_none(client_task)
        if not why:
            assert client_task.result is not None
            try:
                leaves, wrong = get_leaf_dxos(from_shareable(client_task.result), site)
            except ValueError as error:
                why = str(error)
            else:
                for each in wrong:
                    self.log_error(fl_ctx, f"a {what} of {site} is left out: {each}")
                return leaves
        self.log_error(fl_ctx, f"the {what} of {site} is left out: {why}")
        self._engine.watcher.note(f"the {what} of {site} is left out: {why}")
        return {}

    def _keep(self, folder: Path, name: str, dxo: DXO) -> None:
        dxo.to_file(str(within(folder, name)))


class GlobalModelEval(CrossSiteModelEval):
    """The same for the server's models alone."""

    def __init__(
        self,
        task_check_period: float = 0.5,
        cross_val_dir: str = AppConstants.CROSS_VAL_DIR,
        validation_timeout: int = 6000,
        model_locator_id: str = "",
        formatter_id: str = "",
        validation_task_name: str = AppConstants.TASK_VALIDATION,
        cleanup_models: bool = False,
        participating_clients: list[str] | None = None,
        wait_for_clients_timeout: int = 300,
    ) -> None:
        """See `CrossSiteModelEval`.

        Raises:
            ValueError: `model_locator_id` is missing.
        """
        if not model_locator_id:
            raise ValueError("model_locator_id is missing: name what finds the server's models")
        super().__init__(
            task_check_period=task_check_period,
            cross_val_dir=cross_val_dir,
            validation_timeout=validation_timeout,
            model_locator_id=model_locator_id,
            formatter_id=formatter_id,
            submit_model_task_name="",
            validation_task_name=validation_task_name,
            cleanup_models=cleanup_models,
            participating_clients=participating_clients,
            wait_for_clients_timeout=wait_for_clients_timeout,
        )
