"""`fobs` by NVFLARE's names. Values, arrays and tensors travel here without code that takes them
apart, so to register such code has no effect, and nothing is ever unpickled.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, BinaryIO

from ame.federation.exchange import codec
from ame.federation.spec.component import Widget


class Decomposer(ABC):
    """Takes values of a type apart; kept for jobs that define one."""

    @abstractmethod
    def supported_type(self) -> type[Any]:
        """Of which type."""

    def decompose(self, target: Any, manager: Any = None) -> Any:
        """A value taken apart: as it is."""
        return target

    def recompose(self, data: Any, manager: Any = None) -> Any:
        """A value put together: as it is."""
        return data


class _Known(Decomposer):
    def supported_type(self) -> type[Any]:
        return object


class TensorDecomposer(_Known):
    """Of torch's tensors, which travel anyway."""


class NumpyArrayDecomposer(_Known):
    """Of NumPy's arrays, which travel anyway."""


class NumpyScalarDecomposer(_Known):
    """Of NumPy's numbers, which travel anyway."""


class Float64ScalarDecomposer(_Known):
    """Of NumPy's numbers, which travel anyway."""


class Float32ScalarDecomposer(_Known):
    """Of NumPy's numbers, which travel anyway."""


class Int64ScalarDecomposer(_Known):
    """Of NumPy's numbers, which travel anyway."""


class Int32ScalarDecomposer(_Known):
    """Of NumPy's numbers, which travel anyway."""


class FLModelDecomposer(_Known):
    """Of models, which travel anyway."""


class DXODecomposer(_Known):
    """Of DXOs, which travel anyway."""


class ContextDecomposer(_Known):
    """Of contexts, which never travel."""


class DictDecomposer(_Known):
    """Of dicts, which travel anyway."""

    def __init__(self, dict_type: type[Any]) -> None:
        self.dict_type = dict_type

    def supported_type(self) -> type[Any]:
        """Which dicts."""
        return self.dict_type


class DataClassDecomposer(_Known):
    """Of a data class: send its fields as a dict."""

    def __init__(self, data_type: type[Any]) -> None:
        self.data_type = data_type

    def supported_type(self) -> type[Any]:
        """Which one."""
        return self.data_type


class EnumTypeDecomposer(DataClassDecomposer):
    """Of an enumeration: send the values of its members."""


class DecomposerRegister(Widget):
    """A component that names decomposers; it has nothing to do here."""

    def __init__(self, classes: Any) -> None:
        """`classes`: a list of their paths.

        Raises:
            TypeError: it is no list of texts.
        """
        super().__init__()
        if not isinstance(classes, list) or not all(isinstance(each, str) for each in classes):
            message = f"classes must be a list of the paths of decomposers, not {classes!r}"
            raise TypeError(message)
        self.classes = classes


def register(decomposer: object = None) -> None:
    """Has no effect: see above."""


def register_data_classes(*data_classes: type[Any]) -> None:
    """Has no effect: send the fields of such values as a dict."""


def register_enum_types(*enum_types: type[Any]) -> None:
    """Has no effect: send the values of such members."""


def register_folder(folder: str, package: str) -> None:
    """Has no effect: see above."""


def fobs_registration() -> None:
    """Has no effect: see above."""


def register_framework_decomposers(params_exchange_format: object = None) -> None:
    """Has no effect: see above."""


def dump_to_bytes(obj: Any, **kwargs: Any) -> bytes:
    """A value as bytes.

    Raises:
        TypeError: it holds something that does not travel, named with its place.
    """
    return codec.pack(obj)


def load_from_bytes(data: bytes, **kwargs: Any) -> Any:
    """What `dump_to_bytes` was given.

    Raises:
        ValueError: these are no such bytes.
    """
    return codec.unpack(bytes(data))


def dump_to_stream(obj: Any, stream: BinaryIO, **kwargs: Any) -> None:
    """Writes a value."""
    stream.write(codec.pack(obj))


def load_from_stream(stream: BinaryIO, **kwargs: Any) -> Any:
    """Reads one."""
    return codec.unpack(stream.read())


def dump_to_file(obj: Any, file_path: str, **kwargs: Any) -> None:
    """Writes a value."""
    Path(file_path).write_bytes(codec.pack(obj))


def load_from_file(file_path: str, **kwargs: Any) -> Any:
    """Reads one."""
    return codec.unpack(Path(file_path).read_bytes())


dumps = serialize = dump_to_bytes
loads = deserialize = load_from_bytes
dump = serialize_stream = dump_to_stream
load = deserialize_stream = load_from_stream
dumpf = dump_to_file
loadf = load_from_file
