# Made from proto/google/rpc/code.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

Code = _pool.enum("google.rpc.Code")
OK = Code.Value("OK")
CANCELLED = Code.Value("CANCELLED")
UNKNOWN = Code.Value("UNKNOWN")
INVALID_ARGUMENT = Code.Value("INVALID_ARGUMENT")
DEADLINE_EXCEEDED = Code.Value("DEADLINE_EXCEEDED")
NOT_FOUND = Code.Value("NOT_FOUND")
ALREADY_EXISTS = Code.Value("ALREADY_EXISTS")
PERMISSION_DENIED = Code.Value("PERMISSION_DENIED")
RESOURCE_EXHAUSTED = Code.Value("RESOURCE_EXHAUSTED")
FAILED_PRECONDITION = Code.Value("FAILED_PRECONDITION")
ABORTED = Code.Value("ABORTED")
OUT_OF_RANGE = Code.Value("OUT_OF_RANGE")
UNIMPLEMENTED = Code.Value("UNIMPLEMENTED")
INTERNAL = Code.Value("INTERNAL")
UNAVAILABLE = Code.Value("UNAVAILABLE")
DATA_LOSS = Code.Value("DATA_LOSS")
UNAUTHENTICATED = Code.Value("UNAUTHENTICATED")
