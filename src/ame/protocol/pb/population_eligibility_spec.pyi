# Made from proto/fcp/protos/population_eligibility_spec.proto by tools/protos.py. Not to be edited.
import datetime

from ame.protocol.pb import plan as _plan_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PopulationEligibilitySpec(_message.Message):
    __slots__ = ("task_info", "eligibility_policies")
    class TaskInfo(_message.Message):
        __slots__ = ("task_name", "task_assignment_mode", "eligibility_policy_indices")
        class TaskAssignmentMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            TASK_ASSIGNMENT_MODE_UNSPECIFIED: _ClassVar[PopulationEligibilitySpec.TaskInfo.TaskAssignmentMode]
            TASK_ASSIGNMENT_MODE_SINGLE: _ClassVar[PopulationEligibilitySpec.TaskInfo.TaskAssignmentMode]
            TASK_ASSIGNMENT_MODE_MULTIPLE: _ClassVar[PopulationEligibilitySpec.TaskInfo.TaskAssignmentMode]
        TASK_ASSIGNMENT_MODE_UNSPECIFIED: PopulationEligibilitySpec.TaskInfo.TaskAssignmentMode
        TASK_ASSIGNMENT_MODE_SINGLE: PopulationEligibilitySpec.TaskInfo.TaskAssignmentMode
        TASK_ASSIGNMENT_MODE_MULTIPLE: PopulationEligibilitySpec.TaskInfo.TaskAssignmentMode
        TASK_NAME_FIELD_NUMBER: _ClassVar[int]
        TASK_ASSIGNMENT_MODE_FIELD_NUMBER: _ClassVar[int]
        ELIGIBILITY_POLICY_INDICES_FIELD_NUMBER: _ClassVar[int]
        task_name: str
        task_assignment_mode: PopulationEligibilitySpec.TaskInfo.TaskAssignmentMode
        eligibility_policy_indices: _containers.RepeatedScalarFieldContainer[int]
        def __init__(self, task_name: _Optional[str] = ..., task_assignment_mode: _Optional[_Union[PopulationEligibilitySpec.TaskInfo.TaskAssignmentMode, str]] = ..., eligibility_policy_indices: _Optional[_Iterable[int]] = ...) -> None: ...
    TASK_INFO_FIELD_NUMBER: _ClassVar[int]
    ELIGIBILITY_POLICIES_FIELD_NUMBER: _ClassVar[int]
    task_info: _containers.RepeatedCompositeFieldContainer[PopulationEligibilitySpec.TaskInfo]
    eligibility_policies: _containers.RepeatedCompositeFieldContainer[EligibilityPolicyEvalSpec]
    def __init__(self, task_info: _Optional[_Iterable[_Union[PopulationEligibilitySpec.TaskInfo, _Mapping]]] = ..., eligibility_policies: _Optional[_Iterable[_Union[EligibilityPolicyEvalSpec, _Mapping]]] = ...) -> None: ...

class EligibilityPolicyEvalSpec(_message.Message):
    __slots__ = ("name", "min_version", "data_availability_policy", "swor_policy", "tf_custom_policy", "min_sep_policy")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MIN_VERSION_FIELD_NUMBER: _ClassVar[int]
    DATA_AVAILABILITY_POLICY_FIELD_NUMBER: _ClassVar[int]
    SWOR_POLICY_FIELD_NUMBER: _ClassVar[int]
    TF_CUSTOM_POLICY_FIELD_NUMBER: _ClassVar[int]
    MIN_SEP_POLICY_FIELD_NUMBER: _ClassVar[int]
    name: str
    min_version: int
    data_availability_policy: DataAvailabilityPolicy
    swor_policy: SamplingWithoutReplacementPolicy
    tf_custom_policy: TensorFlowCustomPolicy
    min_sep_policy: MinimumSeparationPolicy
    def __init__(self, name: _Optional[str] = ..., min_version: _Optional[int] = ..., data_availability_policy: _Optional[_Union[DataAvailabilityPolicy, _Mapping]] = ..., swor_policy: _Optional[_Union[SamplingWithoutReplacementPolicy, _Mapping]] = ..., tf_custom_policy: _Optional[_Union[TensorFlowCustomPolicy, _Mapping]] = ..., min_sep_policy: _Optional[_Union[MinimumSeparationPolicy, _Mapping]] = ...) -> None: ...

class DataAvailabilityPolicy(_message.Message):
    __slots__ = ("selector", "min_example_count")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    MIN_EXAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    selector: _plan_pb2.ExampleSelector
    min_example_count: int
    def __init__(self, selector: _Optional[_Union[_plan_pb2.ExampleSelector, _Mapping]] = ..., min_example_count: _Optional[int] = ...) -> None: ...

class SamplingWithoutReplacementPolicy(_message.Message):
    __slots__ = ("min_period", "group_regex")
    MIN_PERIOD_FIELD_NUMBER: _ClassVar[int]
    GROUP_REGEX_FIELD_NUMBER: _ClassVar[int]
    min_period: _duration_pb2.Duration
    group_regex: str
    def __init__(self, min_period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., group_regex: _Optional[str] = ...) -> None: ...

class TensorFlowCustomPolicy(_message.Message):
    __slots__ = ("arguments",)
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    arguments: bytes
    def __init__(self, arguments: _Optional[bytes] = ...) -> None: ...

class MinimumSeparationPolicy(_message.Message):
    __slots__ = ("current_index", "minimum_separation")
    CURRENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_SEPARATION_FIELD_NUMBER: _ClassVar[int]
    current_index: int
    minimum_separation: int
    def __init__(self, current_index: _Optional[int] = ..., minimum_separation: _Optional[int] = ...) -> None: ...
