# Made from proto/fcp/protos/federatedcompute/confidential_aggregations.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

StartConfidentialAggregationDataUploadRequest = _pool.message("google.internal.federatedcompute.v1.StartConfidentialAggregationDataUploadRequest")
StartConfidentialAggregationDataUploadMetadata = _pool.message("google.internal.federatedcompute.v1.StartConfidentialAggregationDataUploadMetadata")
StartConfidentialAggregationDataUploadResponse = _pool.message("google.internal.federatedcompute.v1.StartConfidentialAggregationDataUploadResponse")
SubmitConfidentialAggregationResultRequest = _pool.message("google.internal.federatedcompute.v1.SubmitConfidentialAggregationResultRequest")
SubmitConfidentialAggregationResultResponse = _pool.message("google.internal.federatedcompute.v1.SubmitConfidentialAggregationResultResponse")
AbortConfidentialAggregationRequest = _pool.message("google.internal.federatedcompute.v1.AbortConfidentialAggregationRequest")
AbortConfidentialAggregationResponse = _pool.message("google.internal.federatedcompute.v1.AbortConfidentialAggregationResponse")
RevokeConfidentialAggregationResultRequest = _pool.message("google.internal.federatedcompute.v1.RevokeConfidentialAggregationResultRequest")
RevokeConfidentialAggregationResultResponse = _pool.message("google.internal.federatedcompute.v1.RevokeConfidentialAggregationResultResponse")
