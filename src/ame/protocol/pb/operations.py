# Made from proto/google/longrunning/operations.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

Operation = _pool.message("google.longrunning.Operation")
GetOperationRequest = _pool.message("google.longrunning.GetOperationRequest")
CancelOperationRequest = _pool.message("google.longrunning.CancelOperationRequest")
WaitOperationRequest = _pool.message("google.longrunning.WaitOperationRequest")
