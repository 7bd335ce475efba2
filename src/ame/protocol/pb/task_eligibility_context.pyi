# Made from proto/fcp/protos/task_eligibility_context.proto by tools/protos.py. Not to be edited.
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskEligibilityContext(_message.Message):
    __slots__ = ("tasks",)
    TASKS_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[SingleTaskEligibilityContext]
    def __init__(self, tasks: _Optional[_Iterable[_Union[SingleTaskEligibilityContext, _Mapping]]] = ...) -> None: ...

class SingleTaskEligibilityContext(_message.Message):
    __slots__ = ("task_name", "policies")
    class EligibilityPolicy(_message.Message):
        __slots__ = ("name",)
        NAME_FIELD_NUMBER: _ClassVar[int]
        name: str
        def __init__(self, name: _Optional[str] = ...) -> None: ...
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    task_name: str
    policies: _containers.RepeatedCompositeFieldContainer[SingleTaskEligibilityContext.EligibilityPolicy]
    def __init__(self, task_name: _Optional[str] = ..., policies: _Optional[_Iterable[_Union[SingleTaskEligibilityContext.EligibilityPolicy, _Mapping]]] = ...) -> None: ...
