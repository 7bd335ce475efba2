# Made from proto/fcp/protos/federatedcompute/secure_aggregations.proto by tools/protos.py. Not to be edited.
import datetime

from ame.protocol.pb import common as _common_pb2
from ame.protocol.pb import secagg_messages as _secagg_messages_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from ame.protocol.pb import status as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StartSecureAggregationRequest(_message.Message):
    __slots__ = ("aggregation_id", "authorization_token")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    authorization_token: str
    def __init__(self, aggregation_id: _Optional[str] = ..., authorization_token: _Optional[str] = ...) -> None: ...

class StartSecureAggregationMetadata(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StartSecureAggregationResponse(_message.Message):
    __slots__ = ("secagg_protocol_forwarding_info", "secure_aggregands", "protocol_execution_info", "masked_result_resource", "nonmasked_result_resource", "client_token")
    class SecureAggregandsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SecureAggregandExecutionInfo
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SecureAggregandExecutionInfo, _Mapping]] = ...) -> None: ...
    SECAGG_PROTOCOL_FORWARDING_INFO_FIELD_NUMBER: _ClassVar[int]
    SECURE_AGGREGANDS_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_EXECUTION_INFO_FIELD_NUMBER: _ClassVar[int]
    MASKED_RESULT_RESOURCE_FIELD_NUMBER: _ClassVar[int]
    NONMASKED_RESULT_RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    secagg_protocol_forwarding_info: _common_pb2.ForwardingInfo
    secure_aggregands: _containers.MessageMap[str, SecureAggregandExecutionInfo]
    protocol_execution_info: SecureAggregationProtocolExecutionInfo
    masked_result_resource: _common_pb2.ByteStreamResource
    nonmasked_result_resource: _common_pb2.ByteStreamResource
    client_token: str
    def __init__(self, secagg_protocol_forwarding_info: _Optional[_Union[_common_pb2.ForwardingInfo, _Mapping]] = ..., secure_aggregands: _Optional[_Mapping[str, SecureAggregandExecutionInfo]] = ..., protocol_execution_info: _Optional[_Union[SecureAggregationProtocolExecutionInfo, _Mapping]] = ..., masked_result_resource: _Optional[_Union[_common_pb2.ByteStreamResource, _Mapping]] = ..., nonmasked_result_resource: _Optional[_Union[_common_pb2.ByteStreamResource, _Mapping]] = ..., client_token: _Optional[str] = ...) -> None: ...

class SecureAggregandExecutionInfo(_message.Message):
    __slots__ = ("modulus",)
    MODULUS_FIELD_NUMBER: _ClassVar[int]
    modulus: int
    def __init__(self, modulus: _Optional[int] = ...) -> None: ...

class SecureAggregationProtocolExecutionInfo(_message.Message):
    __slots__ = ("expected_number_of_clients", "minimum_surviving_clients_for_reconstruction")
    EXPECTED_NUMBER_OF_CLIENTS_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_SURVIVING_CLIENTS_FOR_RECONSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    expected_number_of_clients: int
    minimum_surviving_clients_for_reconstruction: int
    def __init__(self, expected_number_of_clients: _Optional[int] = ..., minimum_surviving_clients_for_reconstruction: _Optional[int] = ...) -> None: ...

