"""Recipes for XGBoost: trees by bagging or in a cycle, and common histograms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.boosting.executor import MODES, FedXGBTreeExecutor
from ame.federation.boosting.histograms import FedXGBHistogramExecutor, XGBFedController
from ame.federation.boosting.trees import (
    XGBBaggingAggregator,
    XGBModelPersistor,
    XGBModelShareableGenerator,
)
from ame.federation.job.fedjob import FedJob
from ame.federation.recipes.recipe import Recipe
from ame.federation.workflows.cyclic import CyclicController
from ame.federation.workflows.scatter_and_gather import ScatterAndGather

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULTS = {
    "max_depth": 8,
    "eta": 0.1,
    "objective": "binary:logistic",
    "eval_metric": "auc",
    "tree_method": "hist",
}


class _Boosting(Recipe, ABC):
    """Every site has a loader of its own, under `data_loader` in `per_site_config`."""

    def __init__(
        self, job: FedJob, data_loader_id: str, per_site_config: Mapping[str, Any] | None
    ) -> None:
        super().__init__(job)
        self._data_loader_id = data_loader_id
        if per_site_config is not None:
            self.set_per_site_config(per_site_config)

    def set_per_site_config(self, config: Any) -> None:
        """Gives each site its `data_loader`, and maybe its `lr_scale`.

        Raises:
            errors.JobInvalid (ValueError): a site has no loader.
        """
        super().set_per_site_config(config)
        for site, settings in config.items():
            if settings.get("data_loader") is None:
                raise errors.JobInvalid(f"`per_site_config` of {site} needs a `data_loader`")

    def settle(self) -> None:
        """Gives sites their parts.

        Raises:
            errors.JobInvalid (ValueError): it was not said which sites there are.
        """
        if self._settled:
            return
        if not self._sites:
            raise errors.JobInvalid(
                "say which sites there are, each with its `data_loader`: `set_per_site_config(…)`"
            )
        super().settle()
        for site, settings in self._sites.items():
            self.job.to(self._executor(settings), site)
            self.job.to(settings["data_loader"], site, id=self._data_loader_id)

    @abstractmethod
    def _executor(self, settings: Mapping[str, Any]) -> Any:
        """Of a site with these settings."""


class XGBBaggingRecipe(_Boosting):
    """All sites grow trees on one model side by side, or one after the other (`cyclic`).

    Args:
        name: of the job.
        min_clients: how many sites a round needs.
        training_mode: `bagging` or `cyclic`.
        num_rounds: 1 of bagging, 100 of a cycle, unless given.
        num_client_bagging: how many sites grow trees in a round: `min_clients`.
        num_local_parallel_tree: trees of a site and round.
        local_subsample: the part of rows for each tree.
        learning_rate: of all sites together.
        objective: XGBoost's.
        max_depth: XGBoost's.
        eval_metric: XGBoost's.
        tree_method: XGBoost's.
        use_gpus: whether trees are grown on GPUs.
        nthread: XGBoost's.
        lr_mode: `uniform` or `scaled`, by each site's `lr_scale`.
        save_name: of the model's file.
        data_loader_id: under which loaders are given to sites.
        per_site_config: see `set_per_site_config`.

    Raises:
        errors.JobInvalid (ValueError): an argument cannot be.
    """

    def __init__(
        self,
        name: str,
        min_clients: int,
        training_mode: str = "bagging",
        num_rounds: int | None = None,
        num_client_bagging: int | None = None,
        num_local_parallel_tree: int = 1,
        local_subsample: float = 0.8,
        learning_rate: float = 0.1,
        objective: str = "binary:logistic",
        max_depth: int = 8,
        eval_metric: str = "auc",
        tree_method: str = "hist",
        use_gpus: bool = False,
        nthread: int = 16,
        lr_mode: str = "uniform",
        save_name: str = "xgboost_model.json",
        data_loader_id: str = "dataloader",
        per_site_config: Mapping[str, Any] | None = None,
    ) -> None:
        """Makes the server's side."""
        if training_mode not in MODES:
            raise errors.JobInvalid(f"`training_mode` is {training_mode!r}; give one of {MODES}")
        cyclic = training_mode == "cyclic"
        if cyclic and min_clients < 2:
            raise errors.JobInvalid("`min_clients` must be 2 or more, for models to go round")
        self._settings: dict[str, Any] = {
            "training_mode": training_mode,
            "num_client_bagging": num_client_bagging or min_clients,
            "num_local_parallel_tree": num_local_parallel_tree,
            "local_subsample": local_subsample,
            "learning_rate": learning_rate,
            "objective": objective,
            "max_depth": max_depth,
            "eval_metric": eval_metric,
            "tree_method": tree_method,
            "use_gpus": use_gpus,
            "nthread": nthread,
            "lr_mode": lr_mode,
        }
        job = FedJob(name=name, min_clients=min_clients)
        if cyclic:
            cycle = CyclicController(num_rounds=num_rounds or 100, task_assignment_timeout=0)
            job.to_server(cycle)
        else:
            job.to_server(_bagging(min_clients, num_rounds or 1))
            job.to_server(XGBBaggingAggregator(), id="aggregator")
        job.to_server(XGBModelPersistor(save_name), id="persistor")
        job.to_server(XGBModelShareableGenerator(), id="shareable_generator")
        super().__init__(job, data_loader_id, per_site_config)

    def _executor(self, settings: Mapping[str, Any]) -> FedXGBTreeExecutor:
        return FedXGBTreeExecutor(
            lr_scale=settings.get("lr_scale", 1.0),
            data_loader_id=self._data_loader_id,
            **self._settings,
        )


