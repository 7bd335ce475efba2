"""The pool of all descriptors of the protocol.

It is our own. Other packages of a process may bring the same messages, TensorFlow its own and a
peer's client the public ones, and none of them finds its names taken.
"""

from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper


def _filled() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    described = resources.files(__package__).joinpath("descriptors.binpb").read_bytes()
    for file in descriptor_pb2.FileDescriptorSet.FromString(described).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL = _filled()


def message(name: str) -> Any:  # noqa: ANN401 - the stub beside each module says which
    """The class of a message, by its full name."""
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


def enum(name: str) -> Any:  # noqa: ANN401 - the stub beside each module says which
    """The names and numbers of an enum, by its full name."""
    return enum_type_wrapper.EnumTypeWrapper(POOL.FindEnumTypeByName(name))
