# Made from proto/fcp/protos/federatedcompute/common.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

ForwardingInfo = _pool.message("google.internal.federatedcompute.v1.ForwardingInfo")
AttestationMeasurement = _pool.message("google.internal.federatedcompute.v1.AttestationMeasurement")
ClientVersion = _pool.message("google.internal.federatedcompute.v1.ClientVersion")
Resource = _pool.message("google.internal.federatedcompute.v1.Resource")
ResourceCapabilities = _pool.message("google.internal.federatedcompute.v1.ResourceCapabilities")
RejectionInfo = _pool.message("google.internal.federatedcompute.v1.RejectionInfo")
RetryWindow = _pool.message("google.internal.federatedcompute.v1.RetryWindow")
AuthenticationMetadata = _pool.message("google.internal.federatedcompute.v1.AuthenticationMetadata")
KeyAttestationAuthMetadata = _pool.message("google.internal.federatedcompute.v1.KeyAttestationAuthMetadata")
RejectionReason = _pool.message("google.internal.federatedcompute.v1.RejectionReason")
ByteStreamResource = _pool.message("google.internal.federatedcompute.v1.ByteStreamResource")
ResourceCompressionFormat = _pool.enum("google.internal.federatedcompute.v1.ResourceCompressionFormat")
RESOURCE_COMPRESSION_FORMAT_UNSPECIFIED = ResourceCompressionFormat.Value("RESOURCE_COMPRESSION_FORMAT_UNSPECIFIED")
RESOURCE_COMPRESSION_FORMAT_GZIP = ResourceCompressionFormat.Value("RESOURCE_COMPRESSION_FORMAT_GZIP")
