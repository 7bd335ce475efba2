# Made from proto/tensorflow/core/framework/tensor_slice.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

TensorSliceProto = _pool.message("tensorflow.TensorSliceProto")
