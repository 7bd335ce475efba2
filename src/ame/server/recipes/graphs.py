"""Server graphs of plans, run by TensorFlow, which is imported here and only when it is needed.

Its import takes seconds. A server that meanwhile answers devices must not stand still: so it is
imported in a thread, its libraries are loaded without the interpreter's lock, and no garbage is
looked for among what comes with it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from google.protobuf.message import DecodeError

from ame import errors
from ame.server.recipes.expected import Form

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from google.protobuf.any_pb2 import Any as Packed

    from ame.protocol.pb import plan as pb
    from ame.protocol.tensors import Array

RESTORES: Final = frozenset({"Restore", "RestoreSlice", "RestoreV2"})
LIBRARIES: Final = ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2")
"""Of TensorFlow, in the order of their loading; they know nothing of Python."""
_IMPORTING: Final = threading.Lock()


def tensorflow() -> Any:  # noqa: ANN401 - it has no types
    """TensorFlow, imported once; other threads go on meanwhile.

    Raises:
        errors.ExtraMissing: it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _IMPORTING, _unhindered():
        try:
            import tensorflow as tf  # type: ignore[import-untyped]  # it has no types
        except ModuleNotFoundError:
            raise errors.ExtraMissing("tensorflow", "the server part of a plan") from None
    return tf


@contextmanager
def _unhindered() -> Iterator[None]:
    """Has TensorFlow imported in the block without long holds of the interpreter's lock."""
    if "tensorflow" in sys.modules:
        yield
        return
    load_libraries()
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()


def load_libraries() -> None:
    """Has the system load TensorFlow's libraries. Python's import would hold its lock for that.

    Where one cannot be loaded, or has another name here, it is the import that tells.
    """
    found = importlib.util.find_spec("tensorflow")
    load = ctypes.CDLL(None).dlopen
    load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for place in found.submodule_search_locations or () if found else ():
        for path in (Path(place) / name for name in LIBRARIES):
            if path.exists():
                load(os.fsencode(path), os.RTLD_NOW)


