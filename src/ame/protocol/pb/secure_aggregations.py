# Made from proto/fcp/protos/federatedcompute/secure_aggregations.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

StartSecureAggregationRequest = _pool.message("google.internal.federatedcompute.v1.StartSecureAggregationRequest")
StartSecureAggregationMetadata = _pool.message("google.internal.federatedcompute.v1.StartSecureAggregationMetadata")
StartSecureAggregationResponse = _pool.message("google.internal.federatedcompute.v1.StartSecureAggregationResponse")
SecureAggregandExecutionInfo = _pool.message("google.internal.federatedcompute.v1.SecureAggregandExecutionInfo")
SecureAggregationProtocolExecutionInfo = _pool.message("google.internal.federatedcompute.v1.SecureAggregationProtocolExecutionInfo")
AbortSecureAggregationRequest = _pool.message("google.internal.federatedcompute.v1.AbortSecureAggregationRequest")
AbortSecureAggregationResponse = _pool.message("google.internal.federatedcompute.v1.AbortSecureAggregationResponse")
AdvertiseKeysRequest = _pool.message("google.internal.federatedcompute.v1.AdvertiseKeysRequest")
AdvertiseKeysMetadata = _pool.message("google.internal.federatedcompute.v1.AdvertiseKeysMetadata")
AdvertiseKeysResponse = _pool.message("google.internal.federatedcompute.v1.AdvertiseKeysResponse")
ShareKeysRequest = _pool.message("google.internal.federatedcompute.v1.ShareKeysRequest")
ShareKeysMetadata = _pool.message("google.internal.federatedcompute.v1.ShareKeysMetadata")
ShareKeysResponse = _pool.message("google.internal.federatedcompute.v1.ShareKeysResponse")
SubmitSecureAggregationResultRequest = _pool.message("google.internal.federatedcompute.v1.SubmitSecureAggregationResultRequest")
SubmitSecureAggregationResultMetadata = _pool.message("google.internal.federatedcompute.v1.SubmitSecureAggregationResultMetadata")
SubmitSecureAggregationResultResponse = _pool.message("google.internal.federatedcompute.v1.SubmitSecureAggregationResultResponse")
UnmaskRequest = _pool.message("google.internal.federatedcompute.v1.UnmaskRequest")
UnmaskResponse = _pool.message("google.internal.federatedcompute.v1.UnmaskResponse")