def _bagging(min_clients: int, rounds: int) -> ScatterAndGather:
    """Rounds in which sites grow trees side by side."""
    return ScatterAndGather(
        min_clients=min_clients,
        num_rounds=rounds,
        wait_time_after_min_received=0,
        aggregator_id="aggregator",
        persistor_id="persistor",
        shareable_generator_id="shareable_generator",
        allow_empty_global_weights=True,
    )


class XGBHorizontalRecipe(_Boosting):
    """The trees are those of one training on all rows: XGBoost adds up the sites' histograms."""

    def __init__(
        self,
        name: str,
        min_clients: int,
        num_rounds: int,
        early_stopping_rounds: int = 2,
        use_gpus: bool = False,
        secure: bool = False,
        client_ranks: dict[str, int] | None = None,
        xgb_params: dict[str, Any] | None = None,
        data_loader_id: str = "dataloader",
        metrics_writer_id: str = "metrics_writer",
        per_site_config: Mapping[str, Any] | None = None,
    ) -> None:
        """Makes the server's side.

        Args:
            name: of the job.
            min_clients: how many sites there are; all are needed to the end.
            num_rounds: how many iterations.
            early_stopping_rounds: iterations without a better metric after which it ends; 0: none.
            use_gpus: whether trees are grown on GPUs.
            secure: must be False.
            client_ranks: the sites' numbers, from 0.
            xgb_params: parameters of XGBoost.
            data_loader_id: under which loaders are given to sites.
            metrics_writer_id: accepted; metrics reach the run.
            per_site_config: see `set_per_site_config`.

        Raises:
            errors.JobInvalid (ValueError): an argument cannot be.
        """
        job = FedJob(name=name, min_clients=min_clients)
        job.to_server(
            XGBFedController(
                num_rounds=num_rounds,
                data_split_mode=0,
                secure_training=secure,
                xgb_params=xgb_params or DEFAULTS,
                xgb_options={"early_stopping_rounds": early_stopping_rounds, "use_gpus": use_gpus},
                client_ranks=client_ranks,
            )
        )
        super().__init__(job, data_loader_id, per_site_config)

    def _executor(self, settings: Mapping[str, Any]) -> FedXGBHistogramExecutor:
        return FedXGBHistogramExecutor(data_loader_id=self._data_loader_id)