class Graph:
    """A graph that was loaded; each use of it is a session of its own."""

    def __init__(self, packed: Packed, config: Packed) -> None:
        """`config` is TensorFlow's `ConfigProto`, or empty.

        Raises:
            errors.ExtraMissing: there is no TensorFlow.
            errors.RecipeInvalid: it is no graph, or one that this TensorFlow cannot read.
        """
        self._tf = tf = tensorflow()
        self._graph = tf.Graph()
        try:
            read = tf.compat.v1.GraphDef.FromString(packed.value)
            self._config = tf.compat.v1.ConfigProto.FromString(config.value)
            with self._graph.as_default():
                tf.import_graph_def(read, name="")
        except (DecodeError, TypeError, ValueError, tf.errors.OpError) as error:
            raise errors.RecipeInvalid(
                "plan", f"its server graph cannot be read: {error}"
            ) from None

    def check(self, names: Sequence[str]) -> None:
        """Sees that there are operations and tensors of these names.

        Raises:
            errors.RecipeInvalid: there is none of a name.
        """
        for name in names:
            try:
                self._graph.as_graph_element(name)
            except (KeyError, ValueError):
                raise errors.RecipeInvalid("plan", f"its graph has no {name}") from None

    def restored(self, name: str) -> dict[str, Form]:
        """What an operation restores from a checkpoint, by the names that are read there."""
        forms: dict[str, Form] = {}
        waiting, seen = [self._graph.get_operation_by_name(_operation(name))], set()
        while waiting:
            each = waiting.pop()
            if each.name in seen:
                continue
            seen.add(each.name)
            waiting += [*each.control_inputs, *(tensor.op for tensor in each.inputs)]
            if each.type in RESTORES and each.inputs[1].op.type == "Const":
                names = self._tf.make_ndarray(each.inputs[1].op.get_attr("value"))
                for place, tensor in zip(np.atleast_1d(names), each.outputs, strict=True):
                    dtype = np.dtype(tensor.dtype.as_numpy_dtype)
                    forms[place.decode()] = Form(dtype=dtype, shape=self._kept(tensor))
        return forms

    def _kept(self, tensor: Any) -> tuple[int, ...] | None:  # noqa: ANN401 - a TensorFlow tensor
        """The shape of the variable that takes a tensor; none where it is not known."""
        for user in tensor.consumers():
            if user.type == "Identity":
                found = self._kept(user.outputs[0])
            elif user.type == "AssignVariableOp" and user.inputs[0].op.type == "VarHandleOp":
                shape = self._tf.TensorShape(user.inputs[0].op.get_attr("shape"))
                found = tuple(shape) if shape.is_fully_defined() else None
            elif user.type == "Assign":
                shape = user.inputs[0].shape
                found = tuple(shape) if shape.is_fully_defined() else None
            else:
                continue
            if found is not None:
                return found
        return None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that ends with the block."""
        session = self.begin()
        try:
            yield session
        finally:
            session.close()

    def begin(self) -> Session:
        """A session, which is closed at the latest when it is no longer used."""
        return Session(self._tf, self._tf.compat.v1.Session(graph=self._graph, config=self._config))


class Session:
    """A use of a graph, with variables of its own."""

    def __init__(self, tf: Any, session: Any) -> None:  # noqa: ANN401 - TensorFlow has no types
        self._tf = tf
        self._session = session

    def run(self, targets: Sequence[str], feed: Mapping[str, object] | None = None) -> list[Any]:
        """Runs operations, and fetches tensors, all of them at once.

        Raises:
            errors.ServerPartFailed: TensorFlow says why.
        """
        try:
            made: list[Any] = self._session.run(list(targets), dict(feed or {}))
        except (self._tf.errors.OpError, KeyError, TypeError, ValueError) as error:
            said = getattr(error, "message", "") or str(error)
            raise errors.ServerPartFailed(", ".join(targets), said) from None
        return made

    def restore(self, op: pb.CheckpointOp, content: bytes, beside: Mapping[str, Array]) -> None:
        """Reads a checkpoint as a plan says. `beside`: the tensors that come by a side channel."""
        saver = op.saver_def
        with _file(content) as path:
            feed: dict[str, object] = _token(op)
            for name, channel in op.side_channel_tensors.items():
                feed[channel.restore_name] = beside[name]
            if saver.filename_tensor_name:
                feed[saver.filename_tensor_name] = str(path)
            for name in (op.before_restore_op, saver.restore_op_name, op.after_restore_op):
                if name:
                    self.run([name], feed)

    def save(self, op: pb.CheckpointOp) -> bytes:
        """Writes a checkpoint as a plan says.

        Raises:
            errors.ServerPartFailed: TensorFlow says why; or it was no version 1 checkpoint.
        """
        saver = op.saver_def
        with _file() as path:
            feed = {**_token(op), saver.filename_tensor_name: str(path)}
            for name in (op.before_save_op, saver.save_tensor_name, op.after_save_op):
                if name:
                    self.run([name], feed)
            return written(path, saver.save_tensor_name)

    def close(self) -> None:
        """Gives its variables' memory back."""
        self._session.close()


def written(path: Path, by: str) -> bytes:
    """A file that a graph was to write.

    Raises:
        errors.ServerPartFailed: it did not.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise errors.ServerPartFailed(by, "no version 1 checkpoint was written") from None


@contextmanager
def _file(content: bytes | None = None) -> Iterator[Path]:
    """A path for a checkpoint, with this content if there is any."""
    with tempfile.TemporaryDirectory(prefix="ame-plan-") as folder:
        path = Path(folder) / "checkpoint"
        if content is not None:
            path.write_bytes(content)
        yield path


def _token(op: pb.CheckpointOp) -> dict[str, object]:
    """The session of a federated select, of which there is none."""
    return {op.session_token_tensor_name: b""} if op.session_token_tensor_name else {}


def _operation(name: str) -> str:
    return name.partition(":")[0].removeprefix("^")
