"""The names of NVFLARE that `ame` serves, and where: one table, for reading, writing, importing.

It is also the list of our classes that a job folder may name.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from ame.federation.program import Version

ROOT = "nvflare"

ROWS: tuple[tuple[str, str, str], ...] = (
    # NVFLARE's module, ours, their names; those that NVFLARE has in several places: the first is written
    (
        "apis.analytix",
        "spec.analytics",
        "ANALYTIC_EVENT_TYPE AnalyticsData AnalyticsDataType LogWriterName TrackConst",
    ),
    ("apis.client", "spec.task", "Client"),
    ("apis.controller_spec", "spec.controller", "ControllerSpec"),
    (
        "apis.controller_spec",
        "spec.task",
        "ClientTask OperatorMethod SendOrder Task TaskCompletionStatus TaskOperatorKey",
    ),
    (
        "apis.dxo",
        "spec.dxo",
        "DXO DataKind from_bytes from_dict from_file from_shareable get_leaf_dxos",
    ),
    ("apis.dxo", "spec.names.keys", "MetaKey"),
    ("apis.dxo_filter", "spec.filter", "DXOFilter"),
    ("apis.event_type", "spec.names.events", "EventType"),
    ("apis.executor", "spec.executor", "Executor"),
    (
        "apis.filter",
        "spec.filter",
        "ContentBlockedException Filter FilterChainType FilterContextKey FilterSource",
    ),
    ("apis.fl_component", "spec.component", "FLComponent"),
    (
        "apis.fl_constant",
        "spec.names.keys",
        "EventScope FLContextKey FLMetaKey FedEventHeader FilterKey LogMessageTag ProcessType ReservedKey ReturnCode SiteType",
    ),
    ("apis.fl_context", "spec.context", "FLContext FLContextManager"),
    ("apis.fl_exception", "spec.executor", "TaskExecutionError"),
    ("apis.impl.controller", "spec.controller", "Controller"),
    ("apis.impl.controller", "spec.task", "ClientTask SendOrder Task TaskCompletionStatus"),
    ("apis.job_def", "job.checks", "ALL_SITES SERVER_SITE_NAME"),
    ("apis.shareable", "spec.names.keys", "ReservedHeaderKey ReturnCode"),
    ("apis.shareable", "spec.shareable", "Shareable make_copy make_reply"),
    ("apis.signal", "spec.task", "Signal"),
    ("app_common.abstract.aggregator", "spec.learnable", "Aggregator"),
    ("app_common.abstract.fl_model", "model", "FLModel FLModelConst ParamsType"),
    ("app_common.abstract.fl_model", "spec.names.keys", "MetaKey"),
    ("app_common.abstract.formatter", "spec.learnable", "Formatter"),
    ("app_common.abstract.learnable", "spec.learnable", "Learnable"),
    ("app_common.abstract.learnable_persistor", "spec.learnable", "LearnablePersistor"),
    ("app_common.abstract.learner_spec", "spec.learner", "Learner"),
    (
        "app_common.abstract.model",
        "spec.learnable",
        "ModelLearnable ModelLearnableKey make_model_learnable model_learnable_to_dxo validate_model_learnable",
    ),
    ("app_common.abstract.model_learner", "spec.learner", "ModelLearner"),
    ("app_common.abstract.model_locator", "spec.learnable", "ModelLocator"),
    ("app_common.abstract.model_persistor", "spec.learnable", "ModelPersistor"),
    ("app_common.abstract.persistor_filter", "spec.learnable", "PersistorFilter"),
    ("app_common.abstract.shareable_generator", "spec.learnable", "ShareableGenerator"),
    (
        "app_common.app_constant",
        "spec.names.app",
        "AlgorithmConstants AppConstants DefaultCheckpointFileName EnvironmentKey ExecutorTasks ModelFormat ModelName ValidateType",
    ),
    ("app_common.app_event_type", "spec.names.events", "AppEventType"),
    ("app_common.model_desc", "spec.learnable", "ModelDescriptor"),
    ("app_common.np.constants", "spec.names.app", "NPConstants"),
    ("app_common.np.np_model_locator", "components.numpy_files", "NPModelLocator"),
    ("app_common.np.np_model_persistor", "components.numpy_files", "NPModelPersistor"),
    ("app_common.utils.fl_component_wrapper", "spec.learner", "FLComponentWrapper"),
    ("app_common.utils.fl_model_utils", "conversion", "FLModelUtils"),
    ("app_common.utils.math_utils", "workflows.fedavg", "parse_compare_criteria"),
    (
        "app_common.widgets.intime_model_selector",
        "components.selector",
        "IntimeModelSelectionHandler IntimeModelSelector",
    ),
    (
        "app_common.widgets.validation_json_generator",
        "components.validation",
        "ValidationJsonGenerator",
    ),
    ("app_common.workflows.base_fedavg", "workflows.fedavg", "BaseFedAvg"),
    (
        "app_common.workflows.base_model_controller",
        "workflows.model_controller",
        "BaseModelController",
    ),
    ("app_common.workflows.fedavg", "workflows.fedavg", "FedAvg"),
    ("app_common.workflows.model_controller", "workflows.model_controller", "ModelController"),
    ("app_opt.lightning", "client.trainers.lightning", "patch"),
    ("app_opt.lightning.api", "client.trainers.lightning", "patch"),
    ("app_opt.hf", "client.trainers.hf", "patch"),
    ("app_opt.hf.api", "client.trainers.hf", "patch"),
    ("app_opt.pt.file_model_locator", "components.torch_files", "PTFileModelLocator"),
    ("app_opt.pt.file_model_persistor", "components.torch_files", "PTFileModelPersistor"),
    ("app_opt.pt", "components.torch_files", "PTFileModelLocator PTFileModelPersistor"),
    ("app_opt.pt.job_config.base_fed_job", "job.patterns", "BaseFedJob"),
    ("app_opt.pt.job_config.fed_avg", "job.patterns", "FedAvgJob"),
    ("app_opt.pt.job_config.model", "job.models", "PTModel"),
    ("app_opt.tf.file_model_locator", "components.keras_files", "TFFileModelLocator"),
    ("app_opt.tf.job_config.base_fed_job", "job.patterns", "BaseFedJob"),
    ("app_opt.tf.job_config.fed_avg", "job.patterns", "FedAvgJob"),
    ("app_opt.tf.job_config.model", "job.models", "TFModel"),
    ("app_opt.tf.model_persistor", "components.keras_files", "TFModelPersistor"),
    ("app_opt.tracking.mlflow.mlflow_writer", "client.tracking", "MLflowWriter"),
    ("app_opt.tracking.wandb.wandb_writer", "client.tracking", "WandBWriter"),
    (
        "client",
        "client",
        "AnalyticsDataType FLModel ParamsType evaluate get_config get_job_id get_site_name get_task_name init is_evaluate is_running is_submit_model is_train log receive send shutdown system_info train",
    ),
    (
        "client.api",
        "client",
        "clear get_config get_job_id get_site_name get_task_name init is_evaluate is_running is_submit_model is_train log receive send shutdown system_info",
    ),
    ("client.config", "model", "ExchangeFormat TransferType"),
    ("client.decorator", "client", "evaluate train"),
    (
        "client.hf",
        "client",
        "FLModel ParamsType evaluate get_config get_job_id get_site_name get_task_name init is_evaluate is_running is_submit_model is_train log receive send shutdown system_info train",
    ),
    ("client.hf", "client.trainers.hf", "patch"),
    (
        "client.lightning",
        "client",
        "FLModel ParamsType evaluate get_config get_job_id get_site_name get_task_name init is_evaluate is_running is_submit_model is_train log receive send shutdown system_info train",
    ),
    ("client.lightning", "client.trainers.lightning", "patch"),
    ("client.tracking", "client.tracking", "MLflowWriter SummaryWriter WandBWriter"),
    ("fuel.utils.constants", "job.script_runner", "FrameworkType PipeConnectType"),
    ("job_config.api", "job.fedjob", "FedJob FilterType JobCtx"),
    ("job_config.base_fed_job", "job.patterns", "BaseFedJob"),
    ("job_config.defs", "job.fedjob", "FilterType"),
    (
        "job_config.script_runner",
        "job.script_runner",
        "BaseScriptRunner FrameworkType PipeConnectType ScriptRunner",
    ),
    ("app_common.ccwf.recipes.swarm", "recipes.swarm", "SwarmLearningRecipe"),
    ("app_common.np.recipes", "recipes.evaluation", "NumpyCrossSiteEvalRecipe"),
    ("app_common.np.recipes", "recipes.fedavg", "NumpyFedAvgRecipe"),
    ("app_common.np.recipes.cross_site_eval", "recipes.evaluation", "NumpyCrossSiteEvalRecipe"),
    ("app_common.np.recipes.fedavg", "recipes.fedavg", "NumpyFedAvgRecipe"),
    ("app_opt.pt.recipes", "recipes.fedavg", "FedAvgRecipe FedProxRecipe"),
    ("app_opt.pt.recipes", "recipes.workflows", "FedOptRecipe ScaffoldRecipe"),
    ("app_opt.pt.recipes", "recipes.evaluation", "FedEvalRecipe"),
    ("app_opt.pt.recipes", "recipes.swarm", "SwarmLearningRecipe"),
    ("app_opt.pt.recipes", "recipes.torch", "CyclicRecipe"),
    ("app_opt.pt.recipes.cyclic", "recipes.torch", "CyclicRecipe"),
    ("app_opt.pt.recipes.fedavg", "recipes.fedavg", "FedAvgRecipe"),
    ("app_opt.pt.recipes.fedeval", "recipes.evaluation", "EvalController FedEvalRecipe"),
    ("app_opt.pt.recipes.fedopt", "recipes.workflows", "FedOptRecipe"),
    ("app_opt.pt.recipes.fedprox", "recipes.fedavg", "FedProxRecipe"),
    ("app_opt.pt.recipes.scaffold", "recipes.workflows", "ScaffoldRecipe"),
    ("app_opt.pt.recipes.swarm", "recipes.swarm", "SwarmLearningRecipe"),
    (
        "app_opt.tf.recipes",
        "recipes.keras",
        "CyclicRecipe FedAvgRecipe FedOptRecipe ScaffoldRecipe",
    ),
    ("app_opt.tf.recipes.cyclic", "recipes.keras", "CyclicRecipe"),
    ("app_opt.tf.recipes.fedavg", "recipes.keras", "FedAvgRecipe"),
    ("app_opt.tf.recipes.fedopt", "recipes.keras", "FedOptRecipe"),
    ("app_opt.tf.recipes.scaffold", "recipes.keras", "ScaffoldRecipe"),
    ("client.config", "client.channel", "ConfigKey"),
    (
        "recipe",
        "recipes",
        "ExecEnv FedAvgRecipe PocEnv ProdEnv Recipe Run SimEnv add_cross_site_evaluation add_experiment_tracking add_final_global_evaluation set_per_site_config set_recipe_meta",
    ),
    ("recipe.cyclic", "recipes.workflows", "CyclicRecipe"),
    ("recipe.fedavg", "recipes", "FedAvgRecipe"),
    ("recipe.poc_env", "recipes", "PocEnv"),
    ("recipe.prod_env", "recipes", "ProdEnv"),
    ("recipe.run", "recipes", "Run"),
    ("recipe.sim_env", "recipes", "SimEnv"),
    ("recipe.spec", "recipes", "ExecEnv Recipe"),
    (
        "recipe.utils",
        "recipes",
        "add_cross_site_evaluation add_experiment_tracking add_final_global_evaluation set_per_site_config set_recipe_meta",
    ),
    (
        "app_common.aggregators.intime_accumulate_model_aggregator",
        "components.aggregators",
        "InTimeAccumulateWeightedAggregator",
    ),
    (
        "app_common.shareablegenerators.full_model_shareable_generator",
        "components.generators",
        "FullModelShareableGenerator",
    ),
    (
        "app_common.shareablegenerators.simple_model_shareable_generator",
        "components.generators",
        "SimpleModelShareableGenerator",
    ),
    ("app_common.workflows.cross_site_model_eval", "workflows.cross_site", "CrossSiteModelEval"),
    ("app_common.workflows.cyclic_ctl", "workflows.cyclic", "CyclicController"),
    ("app_common.workflows.scaffold", "workflows.scaffold", "Scaffold"),
    ("app_common.workflows.scatter_and_gather", "workflows.scatter_and_gather", "ScatterAndGather"),
    ("app_opt.pt.fedopt", "workflows.fedopt_torch", "PTFedOptModelShareableGenerator"),
    ("app_opt.tf.fedopt_ctl", "workflows.fedopt_keras", "FedOpt"),
    ("", "job.fedjob", "FedJob FilterType"),
)
"""Module by module, after the prefixes `nvflare.` and `ame.federation.`."""

OURS = (
    "client.executor.ScriptExecutor",
    "components.safetensors_files.SafetensorsModelPersistor",
)
"""Components of ours that NVFLARE has no counterpart of, or several, after `ame.federation.`."""


LATER: Mapping[str, str] = {
    "app_common.np.np_model_persistor.NPModelPersistor": "model source_ckpt_file_full_name",
    "app_common.workflows.fedavg.FedAvg": "aggregation_weights aggregator enable_tensor_disk_offload exclude_vars fedprox_mu memory_gc_rounds model patience save_filename stop_cond task_name",
    "app_opt.hf.api.patch": "*",
    "app_opt.hf.patch": "*",
    "app_opt.pt.file_model_persistor.PTFileModelPersistor": "load_device",
    "app_opt.tf.file_model_locator.TFFileModelLocator": "*",
    "app_opt.tf.model_persistor.TFModelPersistor": "source_ckpt_file_full_name",
    "client.hf.patch": "*",
}
"""What NVFLARE 2.7 does not have and 2.9 has: arguments, or with `*` the whole name."""


@cache
def table() -> Mapping[str, str]:
    """Our path by NVFLARE's."""
    return {
        ".".join(filter(None, (ROOT, theirs, name))): f"ame.federation.{ours}.{name}"
        for theirs, ours, listed in ROWS
        for name in listed.split()
    }


