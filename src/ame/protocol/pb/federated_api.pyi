# Made from proto/fcp/protos/federated_api.proto by tools/protos.py. Not to be edited.
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CompressionLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNCOMPRESSED: _ClassVar[CompressionLevel]
    ZLIB_DEFAULT: _ClassVar[CompressionLevel]
    ZLIB_BEST_COMPRESSION: _ClassVar[CompressionLevel]
    ZLIB_BEST_SPEED: _ClassVar[CompressionLevel]

class HttpCompressionFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HTTP_COMPRESSION_FORMAT_UNSPECIFIED: _ClassVar[HttpCompressionFormat]
    HTTP_COMPRESSION_FORMAT_GZIP: _ClassVar[HttpCompressionFormat]
UNCOMPRESSED: CompressionLevel
ZLIB_DEFAULT: CompressionLevel
ZLIB_BEST_COMPRESSION: CompressionLevel
ZLIB_BEST_SPEED: CompressionLevel
HTTP_COMPRESSION_FORMAT_UNSPECIFIED: HttpCompressionFormat
HTTP_COMPRESSION_FORMAT_GZIP: HttpCompressionFormat

class TaskEligibilityInfo(_message.Message):
    __slots__ = ("version", "task_weights")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TASK_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    version: int
    task_weights: _containers.RepeatedCompositeFieldContainer[TaskWeight]
    def __init__(self, version: _Optional[int] = ..., task_weights: _Optional[_Iterable[_Union[TaskWeight, _Mapping]]] = ...) -> None: ...

class TaskWeight(_message.Message):
    __slots__ = ("task_name", "weight")
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    task_name: str
    weight: float
    def __init__(self, task_name: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...