class AbortSecureAggregationRequest(_message.Message):
    __slots__ = ("aggregation_id", "client_token", "status")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    client_token: str
    status: _status_pb2.Status
    def __init__(self, aggregation_id: _Optional[str] = ..., client_token: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class AbortSecureAggregationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AdvertiseKeysRequest(_message.Message):
    __slots__ = ("aggregation_id", "client_token", "advertise_keys")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ADVERTISE_KEYS_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    client_token: str
    advertise_keys: _secagg_messages_pb2.AdvertiseKeys
    def __init__(self, aggregation_id: _Optional[str] = ..., client_token: _Optional[str] = ..., advertise_keys: _Optional[_Union[_secagg_messages_pb2.AdvertiseKeys, _Mapping]] = ...) -> None: ...

class AdvertiseKeysMetadata(_message.Message):
    __slots__ = ("polling_interval",)
    POLLING_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    polling_interval: _duration_pb2.Duration
    def __init__(self, polling_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class AdvertiseKeysResponse(_message.Message):
    __slots__ = ("share_keys_server_request",)
    SHARE_KEYS_SERVER_REQUEST_FIELD_NUMBER: _ClassVar[int]
    share_keys_server_request: _secagg_messages_pb2.ShareKeysRequest
    def __init__(self, share_keys_server_request: _Optional[_Union[_secagg_messages_pb2.ShareKeysRequest, _Mapping]] = ...) -> None: ...

class ShareKeysRequest(_message.Message):
    __slots__ = ("aggregation_id", "client_token", "share_keys_client_response")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SHARE_KEYS_CLIENT_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    client_token: str
    share_keys_client_response: _secagg_messages_pb2.ShareKeysResponse
    def __init__(self, aggregation_id: _Optional[str] = ..., client_token: _Optional[str] = ..., share_keys_client_response: _Optional[_Union[_secagg_messages_pb2.ShareKeysResponse, _Mapping]] = ...) -> None: ...

class ShareKeysMetadata(_message.Message):
    __slots__ = ("polling_interval",)
    POLLING_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    polling_interval: _duration_pb2.Duration
    def __init__(self, polling_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ShareKeysResponse(_message.Message):
    __slots__ = ("masked_input_collection_server_request",)
    MASKED_INPUT_COLLECTION_SERVER_REQUEST_FIELD_NUMBER: _ClassVar[int]
    masked_input_collection_server_request: _secagg_messages_pb2.MaskedInputCollectionRequest
    def __init__(self, masked_input_collection_server_request: _Optional[_Union[_secagg_messages_pb2.MaskedInputCollectionRequest, _Mapping]] = ...) -> None: ...

class SubmitSecureAggregationResultRequest(_message.Message):
    __slots__ = ("aggregation_id", "client_token", "masked_result_resource_name", "nonmasked_result_resource_name")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MASKED_RESULT_RESOURCE_NAME_FIELD_NUMBER: _ClassVar[int]
    NONMASKED_RESULT_RESOURCE_NAME_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    client_token: str
    masked_result_resource_name: str
    nonmasked_result_resource_name: str
    def __init__(self, aggregation_id: _Optional[str] = ..., client_token: _Optional[str] = ..., masked_result_resource_name: _Optional[str] = ..., nonmasked_result_resource_name: _Optional[str] = ...) -> None: ...

class SubmitSecureAggregationResultMetadata(_message.Message):
    __slots__ = ("polling_interval",)
    POLLING_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    polling_interval: _duration_pb2.Duration
    def __init__(self, polling_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SubmitSecureAggregationResultResponse(_message.Message):
    __slots__ = ("unmasking_server_request",)
    UNMASKING_SERVER_REQUEST_FIELD_NUMBER: _ClassVar[int]
    unmasking_server_request: _secagg_messages_pb2.UnmaskingRequest
    def __init__(self, unmasking_server_request: _Optional[_Union[_secagg_messages_pb2.UnmaskingRequest, _Mapping]] = ...) -> None: ...

class UnmaskRequest(_message.Message):
    __slots__ = ("aggregation_id", "client_token", "unmasking_client_response")
    AGGREGATION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    UNMASKING_CLIENT_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    aggregation_id: str
    client_token: str
    unmasking_client_response: _secagg_messages_pb2.UnmaskingResponse
    def __init__(self, aggregation_id: _Optional[str] = ..., client_token: _Optional[str] = ..., unmasking_client_response: _Optional[_Union[_secagg_messages_pb2.UnmaskingResponse, _Mapping]] = ...) -> None: ...

class UnmaskResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
