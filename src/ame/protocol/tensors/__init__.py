"""Tensors on the wire and on disk: TensorProto, version 1 checkpoints, FCv1. No TensorFlow."""

from ame.protocol.tensors import checkpoint, fcv1, tensor
from ame.protocol.tensors.tensor import Array, Shape

__all__ = ["Array", "Shape", "checkpoint", "fcv1", "tensor"]
