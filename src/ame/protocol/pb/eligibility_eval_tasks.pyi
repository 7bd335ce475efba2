# Made from proto/fcp/protos/federatedcompute/eligibility_eval_tasks.proto by tools/protos.py. Not to be edited.
from ame.protocol.pb import common as _common_pb2
from ame.protocol.pb import code as _code_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EligibilityEvalTaskRequest(_message.Message):
    __slots__ = ("population_name", "attestation_measurement", "client_version", "resource_capabilities", "eligibility_eval_task_capabilities")
    POPULATION_NAME_FIELD_NUMBER: _ClassVar[int]
    ATTESTATION_MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    ELIGIBILITY_EVAL_TASK_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    population_name: str
    attestation_measurement: _common_pb2.AttestationMeasurement
    client_version: _common_pb2.ClientVersion
    resource_capabilities: _common_pb2.ResourceCapabilities
    eligibility_eval_task_capabilities: EligibilityEvalTaskCapabilities
    def __init__(self, population_name: _Optional[str] = ..., attestation_measurement: _Optional[_Union[_common_pb2.AttestationMeasurement, _Mapping]] = ..., client_version: _Optional[_Union[_common_pb2.ClientVersion, _Mapping]] = ..., resource_capabilities: _Optional[_Union[_common_pb2.ResourceCapabilities, _Mapping]] = ..., eligibility_eval_task_capabilities: _Optional[_Union[EligibilityEvalTaskCapabilities, _Mapping]] = ...) -> None: ...

class EligibilityEvalTaskCapabilities(_message.Message):
    __slots__ = ("supports_multiple_task_assignment", "supports_native_eets")
    SUPPORTS_MULTIPLE_TASK_ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_NATIVE_EETS_FIELD_NUMBER: _ClassVar[int]
    supports_multiple_task_assignment: bool
    supports_native_eets: bool
    def __init__(self, supports_multiple_task_assignment: bool = ..., supports_native_eets: bool = ...) -> None: ...

class EligibilityEvalTaskResponse(_message.Message):
    __slots__ = ("task_assignment_forwarding_info", "session_id", "eligibility_eval_task", "no_eligibility_eval_configured", "rejection_info", "retry_window_if_accepted", "retry_window_if_rejected")
    TASK_ASSIGNMENT_FORWARDING_INFO_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ELIGIBILITY_EVAL_TASK_FIELD_NUMBER: _ClassVar[int]
    NO_ELIGIBILITY_EVAL_CONFIGURED_FIELD_NUMBER: _ClassVar[int]
    REJECTION_INFO_FIELD_NUMBER: _ClassVar[int]
    RETRY_WINDOW_IF_ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    RETRY_WINDOW_IF_REJECTED_FIELD_NUMBER: _ClassVar[int]
    task_assignment_forwarding_info: _common_pb2.ForwardingInfo
    session_id: str
    eligibility_eval_task: EligibilityEvalTask
    no_eligibility_eval_configured: NoEligibilityEvalConfigured
    rejection_info: _common_pb2.RejectionInfo
    retry_window_if_accepted: _common_pb2.RetryWindow
    retry_window_if_rejected: _common_pb2.RetryWindow
    def __init__(self, task_assignment_forwarding_info: _Optional[_Union[_common_pb2.ForwardingInfo, _Mapping]] = ..., session_id: _Optional[str] = ..., eligibility_eval_task: _Optional[_Union[EligibilityEvalTask, _Mapping]] = ..., no_eligibility_eval_configured: _Optional[_Union[NoEligibilityEvalConfigured, _Mapping]] = ..., rejection_info: _Optional[_Union[_common_pb2.RejectionInfo, _Mapping]] = ..., retry_window_if_accepted: _Optional[_Union[_common_pb2.RetryWindow, _Mapping]] = ..., retry_window_if_rejected: _Optional[_Union[_common_pb2.RetryWindow, _Mapping]] = ...) -> None: ...

class EligibilityEvalTask(_message.Message):
    __slots__ = ("init_checkpoint", "plan", "population_eligibility_spec", "execution_id")
    INIT_CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    POPULATION_ELIGIBILITY_SPEC_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    init_checkpoint: _common_pb2.Resource
    plan: _common_pb2.Resource
    population_eligibility_spec: _common_pb2.Resource
    execution_id: str
    def __init__(self, init_checkpoint: _Optional[_Union[_common_pb2.Resource, _Mapping]] = ..., plan: _Optional[_Union[_common_pb2.Resource, _Mapping]] = ..., population_eligibility_spec: _Optional[_Union[_common_pb2.Resource, _Mapping]] = ..., execution_id: _Optional[str] = ...) -> None: ...

class NoEligibilityEvalConfigured(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReportEligibilityEvalTaskResultRequest(_message.Message):
    __slots__ = ("population_name", "session_id", "status_code")
    POPULATION_NAME_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_CODE_FIELD_NUMBER: _ClassVar[int]
    population_name: str
    session_id: str
    status_code: _code_pb2.Code
    def __init__(self, population_name: _Optional[str] = ..., session_id: _Optional[str] = ..., status_code: _Optional[_Union[_code_pb2.Code, str]] = ...) -> None: ...

class ReportEligibilityEvalTaskResultResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
