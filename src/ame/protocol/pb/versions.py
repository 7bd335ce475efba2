# Made from proto/tensorflow/core/framework/versions.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

VersionDef = _pool.message("tensorflow.VersionDef")
