"""Recipes whose models are Keras's, under the names of those for torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from ame.federation.job.script_runner import FrameworkType
from ame.federation.recipes import fedavg, workflows
from ame.federation.recipes.options import unmade
from ame.federation.recipes.recipe import ModelRecipe

if TYPE_CHECKING:
    from ame.federation.recipes.options import ClientOptions


class FedAvgRecipe(fedavg.FedAvgRecipe):
    """Federated averaging."""

    default_framework = FrameworkType.TENSORFLOW


class ScaffoldRecipe(workflows.ScaffoldRecipe):
    """Federated averaging with control variates."""

    default_framework = FrameworkType.TENSORFLOW


class CyclicRecipe(workflows.CyclicRecipe):
    """The model goes from client to client; each trains what the one before it sent."""

    default_framework = FrameworkType.TENSORFLOW


class FedOptRecipe(ModelRecipe):
    """Federated averaging whose server takes the mean difference as a gradient."""

    default_framework = FrameworkType.TENSORFLOW

    def __init__(
        self,
        *,
        name: str = "fedopt",
        min_clients: int,
        train_script: str,
        num_rounds: int = 2,
        model: Any = None,
        initial_ckpt: str | None = None,
        optimizer_args: dict[str, Any] | None = None,
        lr_scheduler_args: dict[str, Any] | None = None,
        server_memory_gc_rounds: int = 0,
        **client: Unpack[ClientOptions],
    ) -> None:
        """Makes the job; the arguments are those of `workflows.FedOptRecipe`."""
        from ame.federation.workflows.averaging.fedopt_keras import FedOpt

        super().__init__(
            name=name,
            min_clients=min_clients,
            train_script=train_script,
            model=model,
            initial_ckpt=initial_ckpt,
            **client,
        )
        given = {
            "optimizer_args": unmade(optimizer_args),
            "lr_scheduler_args": unmade(lr_scheduler_args),
        }
        self.job.to_server(
            FedOpt(
                num_clients=min_clients,
                num_rounds=num_rounds,
                persistor_id=self.comp_ids["persistor_id"],
                memory_gc_rounds=server_memory_gc_rounds,
                **{key: value for key, value in given.items() if value is not None},
            )
        )
