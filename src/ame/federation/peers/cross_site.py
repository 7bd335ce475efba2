"""Cross-site evaluation from site to site: no model comes to the server, results do."""

import json
import time
from pathlib import Path
from typing import Any

from ame.federation.components.persistors.files import within
from ame.federation.components.validation import ValidationJsonGenerator, plain
from ame.federation.peers.rounds import summary
from ame.federation.peers.server import ServerSideController, aside
from ame.federation.peers.site import ClientSideController
from ame.federation.peers.words import Action, Constant, ModelType, task_name
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind, from_shareable
from ame.federation.spec.learnable import ModelPersistor, model_learnable_to_dxo
from ame.federation.spec.names.app import AppConstants, ModelName, ValidateType
from ame.federation.spec.names.events import AppEventType
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply
from ame.federation.spec.task import Signal, Task

GLOBAL_OWNER = "GLOBAL_"


class CrossSiteEvalServerController(ServerSideController):
    """Has models go round, one after another, and writes the table of what sites measured."""

    def __init__(
        self,
        task_name_prefix: str = Constant.TN_PREFIX_CROSS_SITE_EVAL,
        start_task_timeout: float = Constant.START_TASK_TIMEOUT,
        configure_task_timeout: float = Constant.CONFIG_TASK_TIMEOUT,
        eval_task_timeout: float = 30,
        task_check_period: float = Constant.TASK_CHECK_INTERVAL,
        job_status_check_interval: float = Constant.JOB_STATUS_CHECK_INTERVAL,
        progress_timeout: float = Constant.WORKFLOW_PROGRESS_TIMEOUT,
        private_p2p: bool = True,
        participating_clients: list[str] | None = None,
        evaluators: list[str] | None = None,
        evaluatees: list[str] | None = None,
        global_model_client: str | None = None,
        max_status_report_interval: float = Constant.PER_CLIENT_STATUS_REPORT_TIMEOUT,
        eval_result_dir: str = AppConstants.CROSS_VAL_DIR,
    ) -> None:
        """Who measures what.

        `evaluators`: who measures; `evaluatees`: whose own models; `global_model_client`: who has
        the job's models, the first site by default. All that take part by default.
        `eval_task_timeout` is kept for jobs that set it.
        """
        super().__init__(
            num_rounds=1,
            task_name_prefix=task_name_prefix,
            start_task_timeout=start_task_timeout,
            configure_task_timeout=configure_task_timeout,
            task_check_period=task_check_period,
            job_status_check_interval=job_status_check_interval,
            participating_clients=participating_clients,
            max_status_report_interval=max_status_report_interval,
            progress_timeout=progress_timeout,
            private_p2p=private_p2p,
        )
        self.evaluators = evaluators
        self.evaluatees = evaluatees
        self.global_model_client = global_model_client
        self.eval_result_dir = eval_result_dir
        self._names: list[str] = []
        self._waited: set[str] = set()
        self._came: list[tuple[str, str, DXO]] = []
        self.results: dict[str, dict[str, Any]] = {}

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Settle who takes part."""
        super().start_controller(fl_ctx)
        self.measuring = self.chosen(self.evaluators, self.sites)
        self.measured = self.chosen(self.evaluatees, self.sites)
        self.owner = self.chosen([self.global_model_client or self.sites[0]], self.sites)[0]

    def process_config_reply(self, client_name: str, reply: Shareable, fl_ctx: FLContext) -> bool:
        """Note which of the job's models there are."""
        if client_name == self.owner:
            self._names = list(reply.get(Constant.GLOBAL_NAMES) or ())
        return True

    def begin(self, fl_ctx: FLContext, abort_signal: Signal) -> None:
        """Send each model round, and wait until all have measured it."""
        models = [(self.owner, ModelType.GLOBAL, name) for name in self._names]
        models += [(site, ModelType.LOCAL, ModelName.BEST_MODEL) for site in self.measured]
        for owner, kind, name in models:
            if abort_signal.triggered:
                return
            if owner in self.lost:
                continue
            with self.told:
                self._waited = {site for site in self.measuring if site not in self.lost}
            data = aside(
                {
                    Constant.MODEL_TYPE: kind,
                    Constant.MODEL_NAME: name,
                    Constant.EVALUATORS: sorted(self._waited),
                }
            )
            task = Task(
                name=task_name(self.task_name_prefix, Constant.BASENAME_PREP_MODEL), data=data
            )
            self.send_and_wait(task, fl_ctx, targets=[owner], abort_signal=abort_signal)
            result = task.client_tasks[-1].result if task.client_tasks else None
            if result is None or result.get_return_code() != ReturnCode.OK:
                said = f"{owner} has no {kind} model `{name}`: nobody measures it"
                self._engine.watcher.note(said)
                self.log_warning(fl_ctx, said)
                self._waited = set()
                continue
            self.await_end(abort_signal, fl_ctx)
            self._publish(fl_ctx)
        self._write(fl_ctx)

    def follow(self, site: str, status: Shareable) -> None:
        """Take what a site measured."""
        if status[Constant.ACTION] == Action.EVALUATED:
            self._waited.discard(site)
            whose = status[Constant.MODEL_OWNER]
            headers = {AppConstants.MODEL_OWNER: whose}
            self.rounds.did(site, AppConstants.TASK_VALIDATION, headers, status)
            self._came.append((site, whose, DXO(DataKind.METRICS, data=status[Constant.RESULT])))
        elif status[Constant.ACTION] == Action.FAILED:
            self._waited.discard(site)

    def finished(self) -> bool:
        """Whether all have measured the model that goes round."""
        return not self._waited - self.lost.keys()

    def _publish(self, fl_ctx: FLContext) -> None:
        with self.told:
            came, self._came = sorted(self._came, key=lambda each: each[0]), []
        for site, whose, dxo in came:
            self.results.setdefault(site, {})[whose] = dxo.data
            for key, value in (
                (AppConstants.MODEL_OWNER, whose),
                (AppConstants.DATA_CLIENT, site),
                (AppConstants.VALIDATION_RESULT, dxo.to_shareable()),
            ):
                fl_ctx.put(key, value, private=True, sticky=False)
            self.fire_event(AppEventType.VALIDATION_RESULT_RECEIVED, fl_ctx)

    def _write(self, fl_ctx: FLContext) -> None:
        """Write the table, if no component does."""
        every = self._engine.get_all_components().values()
        if not any(isinstance(each, ValidationJsonGenerator) for each in every):
            run = Path(fl_ctx.get_workspace().get_run_dir(fl_ctx.get_job_id()))
            file = within(run, f"{self.eval_result_dir}/cross_val_results.json")
            file.write_text(json.dumps(self.results, default=plain))


