# Made from proto/tensorflow/core/util/saved_tensor_slice.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

SavedSliceMeta = _pool.message("tensorflow.SavedSliceMeta")
SavedTensorSliceMeta = _pool.message("tensorflow.SavedTensorSliceMeta")
SavedSlice = _pool.message("tensorflow.SavedSlice")
SavedTensorSlices = _pool.message("tensorflow.SavedTensorSlices")
