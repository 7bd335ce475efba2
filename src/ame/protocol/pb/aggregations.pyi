# Made from proto/fcp/protos/federatedcompute/aggregations.proto by tools/protos.py. Not to be edited.
from ame.protocol.pb import common as _common_pb2
from ame.protocol.pb import status as _status_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StartAggregationDataUploadRequest(_message.Message):
    __slots__ = ("aggregation_id", "authorization_token")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    authorization_token: str
    def __init__(self, aggregation_id: _Optional[str] = ..., authorization_token: _Optional[str] = ...) -> None: ...

class StartAggregationDataUploadMetadata(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StartAggregationDataUploadResponse(_message.Message):
    __slots__ = ("aggregation_protocol_forwarding_info", "resource", "client_token")
    AGGREGATION_PROTOCOL_FORWARDING_INFO_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    aggregation_protocol_forwarding_info: _common_pb2.ForwardingInfo
    resource: _common_pb2.ByteStreamResource
    client_token: str
    def __init__(self, aggregation_protocol_forwarding_info: _Optional[_Union[_common_pb2.ForwardingInfo, _Mapping]] = ..., resource: _Optional[_Union[_common_pb2.ByteStreamResource, _Mapping]] = ..., client_token: _Optional[str] = ...) -> None: ...

class SubmitAggregationResultRequest(_message.Message):
    __slots__ = ("aggregation_id", "client_token", "resource_name")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_NAME_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    client_token: str
    resource_name: str
    def __init__(self, aggregation_id: _Optional[str] = ..., client_token: _Optional[str] = ..., resource_name: _Optional[str] = ...) -> None: ...

class SubmitAggregationResultResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AbortAggregationRequest(_message.Message):
    __slots__ = ("aggregation_id", "client_token", "status")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    client_token: str
    status: _status_pb2.Status
    def __init__(self, aggregation_id: _Optional[str] = ..., client_token: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class AbortAggregationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
