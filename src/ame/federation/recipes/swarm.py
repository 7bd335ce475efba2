"""Swarm learning as a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.components.generators import SimpleModelShareableGenerator
from ame.federation.job.script_runner import FrameworkType, ScriptRunner
from ame.federation.model import ExchangeFormat
from ame.federation.recipes.options import best_by, served
from ame.federation.recipes.recipe import Recipe
from ame.federation.spec.dxo import DataKind

if TYPE_CHECKING:
    from ame.federation.peers.config import (
        CrossSiteEvalConfig,
        SwarmClientConfig,
        SwarmServerConfig,
    )


class SwarmLearningRecipe(Recipe):
    """Federated averaging without a server's hand: clients take turns in averaging (torch).

    Args:
        name: of the job.
        model: a torch module.
        num_rounds: how many rounds.
        train_script: what each client runs.
        min_clients: how many clients take part, at least.
        initial_ckpt: a file with the model's weights, at each client.
        train_args: further arguments of `ScriptRunner`, such as `script_args`.
        do_cross_site_eval: whether clients evaluate one another's models afterwards.
        cross_site_eval_timeout: seconds in which they are to evaluate one.
        launch_external_process: whether the script is a process of its own.
        command: what stands before it then.
        memory_gc_rounds: after how many rounds memory is swept.
        cuda_empty_cache: whether unused GPU memory is given back then.
        expected_data_kind: whether models or differences are averaged.
        params_transfer_type: which of them scripts send.
        aggregation_format: the form in which they travel.
        key_metric: by which the best model is chosen; None chooses none.
        key_metric_mode: whether the greatest or the least is best.
        server_config_overrides: further arguments of `SwarmServerConfig`.
        client_config_overrides: further arguments of `SwarmClientConfig`.
        timeouts: any of the server's `start_task_timeout`, `progress_timeout`,
            `max_status_report_interval`; the others are the clients'.
    """

    def __init__(
        self,
        *,
        name: str,
        model: Any,
        num_rounds: int,
        train_script: str,
        min_clients: int,
        initial_ckpt: str | None = None,
        train_args: dict[str, Any] | None = None,
        do_cross_site_eval: bool = False,
        cross_site_eval_timeout: float = 300,
        launch_external_process: bool = False,
        command: str = "python3 -u",
        memory_gc_rounds: int = 1,
        cuda_empty_cache: bool = False,
        expected_data_kind: DataKind = DataKind.WEIGHTS,
        params_transfer_type: str = "FULL",
        aggregation_format: ExchangeFormat = ExchangeFormat.NUMPY,
        key_metric: str | None = "accuracy",
        key_metric_mode: Literal["min", "max"] = "max",
        server_config_overrides: dict[str, Any] | None = None,
        client_config_overrides: dict[str, Any] | None = None,
        **timeouts: Any,
    ) -> None:
        """Makes the job."""
        ccwf = "app_common.ccwf.ccwf_job"
        runner = ScriptRunner(
            script=train_script,
            launch_external_process=launch_external_process,
            command=command,
            memory_gc_rounds=memory_gc_rounds,
            cuda_empty_cache=cuda_empty_cache,
            server_expected_format=aggregation_format,
            params_transfer_type=params_transfer_type,
            **(train_args or {}),
        )
        server = {key: timeouts.pop(key) for key in _OF_SERVER if key in timeouts}
        client = {
            "executor": runner,
            **_averaging(model, initial_ckpt, expected_data_kind, aggregation_format),
            "min_responses_required": min_clients,
            **({"model_selector": best_by(key_metric, key_metric_mode)} if key_metric else {}),
            **timeouts,
        }
        job = served(f"{ccwf}.CCWFJob")(name=name, min_clients=min_clients)
        evaluation = served(f"{ccwf}.CrossSiteEvalConfig")
        job.add_swarm(
            server_config=served(f"{ccwf}.SwarmServerConfig")(
                **{"num_rounds": num_rounds, **server, **(server_config_overrides or {})}
            ),
            client_config=served(f"{ccwf}.SwarmClientConfig")(
                **{**client, **(client_config_overrides or {})}
            ),
            cse_config=evaluation(eval_task_timeout=cross_site_eval_timeout)
            if do_cross_site_eval
            else None,
        )
        super().__init__(job)
        self.framework = FrameworkType.PYTORCH


_OF_SERVER = ("start_task_timeout", "progress_timeout", "max_status_report_interval")


def _averaging(
    model: Any, initial_ckpt: str | None, kind: DataKind, form: ExchangeFormat
) -> dict[str, Any]:
    """What a client averages with, when it is its turn."""
    from ame.federation.components.persistors.torch_files import PTFileModelPersistor

    return {
        "aggregator": InTimeAccumulateWeightedAggregator(expected_data_kind=kind),
        "persistor": PTFileModelPersistor(
            model=model,
            source_ckpt_file_full_name=initial_ckpt,
            allow_numpy_conversion=form is not ExchangeFormat.PYTORCH,
        ),
        "shareable_generator": SimpleModelShareableGenerator(),
    }


class BaseSwarmLearningRecipe(Recipe):
    """Swarm learning of any framework, from the configurations that `CCWFJob` takes."""

    def __init__(
        self,
        name: str,
        server_config: SwarmServerConfig,
        client_config: SwarmClientConfig,
        cse_config: CrossSiteEvalConfig | None = None,
        min_clients: int = 1,
    ) -> None:
        """`cse_config`: how clients evaluate one another's models, if they are to."""
        from ame.federation.job.ccwf import CCWFJob

        job = CCWFJob(name=name, min_clients=min_clients)
        job.add_swarm(server_config, client_config, cse_config)
        super().__init__(job)


class SimpleSwarmLearningRecipe(SwarmLearningRecipe):
    """Swarm learning by the name and the arguments that it has in FLARE 2.7."""

    def __init__(
        self,
        name: str,
        initial_model: Any,
        num_rounds: int,
        train_script: str,
        train_args: dict[str, Any] | None = None,
        do_cross_site_eval: bool = False,
        cross_site_eval_timeout: float = 300,
    ) -> None:
        """`train_args`: further arguments of `ScriptRunner`, such as `script_args`."""
        super().__init__(
            name=name,
            model=initial_model,
            num_rounds=num_rounds,
            train_script=train_script,
            min_clients=1,
            train_args=train_args,
            do_cross_site_eval=do_cross_site_eval,
            cross_site_eval_timeout=cross_site_eval_timeout,
        )
