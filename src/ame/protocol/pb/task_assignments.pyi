# Made from proto/fcp/protos/federatedcompute/task_assignments.proto by tools/protos.py. Not to be edited.
import datetime

from ame.protocol.pb import federated_api as _federated_api_pb2
from ame.protocol.pb import common as _common_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from ame.protocol.pb import code as _code_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StartTaskAssignmentRequest(_message.Message):
    __slots__ = ("population_name", "session_id", "client_version", "task_eligibility_info", "resource_capabilities")
    POPULATION_NAME_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    TASK_ELIGIBILITY_INFO_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    population_name: str
    session_id: str
    client_version: _common_pb2.ClientVersion
    task_eligibility_info: _federated_api_pb2.TaskEligibilityInfo
    resource_capabilities: _common_pb2.ResourceCapabilities
    def __init__(self, population_name: _Optional[str] = ..., session_id: _Optional[str] = ..., client_version: _Optional[_Union[_common_pb2.ClientVersion, _Mapping]] = ..., task_eligibility_info: _Optional[_Union[_federated_api_pb2.TaskEligibilityInfo, _Mapping]] = ..., resource_capabilities: _Optional[_Union[_common_pb2.ResourceCapabilities, _Mapping]] = ...) -> None: ...

class StartTaskAssignmentMetadata(_message.Message):
    __slots__ = ("polling_interval",)
    POLLING_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    polling_interval: _duration_pb2.Duration
    def __init__(self, polling_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StartTaskAssignmentResponse(_message.Message):
    __slots__ = ("task_assignment", "rejection_info")
    TASK_ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    REJECTION_INFO_FIELD_NUMBER: _ClassVar[int]
    task_assignment: TaskAssignment
    rejection_info: _common_pb2.RejectionInfo
    def __init__(self, task_assignment: _Optional[_Union[TaskAssignment, _Mapping]] = ..., rejection_info: _Optional[_Union[_common_pb2.RejectionInfo, _Mapping]] = ...) -> None: ...

class PerformMultipleTaskAssignmentsRequest(_message.Message):
    __slots__ = ("population_name", "session_id", "client_version", "resource_capabilities", "task_names")
    POPULATION_NAME_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    TASK_NAMES_FIELD_NUMBER: _ClassVar[int]
    population_name: str
    session_id: str
    client_version: _common_pb2.ClientVersion
    resource_capabilities: _common_pb2.ResourceCapabilities
    task_names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, population_name: _Optional[str] = ..., session_id: _Optional[str] = ..., client_version: _Optional[_Union[_common_pb2.ClientVersion, _Mapping]] = ..., resource_capabilities: _Optional[_Union[_common_pb2.ResourceCapabilities, _Mapping]] = ..., task_names: _Optional[_Iterable[str]] = ...) -> None: ...

class PerformMultipleTaskAssignmentsResponse(_message.Message):
    __slots__ = ("task_assignments",)
    TASK_ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    task_assignments: _containers.RepeatedCompositeFieldContainer[TaskAssignment]
    def __init__(self, task_assignments: _Optional[_Iterable[_Union[TaskAssignment, _Mapping]]] = ...) -> None: ...

class TaskAssignment(_message.Message):
    __slots__ = ("aggregation_data_forwarding_info", "aggregation_info", "secure_aggregation_info", "confidential_aggregation_info", "session_id", "aggregation_id", "authorization_token", "task_name", "init_checkpoint", "plan", "federated_select_uri_info")
    class AggregationInfo(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class SecureAggregationInfo(_message.Message):
        __slots__ = ("minimum_clients_in_server_visible_aggregate",)
        MINIMUM_CLIENTS_IN_SERVER_VISIBLE_AGGREGATE_FIELD_NUMBER: _ClassVar[int]
        minimum_clients_in_server_visible_aggregate: int
        def __init__(self, minimum_clients_in_server_visible_aggregate: _Optional[int] = ...) -> None: ...
    class ConfidentialAggregationInfo(_message.Message):
        __slots__ = ("data_access_policy",)
        DATA_ACCESS_POLICY_FIELD_NUMBER: _ClassVar[int]
        data_access_policy: _common_pb2.Resource
        def __init__(self, data_access_policy: _Optional[_Union[_common_pb2.Resource, _Mapping]] = ...) -> None: ...
    AGGREGATION_DATA_FORWARDING_INFO_FIELD_NUMBER: _ClassVar[int]
    AGGREGATION_INFO_FIELD_NUMBER: _ClassVar[int]
    SECURE_AGGREGATION_INFO_FIELD_NUMBER: _ClassVar[int]
    CONFIDENTIAL_AGGREGATION_INFO_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    INIT_CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    FEDERATED_SELECT_URI_INFO_FIELD_NUMBER: _ClassVar[int]
    aggregation_data_forwarding_info: _common_pb2.ForwardingInfo
    aggregation_info: TaskAssignment.AggregationInfo
    secure_aggregation_info: TaskAssignment.SecureAggregationInfo
    confidential_aggregation_info: TaskAssignment.ConfidentialAggregationInfo
    session_id: str
    aggregation_id: str
    authorization_token: str
    task_name: str
    init_checkpoint: _common_pb2.Resource
    plan: _common_pb2.Resource
    federated_select_uri_info: FederatedSelectUriInfo
    def __init__(self, aggregation_data_forwarding_info: _Optional[_Union[_common_pb2.ForwardingInfo, _Mapping]] = ..., aggregation_info: _Optional[_Union[TaskAssignment.AggregationInfo, _Mapping]] = ..., secure_aggregation_info: _Optional[_Union[TaskAssignment.SecureAggregationInfo, _Mapping]] = ..., confidential_aggregation_info: _Optional[_Union[TaskAssignment.ConfidentialAggregationInfo, _Mapping]] = ..., session_id: _Optional[str] = ..., aggregation_id: _Optional[str] = ..., authorization_token: _Optional[str] = ..., task_name: _Optional[str] = ..., init_checkpoint: _Optional[_Union[_common_pb2.Resource, _Mapping]] = ..., plan: _Optional[_Union[_common_pb2.Resource, _Mapping]] = ..., federated_select_uri_info: _Optional[_Union[FederatedSelectUriInfo, _Mapping]] = ...) -> None: ...

class FederatedSelectUriInfo(_message.Message):
    __slots__ = ("uri_template",)
    URI_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    uri_template: str
    def __init__(self, uri_template: _Optional[str] = ...) -> None: ...

class ReportTaskResultRequest(_message.Message):
    __slots__ = ("population_name", "session_id", "aggregation_id", "task_name", "computation_status_code", "client_stats")
    POPULATION_NAME_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    COMPUTATION_STATUS_CODE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_STATS_FIELD_NUMBER: _ClassVar[int]
    population_name: str
    session_id: str
    aggregation_id: str
    task_name: str
    computation_status_code: _code_pb2.Code
    client_stats: ClientStats
    def __init__(self, population_name: _Optional[str] = ..., session_id: _Optional[str] = ..., aggregation_id: _Optional[str] = ..., task_name: _Optional[str] = ..., computation_status_code: _Optional[_Union[_code_pb2.Code, str]] = ..., client_stats: _Optional[_Union[ClientStats, _Mapping]] = ...) -> None: ...

class ClientStats(_message.Message):
    __slots__ = ("computation_execution_duration",)
    COMPUTATION_EXECUTION_DURATION_FIELD_NUMBER: _ClassVar[int]
    computation_execution_duration: _duration_pb2.Duration
    def __init__(self, computation_execution_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ReportTaskResultResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