class CrossSiteEvalClientController(ClientSideController):
    """Gives its models to peers, and measures theirs."""

    def __init__(
        self,
        task_name_prefix: str = Constant.TN_PREFIX_CROSS_SITE_EVAL,
        submit_model_task_name: str = AppConstants.TASK_SUBMIT_MODEL,
        validation_task_name: str = AppConstants.TASK_VALIDATION,
        persistor_id: str = AppConstants.DEFAULT_PERSISTOR_ID,
        get_model_timeout: float = Constant.GET_MODEL_TIMEOUT,
    ) -> None:
        """The task names are those by which the site's executor gives and measures a model.

        `get_model_timeout` is kept for jobs that set it.
        """
        super().__init__(task_name_prefix, "", persistor_id, "")
        self.submit_model_task_name = submit_model_task_name
        self.validation_task_name = validation_task_name

    def deeds(self) -> dict[str, Any]:
        """What is done for each task."""
        return {
            **super().deeds(),
            Constant.BASENAME_PREP_MODEL: self._send_model,
            Constant.BASENAME_EVAL: self._asked_to_measure,
        }

    def process_config(self, fl_ctx: FLContext) -> Shareable | None:
        """Say which of the job's models this site has."""
        reply = make_reply(ReturnCode.OK)
        if isinstance(self.persistor, ModelPersistor):
            reply[Constant.GLOBAL_NAMES] = list(self.persistor.get_model_inventory(fl_ctx))
        return reply

    def start_workflow(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        """The server begins."""
        return None

    def _send_model(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        """Give a model to all that measure it."""
        kind, name = data[Constant.MODEL_TYPE], data[Constant.MODEL_NAME]
        model = (
            self._global(name, fl_ctx) if kind == ModelType.GLOBAL else self._local(name, fl_ctx)
        )
        if model is None:
            return make_reply(ReturnCode.EMPTY_RESULT)
        whose = self.me if kind == ModelType.LOCAL else GLOBAL_OWNER + name
        for site in data[Constant.EVALUATORS]:
            sent = model.to_shareable()
            sent.set_header(Constant.MODEL_OWNER, whose)
            sent.set_header(AppConstants.VALIDATE_TYPE, ValidateType.MODEL_VALIDATE)
            self.tell(site, Constant.BASENAME_EVAL, sent)
        return None

    def _global(self, name: str, fl_ctx: FLContext) -> DXO | None:
        if not isinstance(self.persistor, ModelPersistor):
            return None
        found = self.persistor.get(name, fl_ctx)
        return None if found is None else model_learnable_to_dxo(found)

    def _local(self, name: str, fl_ctx: FLContext) -> DXO | None:
        asked = Shareable()
        asked.set_header(AppConstants.SUBMIT_MODEL_NAME, name)
        result = self.engine.site.do(self.submit_model_task_name, asked, fl_ctx)
        return from_shareable(result) if result.get_return_code() == ReturnCode.OK else None

    def _asked_to_measure(self, data: Shareable, fl_ctx: FLContext) -> Shareable | None:
        self.later(lambda: self._measure(data))
        return None

    def _measure(self, data: Shareable) -> None:
        fl_ctx, begun = self.engine.new_context(), time.perf_counter()
        result = self.engine.site.do(self.validation_task_name, data, fl_ctx)
        told = summary(result, time.perf_counter() - begun)
        told[Constant.RESULT] = from_shareable(result).data
        whose = data.get_header(Constant.MODEL_OWNER)
        self.report(Action.EVALUATED, **{**told, Constant.MODEL_OWNER: whose})
