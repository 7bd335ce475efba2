"""Recipes of other workflows than federated averaging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from ame import errors
from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.components.generators import FullModelShareableGenerator
from ame.federation.job.fedjob import FedJob
from ame.federation.job.script_runner import FrameworkType
from ame.federation.model import ExchangeFormat, TransferType
from ame.federation.recipes.options import Client, ClientOptions, Model, given_once, unmade
from ame.federation.recipes.recipe import ModelRecipe, Recipe
from ame.federation.spec.dxo import DataKind
from ame.federation.workflows.averaging.newton import FedAvgLR, LRModelPersistor
from ame.federation.workflows.averaging.scaffold import Scaffold
from ame.federation.workflows.command import CmdTaskController
from ame.federation.workflows.cyclic import CyclicController
from ame.federation.workflows.scatter_and_gather import ScatterAndGather

if TYPE_CHECKING:
    from collections.abc import Mapping


class FedOptRecipe(Recipe):
    """Federated averaging whose server takes the mean difference as a gradient (torch).

    Args:
        name: of the job.
        min_clients: how many clients take part in a round, at least.
        train_script: what each client runs; differences of models are sent.
        num_rounds: how many rounds.
        model: a torch module.
        initial_ckpt: a file with its weights, at the server.
        aggregator: instead of the weighted mean.
        device: where the optimizer computes.
        source_model: the id of the model.
        optimizer_args: `{"path": "torch.optim.SGD", "args": {"lr": 1.0}}`.
        lr_scheduler_args: the same for a schedule.
        server_memory_gc_rounds: after how many rounds the server's memory is swept.
        enable_tensor_disk_offload: accepted; memory does not grow with the clients.
        client: settings of the script.
    """

    def __init__(
        self,
        *,
        name: str = "fedopt",
        min_clients: int,
        train_script: str,
        num_rounds: int = 2,
        model: Any = None,
        initial_ckpt: str | None = None,
        aggregator: Any = None,
        device: str | None = None,
        source_model: str = "model",
        optimizer_args: dict[str, Any] | None = None,
        lr_scheduler_args: dict[str, Any] | None = None,
        server_memory_gc_rounds: int = 1,
        enable_tensor_disk_offload: bool = False,
        **client: Unpack[ClientOptions],
    ) -> None:
        """Makes the job."""
        from ame.federation.workflows.averaging.fedopt_torch import PTFedOptModelShareableGenerator

        options = {**client, "params_transfer_type": TransferType.DIFF}
        script = Client(train_script=train_script, framework=FrameworkType.PYTORCH, **options)  # type: ignore[arg-type]  # the keys are the same
        job = FedJob(name=name, min_clients=min_clients)
        super().__init__(job, script)
        if model is None:
            raise errors.JobInvalid("the job has no model to begin with; give `model`")
        job.to_server(model, id=source_model)
        self.comp_ids |= Model(
            framework=script.framework,
            model=source_model,
            initial_ckpt=initial_ckpt,
            tensors=script.server_expected_format is ExchangeFormat.PYTORCH,
        ).give(job)
        job.to_server(
            ScatterAndGather(
                min_clients=min_clients,
                num_rounds=num_rounds,
                wait_time_after_min_received=0,
                persistor_id=self.comp_ids["persistor_id"],
                shareable_generator_id=job.to_server(
                    PTFedOptModelShareableGenerator(
                        optimizer_args=unmade(optimizer_args),
                        lr_scheduler_args=unmade(lr_scheduler_args),
                        source_model=source_model,
                        device=device,
                    ),
                    id="shareable_generator",
                ),
                aggregator_id=job.to_server(
                    aggregator
                    or InTimeAccumulateWeightedAggregator(expected_data_kind=DataKind.WEIGHT_DIFF),
                    id="aggregator",
                ),
                memory_gc_rounds=server_memory_gc_rounds,
                enable_tensor_disk_offload=enable_tensor_disk_offload,
            )
        )


class ScaffoldRecipe(ModelRecipe):
    """Federated averaging with control variates (Karimireddy et al. 2020, arXiv:1910.06378).

    The script uses the helper of its framework, and sends its difference of controls in the
    model's metadata.
    """

    def __init__(
        self,
        *,
        name: str = "scaffold",
        min_clients: int,
        train_script: str,
        num_rounds: int = 2,
        model: Any = None,
        initial_ckpt: str | None = None,
        server_memory_gc_rounds: int = 0,
        enable_tensor_disk_offload: bool = False,
        **client: Unpack[ClientOptions],
    ) -> None:
        """Makes the job; the arguments are those of `FedOptRecipe`."""
        super().__init__(
            name=name,
            min_clients=min_clients,
            train_script=train_script,
            model=model,
            initial_ckpt=initial_ckpt,
            **client,
        )
        self.job.to_server(
            Scaffold(
                num_clients=min_clients,
                num_rounds=num_rounds,
                persistor_id=self.comp_ids["persistor_id"],
                memory_gc_rounds=server_memory_gc_rounds,
                enable_tensor_disk_offload=enable_tensor_disk_offload,
            )
        )


class CyclicRecipe(ModelRecipe):
    """The model goes from client to client; each trains what the one before it sent.

    Args:
        name: of the job.
        min_clients: how many clients take part, at least.
        train_script: what each client runs.
        num_rounds: how often the model goes round.
        model: what to begin with.
        initial_model: an older name of that.
        initial_ckpt: a file with its weights, at the server.
        framework: of the script's parameters.
        task_assignment_timeout: seconds in which a client is to take the task.
        server_memory_gc_rounds: after how many rounds the server's memory is swept.
        server_config_overrides: further arguments of the controller.
        client_config_overrides: further settings of the script.
        client: settings of the script.
    """

    default_framework = FrameworkType.NUMPY

    def __init__(
        self,
        *,
        name: str = "cyclic",
        min_clients: int = 2,
        train_script: str,
        num_rounds: int = 2,
        model: Any = None,
        initial_model: Any = None,
        initial_ckpt: str | None = None,
        framework: FrameworkType | None = None,
        task_assignment_timeout: int = 10,
        server_memory_gc_rounds: int = 1,
        server_config_overrides: dict[str, Any] | None = None,
        client_config_overrides: Mapping[str, Any] | None = None,
        **client: Unpack[ClientOptions],
    ) -> None:
        """Makes the job."""
        options: Any = {**client, **(client_config_overrides or {})}
        super().__init__(
            name=name,
            min_clients=min_clients,
            train_script=train_script,
            model=given_once(model=model, initial_model=initial_model),
            initial_ckpt=initial_ckpt,
            framework=framework,
            **options,
        )
        settings = {
            "num_rounds": num_rounds,
            "task_assignment_timeout": task_assignment_timeout,
            "persistor_id": self.comp_ids["persistor_id"],
            "shareable_generator_id": self.job.to_server(
                FullModelShareableGenerator(), id="shareable_generator"
            ),
            "memory_gc_rounds": server_memory_gc_rounds,
            **(server_config_overrides or {}),
        }
        self.job.to_server(CyclicController(**settings))


class FedAvgLrRecipe(Recipe):
    """Logistic regression by Newton's method: scripts send `gradient` and `hessian`.

    Args:
        name: of the job.
        min_clients: how many clients there are.
        num_rounds: how many steps.
        damping_factor: see `FedAvgLR`.
        num_features: how many weights there are beside the bias.
        initial_ckpt: a file of the server's with weights to begin with.
        train_script: what each client runs.
        client: settings of the script, see `ClientOptions`.
    """

    def __init__(
        self,
        *,
        name: str = "lr_fedavg",
        min_clients: int,
        num_rounds: int = 2,
        damping_factor: float = 0.8,
        num_features: int = 13,
        initial_ckpt: str | None = None,
        train_script: str,
        **client: Unpack[ClientOptions],
    ) -> None:
        """Makes the job."""
        client.setdefault("server_expected_format", ExchangeFormat.RAW)
        script = Client(train_script=train_script, framework=FrameworkType.RAW, **client)
        job = FedJob(name=name, min_clients=min_clients)
        super().__init__(job, script)
        persistor = LRModelPersistor(
            n_features=num_features, source_ckpt_file_full_name=initial_ckpt
        )
        self.comp_ids["persistor_id"] = job.to_server(persistor, id="lr_persistor")
        job.to_server(
            FedAvgLR(
                damping_factor=damping_factor,
                n_features=num_features,
                num_clients=min_clients,
                num_rounds=num_rounds,
                persistor_id="lr_persistor",
            )
        )


class FlowerRecipe(Recipe):
    """A Flower app, on simulated sites."""

    def __init__(
        self,
        flower_content: str | None = None,
        flower_app_path: str | None = None,
        name: str = "flower_job",
        min_clients: int = 1,
        mandatory_clients: list[str] | None = None,
        **settings: Any,
    ) -> None:
        """Takes what `FlowerJob` takes: `flower_content` is the folder of the app."""
        from ame.federation.flower.apps.job import FlowerJob

        content: dict[str, Any] = {
            "flower_content": flower_content,
            "flower_app_path": flower_app_path,
        }
        job = FlowerJob(
            name=name,
            min_clients=min_clients,
            mandatory_clients=mandatory_clients,
            **{key: value for key, value in content.items() if value is not None},
            **settings,
        )
        super().__init__(job)


class FedTaskRecipe(Recipe):
    """One task, which sites do by a script; there is no model."""

    def __init__(
        self,
        *,
        name: str = "fed_task",
        task_name: str = "task",
        min_clients: int,
        num_clients: int | None = None,
        min_responses: int | None = None,
        timeout: int = 0,
        task_data: dict[str, Any] | None = None,
        task_meta: dict[str, Any] | None = None,
        task_script: str,
        task_args: str = "",
        framework: FrameworkType = FrameworkType.RAW,
        **client: Unpack[ClientOptions],
    ) -> None:
        """The task is `CmdTaskController`'s; the script is told of it by `flare.receive()`."""
        client.setdefault("train_args", task_args)
        client.setdefault("server_expected_format", ExchangeFormat.RAW)
        script = Client(train_script=task_script, framework=framework, **client)
        super().__init__(FedJob(name=name, min_clients=min_clients), script)
        self.job.to_server(
            CmdTaskController(
                task_name=task_name,
                task_data=task_data,
                task_meta=task_meta,
                num_clients=num_clients,
                min_responses=min_responses,
                timeout=timeout,
                persistor_id="",
            )
        )
