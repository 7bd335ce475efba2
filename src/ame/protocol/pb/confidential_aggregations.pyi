# Made from proto/fcp/protos/federatedcompute/confidential_aggregations.proto by tools/protos.py. Not to be edited.
from ame.protocol.pb import common as _common_pb2
from ame.protocol.pb import status as _status_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StartConfidentialAggregationDataUploadRequest(_message.Message):
    __slots__ = ("aggregation_id", "authorization_token")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    authorization_token: str
    def __init__(self, aggregation_id: _Optional[str] = ..., authorization_token: _Optional[str] = ...) -> None: ...

class StartConfidentialAggregationDataUploadMetadata(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StartConfidentialAggregationDataUploadResponse(_message.Message):
    __slots__ = ("aggregation_protocol_forwarding_info", "resource", "client_token", "encryption_config")
    AGGREGATION_PROTOCOL_FORWARDING_INFO_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTION_CONFIG_FIELD_NUMBER: _ClassVar[int]
    aggregation_protocol_forwarding_info: _common_pb2.ForwardingInfo
    resource: _common_pb2.ByteStreamResource
    client_token: str
    encryption_config: _common_pb2.Resource
    def __init__(self, aggregation_protocol_forwarding_info: _Optional[_Union[_common_pb2.ForwardingInfo, _Mapping]] = ..., resource: _Optional[_Union[_common_pb2.ByteStreamResource, _Mapping]] = ..., client_token: _Optional[str] = ..., encryption_config: _Optional[_Union[_common_pb2.Resource, _Mapping]] = ...) -> None: ...

class SubmitConfidentialAggregationResultRequest(_message.Message):
    __slots__ = ("aggregation_id", "client_token", "resource_name")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_NAME_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    client_token: str
    resource_name: str
    def __init__(self, aggregation_id: _Optional[str] = ..., client_token: _Optional[str] = ..., resource_name: _Optional[str] = ...) -> None: ...

class SubmitConfidentialAggregationResultResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AbortConfidentialAggregationRequest(_message.Message):
    __slots__ = ("aggregation_id", "client_token", "status")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    client_token: str
    status: _status_pb2.Status
    def __init__(self, aggregation_id: _Optional[str] = ..., client_token: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class AbortConfidentialAggregationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RevokeConfidentialAggregationResultRequest(_message.Message):
    __slots__ = ("aggregation_id", "public_key_id", "blob_id", "key_id")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    BLOB_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    public_key_id: int
    blob_id: bytes
    key_id: bytes
    def __init__(self, aggregation_id: _Optional[str] = ..., public_key_id: _Optional[int] = ..., blob_id: _Optional[bytes] = ..., key_id: _Optional[bytes] = ...) -> None: ...

class RevokeConfidentialAggregationResultResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
