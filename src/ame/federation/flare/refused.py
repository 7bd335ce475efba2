"""What of NVFLARE is not served on purpose: why, and what to do instead."""

from collections.abc import Mapping

_CONSOLE = (
    "the console of a running NVFLARE; `ame task list` shows runs, `ame task cancel` stops one"
)
_CONVERTED = (
    "a ScriptRunner's `framework` and `server_expected_format` say how parameters are converted"
)
_LAUNCHED = (
    "`ScriptRunner(script, launch_external_process=True, command=…)` launches a script, and "
    "`BaseScriptRunner` takes a `launcher`"
)
REASONS: Mapping[str, str] = {
    "app_common.abstract.params_converter": _CONVERTED,
    "app_common.aggregators.lazy": "results are added up as they come; name its aggregator itself",
    "app_common.ccwf.comps.cwe_result_printer": "the best round and metric are in the run's table",
    "app_common.executors.client_api_launcher_executor": _LAUNCHED,
    "app_common.executors.error_handling_executor": "a site that fails is lost by itself, with its "
    "own error",
    "app_common.executors.ipc_exchanger": "agents of other systems' processes; let the script use "
    "`nvflare.client`",
    "app_common.executors.launcher_executor": _LAUNCHED,
    "app_common.executors.multi_process_executor": "let the script start processes, with "
    "`launch_external_process=True` and a `command` such as `torchrun`",
    "app_common.executors.splitnn_learner_executor": "split learning, where sites hand on "
    "activations; a Controller and an Executor of your own can do it",
    "app_common.hub": "jobs that hand tasks to another NVFLARE need one",
    "app_common.job_launcher": "how NVFLARE starts its own processes; there are none here",
    "app_common.job_schedulers": "NVFLARE's server schedules jobs; here there is `ame task run`",
    "app_common.psi": "private set intersection; align the sites' rows before the job",
    "app_common.resource_consumers": "a job's sites share GPUs by `gpu=` or `--gpu`",
    "app_common.resource_managers": "a job's sites share GPUs by `gpu=` or `--gpu`",
    "app_common.state_persistors": "`ame fed run --resume RUN` continues a job",
    "app_common.storages": "models and results lie in the run's workspace",
    "app_common.tie": "bridges to other systems' processes; a script with "
    "`launch_external_process=True` is one",
    "app_common.streamers": "send large things by results or files; sites share this machine",
    "app_common.widgets.external_configurator": _LAUNCHED,
    "app_common.widgets.metrics_artifact_writer": "the rounds and their metrics are in the folder "
    "`results` of every run",
    "app_common.workflows.error_handling_controller": "a site that fails is lost by itself, with "
    "its own error",
    "app_common.workflows.etl_controller": "`CmdTaskController` sends one task, too",
    "app_common.workflows.splitnn_workflow": "split learning, where sites hand on activations; "
    "a Controller and an Executor of your own can do it",
    "app_opt.confidential_computing": "attestation is of the machines of a real federation",
    "app_opt.feature_election": "choose features by a controller of your own",
    "app_opt.he": "homomorphic encryption takes its keys from the startup kits of a provisioned "
    "federation, which simulated sites do not have; for privacy of updates use `SVTPrivacy`, "
    "`PercentilePrivacy` or the Gaussian noise of `ame.federation.filters.noise`",
    "app_opt.job_launcher": "how NVFLARE starts its own processes; there are none here",
    "app_opt.p2p": "optimization without a server; swarm and cyclic learning "
    "(`nvflare.app_common.ccwf`) are served",
    "app_opt.psi": "private set intersection; align the sites' rows before the job",
    "app_opt.pt.recipes.fedavg_he": "homomorphic encryption takes its keys from the startup kits "
    "of a provisioned federation; `FedAvgRecipe` with a filter for privacy is served",
    "app_opt.pt.numpy_params_converter": _CONVERTED,
    "app_opt.pt.params_converter": _CONVERTED,
    "app_opt.pt.tensor_params_converter": _CONVERTED,
    "app_opt.pt.fedce": "FedCE weighs sites by what they add; give `FedAvg(aggregator=…)` a "
    "ModelAggregator of your own",
    "app_opt.pt.client_api_launcher_executor": _LAUNCHED,
    "app_opt.pt.multi_process_executor": "let the script start processes, with "
    "`launch_external_process=True` and a `command` such as `torchrun`",
    "app_opt.pt.recipes.fedce": "FedCE weighs sites by what they add; give `FedAvg(aggregator=…)` "
    "a ModelAggregator of your own",
    "app_opt.statistics.visualization": "for notebooks; the statistics are a JSON file",
    "app_opt.tensor_stream": "models are handed over in memory; leave it out",
    "app_opt.tf.client_api_launcher_executor": _LAUNCHED,
    "app_opt.tf.params_converter": _CONVERTED,
    "app_opt.xgboost.histogram_based": "its first form; `histogram_based_v2` is served, and "
    "`XGBHorizontalRecipe`",
    "app_opt.xgboost.histogram_based_v2.sec": "encrypted histograms need a plugin of XGBoost that "
    "its releases do not have; `XGBHorizontalRecipe` without `secure` is served",
    "app_opt.xgboost.recipes.vertical": "vertical XGBoost needs private set intersection first; "
    "`XGBHorizontalRecipe` and `XGBBaggingRecipe` are served",
    "client.cell": "how NVFLARE's processes talk; `nvflare.client` is served",
    "client.flare_agent": "agents of other systems' processes; let the script use `nvflare.client`",
    "client.ipc": "agents of other systems' processes; let the script use `nvflare.client`",
    "collab": "NVFLARE's research API; write a Controller and an Executor, or a script",
    "edge": "NVFLARE's mobile devices; tasks of a fleet train on devices here",
    "fuel.f3": "how NVFLARE's processes talk; send messages by the engine's `send_aux_request`",
    "fuel.flare_api": _CONSOLE,
    "fuel.hci": _CONSOLE,
    "metrics": "what NVFLARE measures of its own processes; what a job measures is in its run",
    "private": "NVFLARE's own inside",
    "tool": "commands of NVFLARE's own",
}
"""By what a path begins with, after `nvflare.`."""


def reason(path: str) -> str:
    """Why a name is not served, if that is on purpose."""
    words = path.removeprefix("nvflare.").split(".")
    found = (REASONS.get(".".join(words[:end])) for end in range(len(words), 0, -1))
    return next((each for each in found if each), "")
