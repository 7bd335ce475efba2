# Made from proto/tensorflow/core/example/example.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

BytesList = _pool.message("tensorflow.BytesList")
FloatList = _pool.message("tensorflow.FloatList")
Int64List = _pool.message("tensorflow.Int64List")
Feature = _pool.message("tensorflow.Feature")
Features = _pool.message("tensorflow.Features")
Example = _pool.message("tensorflow.Example")
