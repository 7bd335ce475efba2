# Made from proto/fcp/protos/federated_api.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

TaskEligibilityInfo = _pool.message("google.internal.federatedml.v2.TaskEligibilityInfo")
TaskWeight = _pool.message("google.internal.federatedml.v2.TaskWeight")
CompressionLevel = _pool.enum("google.internal.federatedml.v2.CompressionLevel")
HttpCompressionFormat = _pool.enum("google.internal.federatedml.v2.HttpCompressionFormat")
UNCOMPRESSED = CompressionLevel.Value("UNCOMPRESSED")
ZLIB_DEFAULT = CompressionLevel.Value("ZLIB_DEFAULT")
ZLIB_BEST_COMPRESSION = CompressionLevel.Value("ZLIB_BEST_COMPRESSION")
ZLIB_BEST_SPEED = CompressionLevel.Value("ZLIB_BEST_SPEED")
HTTP_COMPRESSION_FORMAT_UNSPECIFIED = HttpCompressionFormat.Value("HTTP_COMPRESSION_FORMAT_UNSPECIFIED")
HTTP_COMPRESSION_FORMAT_GZIP = HttpCompressionFormat.Value("HTTP_COMPRESSION_FORMAT_GZIP")
