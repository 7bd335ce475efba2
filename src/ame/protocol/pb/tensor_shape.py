# Made from proto/tensorflow/core/framework/tensor_shape.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

TensorShapeProto = _pool.message("tensorflow.TensorShapeProto")
