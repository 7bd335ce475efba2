"""`FedXGBTreeExecutor`: a site grows trees on the model of all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.boosting.data import XGBDataLoader
from ame.federation.boosting.trees import MODEL, masked
from ame.federation.components.persistors.files import app_folder, within
from ame.federation.run.found import component
from ame.federation.spec.dxo import DXO, DataKind, MetaKey, from_shareable
from ame.federation.spec.executor import Executor
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import EventType
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply

if TYPE_CHECKING:
    from ame.federation.spec.context import FLContext
    from ame.federation.spec.task import Signal

MODES = ("bagging", "cyclic")


class FedXGBTreeExecutor(Executor):
    """By bagging, all sites grow trees on one model; in a cycle, one site after the other.

    Before it trains, a site measures the model that came on the data that it validates on; in a
    cycle, what it has made of it.
    """

    def __init__(
        self,
        training_mode: str,
        lr_scale: float,
        data_loader_id: str,
        num_client_bagging: int = 1,
        lr_mode: str = "uniform",
        local_model_path: str = "model.json",
        global_model_path: str = "model_global.json",
        learning_rate: float = 0.1,
        objective: str = "binary:logistic",
        num_local_parallel_tree: int = 1,
        local_subsample: float = 1,
        max_depth: int = 8,
        eval_metric: str = "auc",
        nthread: int = 16,
        tree_method: str = "hist",
        train_task_name: str = AppConstants.TASK_TRAIN,
        use_gpus: bool = False,
    ) -> None:
        """How trees are grown; most are parameters of XGBoost.

        Args:
            training_mode: `bagging` or `cyclic`.
            lr_scale: this site's share of the learning rate, with `lr_mode="scaled"`.
            data_loader_id: of an `XGBDataLoader` of the site.
            num_client_bagging: how many sites grow trees in a round.
            lr_mode: `uniform`: each has the same share of the rate; `scaled`: `lr_scale`.
            local_model_path: where the site keeps what it grew, in its app's folder.
            global_model_path: accepted; the model of all is the server's to keep.
            learning_rate: of all sites together.
            objective: XGBoost's.
            num_local_parallel_tree: trees of a site and round: a forest.
            local_subsample: the part of rows for each tree.
            max_depth: XGBoost's.
            eval_metric: XGBoost's.
            nthread: XGBoost's; in the simulator threads of a worker are bounded besides.
            tree_method: XGBoost's.
            train_task_name: the task.
            use_gpus: whether trees are grown on a GPU.

        Raises:
            errors.JobInvalid (ValueError): a mode is unknown.
        """
        super().__init__()
        if training_mode not in MODES:
            raise errors.JobInvalid(f"`training_mode` is {training_mode!r}; give one of {MODES}")
        if lr_mode not in {"uniform", "scaled"}:
            raise errors.JobInvalid(f"`lr_mode` is {lr_mode!r}; give uniform or scaled")
        self.training_mode = training_mode
        self.data_loader_id = data_loader_id
        self.local_model_path = local_model_path
        self.train_task_name = train_task_name
        rate = learning_rate
        if training_mode == "bagging":
            rate *= lr_scale if lr_mode == "scaled" else 1 / num_client_bagging
        self._params: dict[str, Any] = {
            "objective": objective,
            "eta": rate,
            "max_depth": max_depth,
            "eval_metric": eval_metric,
            "nthread": nthread,
            "num_parallel_tree": num_local_parallel_tree,
            "subsample": local_subsample,
            "tree_method": tree_method,
        }
        if objective.startswith(("binary:", "multi:")):
            self._params["base_score"] = 0.5  # every site's trees stand on the same
        if use_gpus:
            self._params["device"] = "cuda"
        self._data: Any = None

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Lets go of the data at the end."""
        if event_type == EventType.END_RUN:
            self._data = None

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Grow trees on the model that came."""
        if task_name != self.train_task_name:
            return make_reply(ReturnCode.TASK_UNKNOWN)
        import xgboost

        if self._data is None:
            self._data = self._load(fl_ctx)
        train, valid = self._data
        model = from_shareable(shareable).data.get(MODEL)
        bagging = self.training_mode == "bagging"
        booster = xgboost.Booster(self._params, [train, valid])
        if model:
            booster.load_model(bytearray(model))
        had = booster.num_boosted_rounds() if model else 0
        measured = _measured(booster, valid) if bagging and had else {}
        booster.update(train, had)
        if not bagging:
            measured = _measured(booster, valid)
        grown = masked(bytes((booster[had:] if bagging and had else booster).save_raw("json")))
        within(app_folder(fl_ctx), self.local_model_path).write_bytes(grown)
        made = DXO(DataKind.WEIGHTS, data={MODEL: grown})
        made.set_meta_prop(MetaKey.NUM_STEPS_CURRENT_ROUND, train.num_row())
        if measured:
            made.set_meta_prop(MetaKey.INITIAL_METRICS, measured)
        return made.to_shareable()

    def _load(self, fl_ctx: FLContext) -> tuple[Any, Any]:
        loader = component(fl_ctx.get_engine(), self.data_loader_id, XGBDataLoader)  # type: ignore[type-abstract]  # what is found is asked for its kind
        site = fl_ctx.get_identity_name()
        loader.initialize(client_id=site, rank=rank_of(fl_ctx))
        return loader.load_data()


def rank_of(fl_ctx: FLContext) -> int:
    """The number of a site among all, from 0."""
    names = [each.name for each in fl_ctx.get_engine().get_clients()]
    site = fl_ctx.get_identity_name()
    if site in names:
        return names.index(site)
    numbers = re.findall(r"\d+$", site)
    return int(numbers[0]) - 1 if numbers else 0


def _measured(booster: Any, valid: Any) -> dict[str, float]:
    """XGBoost's metrics on the data that is validated on."""
    said = booster.eval_set([(valid, "valid")], booster.num_boosted_rounds() - 1)
    return {
        name.removeprefix("valid-"): float(value)
        for name, _, value in (each.rpartition(":") for each in said.split("\t")[1:])
    }
