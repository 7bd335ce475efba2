"""The arguments of a job of peers, one value for each side of each workflow (`CCWFJob`)."""

from dataclasses import dataclass
from typing import Any

from ame.federation.peers.words import Constant, CyclicOrder
from ame.federation.spec.names.app import AppConstants


@dataclass(slots=True)
class SwarmServerConfig:
    """Those of `SwarmServerController`."""

    num_rounds: int
    start_round: int = 0
    start_task_timeout: float = Constant.START_TASK_TIMEOUT
    configure_task_timeout: float = Constant.CONFIG_TASK_TIMEOUT
    participating_clients: list[str] | None = None
    result_clients: list[str] | None = None
    starting_client: str = ""
    max_status_report_interval: float = Constant.PER_CLIENT_STATUS_REPORT_TIMEOUT
    progress_timeout: float = Constant.WORKFLOW_PROGRESS_TIMEOUT
    private_p2p: bool = True
    aggr_clients: list[str] | None = None
    train_clients: list[str] | None = None
    min_clients: int = 0


@dataclass(slots=True)
class SwarmClientConfig:
    """Those of `SwarmClientController`, and the components that it names."""

    executor: Any
    persistor: Any
    shareable_generator: Any
    aggregator: Any
    metric_comparator: Any = None
    model_selector: Any = None
    learn_task_check_interval: float = Constant.LEARN_TASK_CHECK_INTERVAL
    learn_task_abort_timeout: float = Constant.LEARN_TASK_ABORT_TIMEOUT
    learn_task_ack_timeout: float = Constant.LEARN_TASK_ACK_TIMEOUT
    learn_task_timeout: float | None = None
    final_result_ack_timeout: float = Constant.FINAL_RESULT_ACK_TIMEOUT
    min_responses_required: int = 1
    wait_time_after_min_resps_received: float | None = None
    request_to_submit_result_msg_timeout: float = 5.0
    request_to_submit_result_max_wait: float | None = None
    request_to_submit_result_interval: float = 1.0
    max_concurrent_submissions: int = 1
    memory_gc_rounds: int = 1
    cuda_empty_cache: bool = False
    enable_tensor_disk_offload: bool = False


@dataclass(slots=True)
class CyclicServerConfig:
    """Those of `CyclicServerController`."""

    num_rounds: int
    start_task_timeout: float = Constant.START_TASK_TIMEOUT
    configure_task_timeout: float = Constant.CONFIG_TASK_TIMEOUT
    participating_clients: list[str] | None = None
    result_clients: list[str] | None = None
    starting_client: str = ""
    max_status_report_interval: float = Constant.PER_CLIENT_STATUS_REPORT_TIMEOUT
    progress_timeout: float = Constant.WORKFLOW_PROGRESS_TIMEOUT
    private_p2p: bool = True
    cyclic_order: str = CyclicOrder.FIXED


@dataclass(slots=True)
class CyclicClientConfig:
    """Those of `CyclicClientController`, and the components that it names."""

    executor: Any
    persistor: Any
    shareable_generator: Any
    learn_task_abort_timeout: float = Constant.LEARN_TASK_ABORT_TIMEOUT
    learn_task_ack_timeout: float = Constant.LEARN_TASK_ACK_TIMEOUT
    final_result_ack_timeout: float = Constant.FINAL_RESULT_ACK_TIMEOUT


@dataclass(slots=True)
class CrossSiteEvalConfig:
    """Those of both controllers of cross-site evaluation."""

    start_task_timeout: float = Constant.START_TASK_TIMEOUT
    configure_task_timeout: float = Constant.CONFIG_TASK_TIMEOUT
    eval_task_timeout: float = 30
    progress_timeout: float = Constant.WORKFLOW_PROGRESS_TIMEOUT
    private_p2p: bool = True
    participating_clients: list[str] | None = None
    evaluators: list[str] | None = None
    evaluatees: list[str] | None = None
    global_model_client: str | None = None
    max_status_report_interval: float = Constant.PER_CLIENT_STATUS_REPORT_TIMEOUT
    eval_result_dir: str = AppConstants.CROSS_VAL_DIR
    get_model_timeout: float = Constant.GET_MODEL_TIMEOUT
