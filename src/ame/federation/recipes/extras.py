"""What is added to a recipe: tracking, evaluation, settings of sites."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.components.validation import ValidationJsonGenerator
from ame.federation.recipes.options import served
from ame.federation.spec.analytics import ANALYTIC_EVENT_TYPE
from ame.federation.workflows.cross_site import CrossSiteModelEval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.federation.recipes.recipe import Recipe


def set_per_site_config(recipe: Recipe, config: Mapping[str, Mapping[str, Any]]) -> None:
    """See `Recipe.set_per_site_config`."""
    recipe.set_per_site_config(config)


def set_recipe_meta(recipe: Recipe, key: Any, value: Any) -> None:
    """Sets what `meta.json` says under `key`."""
    job = recipe.job
    job.meta_props = {**job.meta_props, str(getattr(key, "value", key)): value}


_RECEIVERS = {
    "mlflow": "app_opt.tracking.mlflow.mlflow_receiver.MLflowReceiver",
    "tensorboard": "app_opt.tracking.tb.tb_receiver.TBAnalyticsReceiver",
    "wandb": "app_opt.tracking.wandb.wandb_receiver.WandBReceiver",
}


def add_experiment_tracking(
    recipe: Recipe,
    tracking_type: str,
    tracking_config: dict[str, Any] | None = None,
    client_side: bool = False,
    server_side: bool = True,
    clients: list[str] | None = None,
) -> None:
    """Adds a receiver of what scripts record. Metrics are in the job's own run without it.

    Args:
        recipe: the recipe.
        tracking_type: `mlflow`, `tensorboard` or `wandb`.
        tracking_config: arguments of the receiver.
        client_side: whether each client has one for itself.
        server_side: whether the server has one for all.
        clients: which clients have one; all if None.

    Raises:
        errors.JobInvalid (ValueError): the type is unknown, or there is no side.
        errors.Unsupported: `ame` has no such receiver.

    """
    if tracking_type not in _RECEIVERS:
        raise errors.JobInvalid(
            f"`tracking_type` is {tracking_type!r}; it is one of {', '.join(_RECEIVERS)}"
        )
    if not (client_side or server_side):
        raise errors.JobInvalid("nothing is tracked; set `server_side`, `client_side` or both")
    if clients is not None and not client_side:
        raise errors.JobInvalid("`clients` is for tracking at clients; set `client_side=True`")
    receiver = served(_RECEIVERS[tracking_type])
    settings = copy.deepcopy(tracking_config or {})
    if tracking_type == "mlflow":
        settings.setdefault("kw_args", {}).setdefault(
            "experiment_name", f"{recipe.name}-experiment"
        )
    if server_side:
        recipe.job.to_server(receiver(**copy.deepcopy(settings)), id="receiver")
    if client_side:
        own = {"events": [ANALYTIC_EVENT_TYPE], **settings}
        recipe.add_to_clients(receiver(**own), clients, id="client_receiver")


def add_cross_site_evaluation(
    recipe: Recipe,
    submit_model_timeout: int = 600,
    validation_timeout: int = 6000,
    participating_clients: list[str] | None = None,
) -> None:
    """After the training, has each client evaluate the server's models and those of all clients.

    The script answers `is_evaluate()` with metrics and `is_submit_model()` with its best model.

    Args:
        recipe: the recipe.
        submit_model_timeout: seconds in which clients are to submit their models.
        validation_timeout: seconds in which they are to evaluate one.
        participating_clients: who takes part; all if None.

    Raises:
        errors.JobConflict (RuntimeError): it is part of the recipe already.
        errors.JobInvalid (ValueError): the recipe's models cannot be found.

    """
    _evaluate(
        recipe,
        submit_model_timeout=submit_model_timeout,
        validation_timeout=validation_timeout,
        participating_clients=participating_clients,
    )


def add_final_global_evaluation(
    recipe: Recipe,
    participating_clients: list[str] | None = None,
    validation_timeout: int = 6000,
) -> None:
    """After the training, has clients evaluate the server's models; they submit none of their own.

    Raises:
        errors.JobConflict (RuntimeError): an evaluation is part of the recipe already.
        errors.JobInvalid (ValueError): the recipe's models cannot be found, or there are no
            clients.

    """
    if participating_clients is not None and not participating_clients:
        raise errors.JobInvalid("`participating_clients` is empty; leave it out for all clients")
    _evaluate(
        recipe,
        submit_model_task_name="",
        validation_timeout=validation_timeout,
        participating_clients=participating_clients,
    )


def _evaluate(recipe: Recipe, **settings: Any) -> None:
    if recipe.evaluated:
        raise errors.JobConflict("an evaluation is part of this recipe already; add it once")
    if "locator_id" not in recipe.comp_ids:
        raise errors.JobInvalid(
            "the recipe's models cannot be found for evaluation: its persistor is of your own; "
            "give `model_locator` too"
        )
    recipe.evaluated = True
    recipe.job.to_server(
        CrossSiteModelEval(model_locator_id=recipe.comp_ids["locator_id"], **settings)
    )
    recipe.job.to_server(ValidationJsonGenerator(), id="json_generator")
