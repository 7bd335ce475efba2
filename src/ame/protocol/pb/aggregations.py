# Made from proto/fcp/protos/federatedcompute/aggregations.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

StartAggregationDataUploadRequest = _pool.message("google.internal.federatedcompute.v1.StartAggregationDataUploadRequest")
StartAggregationDataUploadMetadata = _pool.message("google.internal.federatedcompute.v1.StartAggregationDataUploadMetadata")
StartAggregationDataUploadResponse = _pool.message("google.internal.federatedcompute.v1.StartAggregationDataUploadResponse")
SubmitAggregationResultRequest = _pool.message("google.internal.federatedcompute.v1.SubmitAggregationResultRequest")
SubmitAggregationResultResponse = _pool.message("google.internal.federatedcompute.v1.SubmitAggregationResultResponse")
AbortAggregationRequest = _pool.message("google.internal.federatedcompute.v1.AbortAggregationRequest")
AbortAggregationResponse = _pool.message("google.internal.federatedcompute.v1.AbortAggregationResponse")
