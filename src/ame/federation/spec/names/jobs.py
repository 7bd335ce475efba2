"""Names of what belongs to a job, its folder and its run, and what NVFLARE raises."""

from enum import Enum


class JobMetaKey(str, Enum):
    """Keys of what a job says of itself."""

    JOB_ID = "job_id"
    JOB_NAME = "name"
    JOB_FOLDER_NAME = "job_folder_name"
    SUBMITTER_NAME = "submitter_name"
    STATUS = "status"
    DEPLOY_MAP = "deploy_map"
    RESOURCE_SPEC = "resource_spec"
    MIN_CLIENTS = "min_clients"
    MANDATORY_CLIENTS = "mandatory_clients"
    SUBMIT_TIME = "submit_time"
    START_TIME = "start_time"
    DURATION = "duration"
    SCOPE = "scope"
    STATS_POOL_CONFIG = "stats_pool_config"
    CUSTOM_PROPS = "custom_props"
    JOB_CLIENTS = "job_clients"


class RunStatus(str, Enum):
    """How a job of NVFLARE stands."""

    SUBMITTED = "SUBMITTED"
    APPROVED = "APPROVED"
    DISPATCHED = "DISPATCHED"
    RUNNING = "RUNNING"
    FINISHED_COMPLETED = "FINISHED:COMPLETED"
    FINISHED_ABORTED = "FINISHED:ABORTED"
    FINISHED_EXECUTION_EXCEPTION = "FINISHED:EXECUTION_EXCEPTION"
    FINISHED_ABNORMAL = "FINISHED:ABNORMAL"
    FINISHED_CANT_SCHEDULE = "FINISHED:CAN_NOT_SCHEDULE"
    FAILED_TO_RUN = "FINISHED:FAILED_TO_RUN"
    ABANDONED = "FINISHED:ABANDONED"


class MachineStatus(Enum):
    """How a site stands."""

    STARTING = "starting"
    STARTED = "started"
    STOPPING = "stopping"
    STOPPED = "stopped"


class JobConstants:
    """Files of a job's folder."""

    SERVER_JOB_CONFIG = "config_fed_server.json"
    CLIENT_JOB_CONFIG = "config_fed_client.json"
    META_FILE = "meta.json"
    META = "meta"
    SITES = "sites"
    JOB_ID = "job_id"


class WorkspaceConstants:
    """Files and folders of a workspace."""

    STARTUP_FOLDER_NAME = "startup"
    SITE_FOLDER_NAME = "local"
    CUSTOM_FOLDER_NAME = "custom"
    LOG_FILE_NAME = "log.txt"
    ERROR_LOG_FILE_NAME = "error_log.txt"
    APP_PREFIX = "app_"
    WORKSPACE_PREFIX = ""
    SERVER_APP_CONFIG = JobConstants.SERVER_JOB_CONFIG
    CLIENT_APP_CONFIG = JobConstants.CLIENT_JOB_CONFIG
    JOB_META_FILE = "meta.json"
    RESOURCES_CONFIG = "resources.json"


class SystemConfigs:
    """Configurations of a site."""

    STARTUP_CONF = "start_config"
    RESOURCES_CONF = "resources_config"
    APPLICATION_CONF = "application_config"


class SystemVarName:
    """What may stand in braces in a job's texts."""

    SITE_NAME = "SITE_NAME"
    WORKSPACE = "WORKSPACE"
    JOB_ID = "JOB_ID"
    ROOT_URL = "ROOT_URL"
    CP_URL = "CP_URL"
    RELAY_URL = "RELAY_URL"
    SECURE_MODE = "SECURE_MODE"
    JOB_CUSTOM_DIR = "JOB_CUSTOM_DIR"
    JOB_CONFIG_DIR = "JOB_CONFIG_DIR"
    PYTHONPATH = "PYTHONPATH"


class SystemComponents:
    """Components of NVFLARE's own, none of which is here."""

    JOB_SCHEDULER = "job_scheduler"
    JOB_MANAGER = "job_manager"
    JOB_RUNNER = "job_runner"
    SERVER_RUNNER = "server_runner"
    CLIENT_RUNNER = "client_runner"
    RESOURCE_MANAGER = "resource_manager"
    RUN_MANAGER = "run_manager"


class ConfigVarName:
    """Variables of a job for NVFLARE's own times, none of which is waited for here."""

    RUNNER_SYNC_TIMEOUT = "runner_sync_timeout"
    MAX_RUNNER_SYNC_TIMEOUT = "max_runner_sync_timeout"
    TASK_CHECK_TIMEOUT = "task_check_timeout"
    TASK_CHECK_INTERVAL = "task_check_interval"
    JOB_HEARTBEAT_INTERVAL = "job_heartbeat_interval"
    END_RUN_READINESS_TIMEOUT = "end_run_readiness_timeout"
    END_RUN_READINESS_CHECK_INTERVAL = "end_run_readiness_check_interval"
    GET_TASK_TIMEOUT = "get_task_timeout"
    SUBMIT_TASK_RESULT_TIMEOUT = "submit_task_result_timeout"
    DEAD_CLIENT_GRACE_PERIOD = "dead_client_grace_period"
    DEAD_CLIENT_CHECK_LEAD_TIME = "dead_client_check_lead_time"
    DECOMPOSER_MODULE = "nvflare_decomposers"
    STREAMING_PER_REQUEST_TIMEOUT = "streaming_per_request_timeout"
    DOWNLOAD_CHUNK_SIZE = "download_chunk_size"


class FLCommunicationError(Exception):
    """A message did not come through."""

    def __init__(self, message: str, exception: BaseException | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.exception = exception


class UnsafeJobError(Exception):
    """What a component raises of a job that must not run."""


class UnsafeComponentError(Exception):
    """What a component raises of another that must not run."""


class NotAuthenticated(Exception):
    """Who asks is not known."""


class NotAuthorized(Exception):
    """Who asks may not."""


class NotReadyToEndRun(Exception):
    """A component needs the run to go on for a while."""
