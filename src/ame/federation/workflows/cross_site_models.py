"""Cross-site evaluation as a workflow over models."""

import json
from pathlib import Path
from typing import Any

from ame.federation.components.persistors.files import within
from ame.federation.conversion import FLModelUtils
from ame.federation.model import FLModel
from ame.federation.spec.context import FLContext
from ame.federation.spec.learnable import ModelPersistor
from ame.federation.spec.names.app import AppConstants, DefaultCheckpointFileName, ModelName
from ame.federation.spec.names.keys import MetaKey
from ame.federation.workflows.model_controller import ModelController


class CrossSiteEval(ModelController):
    """Every site measures the server's models and every other site's.

    The table, `{site whose data: {model: metrics}}`, is `cross_site_val/cross_val_results.json` in
    the run's folder.
    """

    def __init__(
        self,
        *args: Any,
        cross_val_dir: str = AppConstants.CROSS_VAL_DIR,
        submit_model_timeout: int = 600,
        validation_timeout: int = 6000,
        server_models: list[str] | None = None,
        participating_clients: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """`server_models`: those of the persistor, by name; the last one of PyTorch by default."""
        super().__init__(*args, **{"ignore_result_error": True, **kwargs})
        self.cross_val_dir = cross_val_dir
        self.submit_model_timeout = submit_model_timeout
        self.validation_timeout = validation_timeout
        self.server_models = server_models
        self.participating_clients = participating_clients
        self._measured: dict[str, dict[str, Any]] = {}

    def run(self) -> None:
        """Gather the models, then have each measured."""
        sites = self.participating_clients or self.sample_clients()
        models = self._of_server()
        asked = FLModel(params={}, meta={MetaKey.SUBMIT_MODEL_NAME: ModelName.BEST_MODEL})
        for model in self.broadcast_model(
            asked,
            task_name=AppConstants.TASK_SUBMIT_MODEL,
            targets=sites,
            timeout=self.submit_model_timeout,
        ):
            models[str(model.meta["client_name"])] = model
        for name, model in models.items():
            if self.is_aborted():
                return
            self._measure(name, model, sites)
        self.save_results()

    def _of_server(self) -> dict[str, FLModel]:
        names = (
            [DefaultCheckpointFileName.GLOBAL_MODEL]
            if self.server_models is None
            else self.server_models
        )
        found = {}
        for name in names:
            learnable = (
                self.persistor.get_model(name, self.fl_ctx)
                if isinstance(self.persistor, ModelPersistor)
                else None
            )
            if learnable is None:
                self.error(f"the server has no model `{name}`: it is left out")
            else:
                found[name] = FLModelUtils.from_model_learnable(learnable)
        return found

    def _measure(self, name: str, model: FLModel, sites: list[str]) -> None:
        asked = FLModel(
            params=model.params,
            params_type=model.params_type,
            meta={
                AppConstants.MODEL_OWNER: name,
                MetaKey.VALIDATE_TYPE: "model_validate",
            },
        )
        for result in self.broadcast_model(
            asked,
            task_name=AppConstants.TASK_VALIDATION,
            targets=sites,
            timeout=self.validation_timeout,
        ):
            site = str(result.meta["client_name"])
            self._measured.setdefault(site, {})[name] = result.metrics

    def save_results(self) -> None:
        """Write the table."""
        file = within(Path(self.get_run_dir()), f"{self.cross_val_dir}/cross_val_results.json")
        file.write_text(json.dumps(self._measured, indent=2, default=_number))

    def get_persist_state(self, fl_ctx: FLContext) -> dict[str, Any]:
        """What was measured."""
        return {"results": self._measured}

    def restore(self, state_data: dict[str, Any], fl_ctx: FLContext) -> None:
        """Go on from it."""
        self._measured = state_data["results"]


def _number(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