@cache
def reverse() -> Mapping[str, str]:
    """NVFLARE's path by ours: the first in the table, where it has several."""
    found: dict[str, str] = {}
    for theirs, ours in table().items():
        found.setdefault(ours, theirs)
    return found


@cache
def modules() -> frozenset[str]:
    """NVFLARE's modules that are served, and the packages above them."""
    found = {path.rpartition(".")[0] for path in table()}
    above = {".".join(each.split(".")[:n]) for each in found for n in range(1, each.count(".") + 1)}
    return frozenset(found | above)


def ours(path: str) -> str | None:
    """Our path of a name, under NVFLARE's path or under ours; None if it is not in the table."""
    if path in reverse() or path.removeprefix("ame.federation.") in OURS:
        return path
    return table().get(path)


def later(path: str) -> frozenset[str]:
    """The arguments of NVFLARE's `path` that 2.7 does not take."""
    return frozenset(LATER.get(path.removeprefix(f"{ROOT}."), "").split())


def is_later(path: str, version: Version) -> bool:
    """Whether this version does not have NVFLARE's `path` at all."""
    return version == "2.7" and "*" in later(path)


def load(path: str) -> Any:
    """The object that stands for one of NVFLARE's names, which is in the table."""
    module, _, name = table()[path].rpartition(".")
    return getattr(import_module(module), name)


def theirs(path: str) -> str | None:
    """NVFLARE's path of one of ours."""
    return reverse().get(path)


def nearest(path: str, among: Iterable[str] | None = None) -> list[str]:
    """Names of the table that are most like this one."""
    from difflib import get_close_matches

    known = list(among if among is not None else table())
    last = path.rpartition(".")[2]
    same = [each for each in known if each.rpartition(".")[2] == last]
    return (same + [each for each in get_close_matches(path, known, n=3) if each not in same])[:3]


def hint(path: str) -> str:
    """The nearest names, as the end of a sentence."""
    near = nearest(path)
    return f" (nearest: {', '.join(near)})" if near else ""
