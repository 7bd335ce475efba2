# Made from proto/tensorflow/core/protobuf/saver.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

SaverDef = _pool.message("tensorflow.SaverDef")
