"""Who measured what on whose model, as a JSON file."""

import json
from typing import Any

from ame.federation.components.persistors.files import run_folder, within
from ame.federation.spec.component import Widget
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind, from_file, from_shareable, get_leaf_dxos
from ame.federation.spec.learnable import Formatter
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import AppEventType, EventType
from ame.federation.spec.shareable import Shareable


class ValidationJsonGenerator(Widget):
    """Writes `{site whose data: {model: metrics}}` to `cross_site_val/cross_val_results.json`."""

    def __init__(
        self,
        results_dir: str = AppConstants.CROSS_VAL_DIR,
        json_file_name: str = "cross_val_results.json",
    ) -> None:
        """The folder is one in that of the run."""
        super().__init__()
        self.results_dir = results_dir
        self.json_file_name = json_file_name
        self._results: dict[str, dict[str, Any]] = {}

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Take results; write them at the end of the run."""
        if event_type == EventType.START_RUN:
            self._results.clear()
        elif event_type == AppEventType.VALIDATION_RESULT_RECEIVED:
            self._take(fl_ctx)
        elif event_type == EventType.END_RUN:
            file = within(run_folder(fl_ctx), f"{self.results_dir}/{self.json_file_name}")
            file.write_text(json.dumps(self._results, default=plain))

    def _take(self, fl_ctx: FLContext) -> None:
        owner = fl_ctx.get_prop(AppConstants.MODEL_OWNER)
        site = fl_ctx.get_prop(AppConstants.DATA_CLIENT)
        result = fl_ctx.get_prop(AppConstants.VALIDATION_RESULT)
        if not (owner and site and isinstance(result, Shareable)):
            self.log_error(fl_ctx, f"a result of `{site}` on the model of `{owner}` is left out")
            return
        try:
            dxo = from_shareable(result)
        except ValueError as error:
            self.log_error(fl_ctx, f"what {site} measured on {owner} is left out: {error}")
            return
        if dxo.data_kind == DataKind.METRICS:
            self._results.setdefault(site, {})[owner] = dxo.data
            return
        leaves, wrong = get_leaf_dxos(dxo, site)
        for each in wrong:
            self.log_error(fl_ctx, f"a result of {site} is left out: {each}")
        for name, leaf in leaves.items():
            self._results.setdefault(name, {})[owner] = leaf.data


class NPFormatter(Formatter):
    """Shows who measured what on whose model, for people who watch a job."""

    def format(self, fl_ctx: FLContext) -> str:
        """The text of `{site whose data: {model: metrics}}`, of the context's results.

        Each result is a DXO, or the file of one.
        """
        given = fl_ctx.get_prop(AppConstants.VALIDATION_RESULT) or {}
        shown: dict[str, dict[str, Any]] = {}
        for site, models in given.items():
            for name, result in (models or {}).items():
                dxo = result if isinstance(result, DXO) else from_file(str(result))
                if dxo.data_kind == DataKind.METRICS:
                    shown.setdefault(site, {})[name] = dxo.data
        return str(shown)


def plain(value: Any) -> Any:
    """A NumPy number as Python's, an array as a list, all else as text."""
    for name in ("item", "tolist"):
        made = getattr(value, name, None)
        if callable(made) and (name == "tolist" or getattr(value, "size", 2) == 1):
            return made()
    return str(value)
