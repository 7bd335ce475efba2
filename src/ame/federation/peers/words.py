"""Names that the two sides of a workflow of peers agree on."""


class Constant:
    """Prefixes of tasks, keys of what is told, times in seconds."""

    TN_PREFIX_CYCLIC = "cyclic"
    TN_PREFIX_SWARM = "swarm"
    TN_PREFIX_CROSS_SITE_EVAL = "cse"
    BASENAME_CONFIG = "config"
    BASENAME_START = "start"
    BASENAME_LEARN = "learn"
    BASENAME_REPORT_LEARN_RESULT = "report_learn_result"
    BASENAME_REPORT_FINAL_RESULT = "report_final_result"
    BASENAME_SHARE_RESULT = "share_result"
    BASENAME_PREP_MODEL = "prep_model"
    BASENAME_EVAL = "eval"
    BASENAME_PULSE = "pulse"
    BASENAME_LOST = "lost"
    BASENAME_END = "end"
    ERROR = "cwf.error"
    ORDER = "cwf.order"
    CLIENTS = "cwf.clients"
    START_CLIENT = "cwf.start_client"
    RESULT_CLIENTS = "cwf.result_clients"
    CLIENT_ORDER = "cwf.client_order"
    START_ROUND = "cwf.start_round"
    ACTION = "cwf.action"
    AGGR_CLIENTS = "cwf.aggr_clients"
    TRAIN_CLIENTS = "cwf.train_clients"
    AGGREGATOR = "cwf.aggr"
    METRIC = "cwf.metric"
    CLIENT = "cwf.client"
    ROUND = "cwf.round"
    CONFIG = "cwf.config"
    SEED = "cwf.seed"
    RESULT = "cwf.result"
    RESULT_TYPE = "cwf.result_type"
    EVALUATORS = "cwf.evaluators"
    MODEL_OWNER = "cwf.model_owner"
    MODEL_NAME = "cwf.model_name"
    MODEL_TYPE = "cwf.model_type"
    GLOBAL_NAMES = "cwf.global_names"
    EXPECTED = "cwf.expected"
    BEST = "cwf.best"
    META = "cwf.meta"
    SECONDS = "cwf.seconds"
    TASK = "cwf.task"
    HEADERS = "cwf.headers"
    TOPIC_STATUS = "cwf.status"
    PROP_KEY_TRAIN_CLIENTS = "cwf.train_clients"

    CONFIG_TASK_TIMEOUT = 300
    START_TASK_TIMEOUT = 10
    END_WORKFLOW_TIMEOUT = 2.0
    TASK_CHECK_INTERVAL = 0.5
    JOB_STATUS_CHECK_INTERVAL = 2.0
    PER_CLIENT_STATUS_REPORT_TIMEOUT = 90.0
    WORKFLOW_PROGRESS_TIMEOUT = 3600.0
    LEARN_TASK_CHECK_INTERVAL = 1.0
    LEARN_TASK_ACK_TIMEOUT = 10
    LEARN_TASK_ABORT_TIMEOUT = 5.0
    FINAL_RESULT_ACK_TIMEOUT = 10
    GET_MODEL_TIMEOUT = 10


class Action:
    """What a site tells of itself."""

    LEARNED = "learned"
    DONE = "done"
    MISSED = "missed"
    FAILED = "failed"
    ROUND_DONE = "round_done"
    ALL_DONE = "all_done"
    SAVED = "saved"
    EVALUATED = "evaluated"


class ModelType:
    """Whose model is evaluated."""

    LOCAL = "local"
    GLOBAL = "global"


class ResultType:
    """Which model is handed out in the end."""

    BEST = "best"
    LAST = "last"


class CyclicOrder:
    """In which order the sites of a round come."""

    FIXED = "fixed"
    RANDOM = "random"


def task_name(prefix: str, name: str) -> str:
    """What a workflow calls one of its tasks."""
    return f"{prefix}_{name}"
