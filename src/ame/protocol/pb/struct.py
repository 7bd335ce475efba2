# Made from proto/tensorflow/core/protobuf/struct.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

TensorSpecProto = _pool.message("tensorflow.TensorSpecProto")
