"""Federated averaging, for each framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack

from ame import errors
from ame.federation.job.script_runner import FrameworkType
from ame.federation.recipes.options import ClientOptions, best_by, given_once
from ame.federation.recipes.recipe import ModelRecipe
from ame.federation.workflows.averaging.fedavg import FedAvg

if TYPE_CHECKING:
    from collections.abc import Mapping

Mode = Literal["min", "max"]


class FedAvgRecipe(ModelRecipe):
    """Rounds of: send the model to clients, let their script train it, average what they send.

    Args:
        name: of the job.
        min_clients: how many clients take part in a round, at least.
        train_script: what each client runs.
        num_rounds: how many rounds.
        model: what to begin with: a torch module, a Keras model, an array or nested lists.
        initial_model: an older name of that.
        initial_ckpt: a file with its weights, at the server.
        model_persistor: keeps models, instead of the framework's own.
        model_locator: finds models, instead of the framework's own.
        framework: of the script's parameters.
        aggregator: a `ModelAggregator`, instead of the weighted mean.
        aggregator_data_kind: accepted; a mean takes models and differences alike.
        per_site_config: see `set_per_site_config`.
        key_metric: by which the best model is chosen.
        key_metric_mode: whether the greatest (`max`, the default) or the least is best.
        stop_cond: `"accuracy >= 0.9"`: the job ends when the mean of a metric is so.
        patience: rounds without a better model, by `stop_cond`, after which it ends.
        best_model_filename: where torch's best model is kept.
        save_filename: an older name of that.
        exclude_vars: parameters whose names this expression is found in are not averaged.
        aggregation_weights: how much a client counts, by its name.
        server_memory_gc_rounds: after how many rounds the server's memory is swept.
        enable_tensor_disk_offload: accepted; memory does not grow with the clients.
        fedprox_mu: FedProx's coefficient, told to the scripts in each model's metadata.
        client: settings of the script, see `ClientOptions`.

    Raises:
        errors.JobInvalid (ValueError), errors.JobTypeInvalid (TypeError): one cannot be.
    """

    def __init__(
        self,
        *,
        name: str = "fedavg",
        min_clients: int,
        train_script: str,
        num_rounds: int = 2,
        model: Any = None,
        initial_model: Any = None,
        initial_ckpt: str | None = None,
        model_persistor: Any = None,
        model_locator: Any = None,
        framework: FrameworkType | None = None,
        aggregator: Any = None,
        aggregator_data_kind: Any = None,  # noqa: ARG002  # a mean needs no telling
        per_site_config: Mapping[str, Mapping[str, Any]] | None = None,
        key_metric: str = "accuracy",
        key_metric_mode: Mode | None = None,
        stop_cond: str | None = None,
        patience: int | None = None,
        best_model_filename: str | None = None,
        save_filename: str | None = None,
        exclude_vars: str | None = None,
        aggregation_weights: dict[str, float] | None = None,
        server_memory_gc_rounds: int = 0,
        enable_tensor_disk_offload: bool = False,
        fedprox_mu: float | None = None,
        **client: Unpack[ClientOptions],
    ) -> None:
        """Makes the job."""
        kept = given_once(best_model_filename=best_model_filename, save_filename=save_filename)
        super().__init__(
            name=name,
            min_clients=min_clients,
            train_script=train_script,
            model=given_once(model=model, initial_model=initial_model),
            initial_ckpt=initial_ckpt,
            persistor=model_persistor,
            locator=model_locator,
            best_model_filename=kept,
            framework=framework,
            per_site_config=per_site_config,
            **client,
        )
        self.job.to_server(
            FedAvg(
                num_clients=min_clients,
                num_rounds=num_rounds,
                persistor_id=self.comp_ids["persistor_id"],
                aggregator=aggregator,
                stop_cond=stop_cond,
                patience=patience,
                exclude_vars=exclude_vars,
                aggregation_weights=aggregation_weights,
                memory_gc_rounds=server_memory_gc_rounds,
                enable_tensor_disk_offload=enable_tensor_disk_offload,
                fedprox_mu=fedprox_mu,
            )
        )
        self.job.to_server(best_by(key_metric, key_metric_mode), id="model_selector")


class NumpyFedAvgRecipe(FedAvgRecipe):
    """The same for NumPy. The one array of a model that is given as such is `numpy_key`."""

    default_framework = FrameworkType.NUMPY


class FedProxRecipe(FedAvgRecipe):
    """Federated averaging whose scripts draw their models to where the round began.

    The scripts find the coefficient in the metadata of each model, as `fedprox_mu`; patched
    trainers of Lightning and Hugging Face apply it by themselves.
    """

    def __init__(self, *, name: str = "fedprox", fedprox_mu: float = 0.01, **settings: Any) -> None:
        """Takes what `FedAvgRecipe` takes.

        Raises:
            errors.JobInvalid (ValueError): the coefficient is not above zero.

        """
        if not fedprox_mu > 0:
            raise errors.JobInvalid(f"`fedprox_mu` is {fedprox_mu}; it must be above 0")
        super().__init__(name=name, fedprox_mu=fedprox_mu, **settings)
