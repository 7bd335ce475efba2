# Made from proto/tensorflow/core/framework/tensor.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

TensorProto = _pool.message("tensorflow.TensorProto")
