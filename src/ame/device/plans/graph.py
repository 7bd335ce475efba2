"""Plans whose computation is a graph of TensorFlow, run in this process."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ame import errors
from ame.protocol.pb import plan as pb
from ame.protocol.tensors import tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ame.device.plans.loaded import Lay

TF = Any
"""TensorFlow and what is of it, which has no types."""
EXTERNAL: Final = "ExternalDataset"
STATEFUL: Final = frozenset({"VarHandleOp", "VariableV2", "Variable", "HashTableV2"})
"""What lives in a session: runs of such a graph have one each."""


def tensorflow() -> TF:
    """TensorFlow, which says less than it would."""
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same bits on every machine
    try:
        import tensorflow as tf  # type: ignore[import-untyped]  # it has none
    except ImportError:
        raise errors.ExtraMissing("tensorflow", "a plan that is a graph") from None
    return tf


class Graph:
    """A graph that is ready to run. It promises what `Loaded` does."""

    def __init__(self, plan: pb.ClientOnlyPlan, *, threads: int) -> None:
        """Loads it; `threads` runs share the machine.

        Raises:
            errors.PlanInvalid: it is no graph, or names tensors that it does not have.
        """
        self._tf = tensorflow()
        self._spec = plan.phase.tensorflow_spec
        router = plan.phase.WhichOneof("io_router")
        self._router = plan.phase.federated_compute
        self._told = plan.phase.federated_compute_eligibility.task_eligibility_info_tensor_name
        self._input = getattr(plan.phase, router).input_filepath_tensor_name if router else ""
        definition = _parsed(self._tf, plan.graph)
        self._runs: dict[bytes, Lay] = {}
        self._laid = self._lay  # held here, as what TensorFlow knows by the name is not
        called = _named(self._laid)
        self.selectors = _external(self._tf, definition, self._spec.example_selector, called)
        nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
        self._shared = not any(node.op in STATEFUL for node in nodes)
        self._graph = self._tf.Graph()
        with self._graph.as_default():
            try:
                self._tf.graph_util.import_graph_def(definition, name="")
            except (ValueError, self._tf.errors.OpError) as error:
                raise errors.PlanInvalid(str(error)) from None
        self._config = self._tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=1 if threads > 1 else 0,
            inter_op_parallelism_threads=1 if threads > 1 else 0,
        )
        if plan.HasField("tensorflow_config_proto"):
            self._config.MergeFromString(plan.tensorflow_config_proto.value)
        self._targets = self._found()
        self._constants: dict[str, Any] = {
            name: tensor.read(memoryview(value.SerializeToString()))
            for name, value in self._spec.constant_inputs.items()
        }
        self._session: Any = None
        self._lock = threading.Lock()

    def run(self, examples: Path, checkpoint: Path, output: Path, lay: Lay) -> None:
        """See `Loaded`."""
        more = {self._router.output_filepath_tensor_name: str(output)}
        self._run(examples, checkpoint, more, lay)

    def tell(self, examples: Path, checkpoint: Path, lay: Lay) -> bytes:
        """See `Loaded`."""
        made = self._run(examples, checkpoint, {}, lay)[-1]
        if not isinstance(made, bytes):
            raise errors.PlanFailed(f"{self._told} is no scalar of text")
        return made

    def _run(
        self, examples: Path, checkpoint: Path, more: Mapping[str, str], lay: Lay
    ) -> list[Any]:
        """Runs it with these paths, and returns what its targets come to."""
        given = {
            self._spec.dataset_token_tensor_name: str(examples),
            self._input: str(checkpoint),
            **more,
        }
        feed = self._constants | {name: value for name, value in given.items() if name}
        self._runs[str(examples).encode()] = lay
        try:
            with self._opened() as session:
                made: list[Any] = session.run(self._targets, feed_dict=feed)
        except self._tf.errors.OpError as error:
            raise errors.PlanFailed(str(error.message).partition("\n")[0]) from None
        finally:
            del self._runs[str(examples).encode()]
        return made

    def _lay(self, folder: bytes, selector: bytes) -> bytes:
        """Called by the graph, whose token is the folder of a run."""
        return self._runs[bytes(folder)](bytes(selector)).encode()

    def close(self) -> None:
        """See `Loaded`."""
        if self._session is not None:
            self._session.close()

    def _found(self) -> list[Any]:
        """The operations to run and the tensors to compute, as the plan names them."""
        names = (
            *self._constants_named(),
            *(each.name for each in self._spec.output_tensor_specs),
            *self._spec.target_node_names,
            *([self._told] if self._told else ()),
        )
        try:
            known = [self._graph.as_graph_element(name) for name in names]
        except (KeyError, ValueError) as error:
            raise errors.PlanInvalid(str(error)) from None
        if not self._spec.target_node_names and not self._told:
            raise errors.PlanInvalid("it names nothing to run")
        return known[len(self._constants_named()) :]

    def _constants_named(self) -> tuple[str, ...]:
        """What is fed, all of which has to be in the graph."""
        named = (
            self._spec.dataset_token_tensor_name,
            self._input,
            self._router.output_filepath_tensor_name,
            *self._spec.constant_inputs,
        )
        return tuple(name for name in named if name)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """A session: one for all runs, where nothing lives in it."""
        if not self._shared:
            with self._tf.compat.v1.Session(graph=self._graph, config=self._config) as session:
                yield session
            return
        with self._lock:
            if self._session is None:
                self._session = self._tf.compat.v1.Session(graph=self._graph, config=self._config)
        yield self._session


def _parsed(tf: TF, content: bytes) -> TF:
    definition = tf.compat.v1.GraphDef()
    try:
        definition.ParseFromString(content)
    except Exception as error:  # noqa: BLE001 - TensorFlow's protobuf may be another than ours
        raise errors.PlanInvalid(f"its graph cannot be read: {error}") from None
    return definition


def _external(
    tf: TF, definition: TF, default: pb.ExampleSelector, called: str
) -> tuple[pb.ExampleSelector, ...]:
    """Has the examples read from files, and returns which examples are wanted.

    Where a graph asks for a data set by the token and a selector, it will read the file of that
    selector's number in the folder that the token names. A selector that is computed is handed to
    the function that TensorFlow calls by this name, which says where the file is.
    """
    selectors: dict[bytes, int] = {}
    for nodes, ends in ((definition.node, ("", "")), *_bodies(definition)):
        by_name = {node.name: node for node in nodes}
        for node in [each for each in nodes if each.op == EXTERNAL]:
            asked = by_name.get(node.input[1].partition(":")[0])
            if asked is None or asked.op != "Const":
                _ask(tf, nodes, node, called, ends)
                continue
            wanted = bytes(asked.attr["value"].tensor.string_val[0])
            number = selectors.setdefault(wanted or default.SerializeToString(), len(selectors))
            token = node.input[0]
            _constants(nodes, node, {"number": tf.compat.v1.make_tensor_proto(f"/{number}")})
            joined = nodes.add(name=f"{node.name}_path", op="StringJoin")
            joined.input.extend([token, f"{node.name}_number{ends[0]}"])
            joined.attr["N"].i = 2
            _read_records(tf, nodes, node, ends)
    return tuple(pb.ExampleSelector.FromString(each) for each in selectors)


def _ask(tf: TF, nodes: TF, node: TF, called: str, ends: tuple[str, str]) -> None:
    """Has the examples of a selector that is computed laid while the graph runs."""
    path = nodes.add(name=f"{node.name}_path", op="PyFunc")
    path.input.extend(node.input[:2])
    path.attr["token"].s = called.encode()
    text = tf.string.as_datatype_enum
    path.attr["Tin"].list.type.extend([text, text])
    path.attr["Tout"].list.type.append(text)
    _read_records(tf, nodes, node, ends)


def _read_records(tf: TF, nodes: TF, node: TF, ends: tuple[str, str]) -> None:
    """Makes a node read the file that another one beside it names."""
    made = {
        "compression": tf.compat.v1.make_tensor_proto(""),
        "buffer": tf.compat.v1.make_tensor_proto(262144, dtype=tf.int64),
    }
    _constants(nodes, node, made)
    node.op = "TFRecordDataset"
    del node.input[:]
    parts = {"path": ends[1], "compression": ends[0], "buffer": ends[0]}
    node.input.extend(f"{node.name}_{part}{end}" for part, end in parts.items())
    node.attr.clear()


def _constants(nodes: TF, node: TF, made: Mapping[str, TF]) -> None:
    """Constants beside a node."""
    for key, value in made.items():
        const = nodes.add(name=f"{node.name}_{key}", op="Const")
        const.attr["value"].tensor.CopyFrom(value)
        const.attr["dtype"].type = value.dtype


def _named(function: Callable[[bytes, bytes], bytes]) -> str:
    """The name by which TensorFlow calls a function, for as long as that is held."""
    from tensorflow.python.ops import script_ops  # type: ignore[import-untyped]  # it has none

    name: str = script_ops._py_funcs.insert(function)  # noqa: SLF001 - as its own py_func does
    return name


def _bodies(definition: TF) -> Iterator[tuple[TF, tuple[str, str]]]:
    """The functions of a graph: in them an input names the output that it is."""
    for function in definition.library.function:
        yield function.node_def, (":output:0", ":output:0")
