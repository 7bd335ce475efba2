# Made from proto/google/rpc/status.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

Status = _pool.message("google.rpc.Status")
