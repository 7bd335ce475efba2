"""A function that reads variables, made one that is given their values.

Devices have no variables, and take no gradients through a call: so the calls in a function are
replaced by what they call, and reading a variable by the value that is given for it. Loops and
branches stay functions, which are given the values in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ame.builder.model.model import Node

INNER: Final = {
    "While": ("T", ("cond", "body"), 0),
    "StatelessWhile": ("T", ("cond", "body"), 0),
    "If": ("Tin", ("then_branch", "else_branch"), 1),
    "StatelessIf": ("Tin", ("then_branch", "else_branch"), 1),
    "PartitionedCall": ("Tin", ("f",), 0),
    "StatefulPartitionedCall": ("Tin", ("f",), 0),
}
"""Operations that hand on what they are given: the attribute with its types, the functions that it
goes to, and how many inputs come before.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """A function without variables."""

    trainable: tuple[Any, ...]
    """The variables that it read and that are trained."""
    non_trainable: tuple[Any, ...]
    compute: Callable[[Sequence[Node], Sequence[Node]], list[Node]]
    """Its outputs, from values for all of these, in this order, and from its inputs."""


def lifted(loaded: Any, function: Any, place: str) -> Lifted:  # noqa: ANN401 - objects of TensorFlow
    """A function of a model that was loaded, without variables.

    Raises:
        errors.ModelInvalid: it does more with a variable, or uses what is none, such as a table.
    """
    from tensorflow.python.framework import (  # type: ignore[import-untyped]  # the same
        convert_to_constants,
    )

    inline = convert_to_constants._run_inline_graph_optimization  # noqa: SLF001 - no other inlines
    definition = inline(function, lower_control_flow=False, aggressive_inlining=True)
    known = {id(each.handle): each for each in function.variables}
    # a layer that was not to be trained says so in the model, not in its variables
    trained = {id(each.handle) for each in loaded.trainable_variables}
    found = [(inner.op.name, id(outer)) for outer, inner in function.graph.captures]
    if any(handle not in known for _, handle in found):
        raise errors.ModelInvalid(place, "it uses more than its weights, such as a table of words")
    found.sort(key=lambda each: each[1] not in trained)
    captures = {name: known[handle] for name, handle in found}
    _Rewriting(definition=definition, place=place).replace(captures)
    inputs = [each.name for each in function.inputs if each.op.name not in captures]
    outputs = [each.name for each in function.outputs]

    def compute(values: Sequence[Node], given: Sequence[Node]) -> list[Node]:
        names = [*(f"{name}:0" for name in captures), *inputs]
        # a tensor may be one of the graph around this one: its identity is of this one
        fed = {name: tf.identity(each) for name, each in zip(names, (*values, *given), strict=True)}
        made: list[Node] = tf.graph_util.import_graph_def(
            definition, input_map=fed, return_elements=outputs, name="model"
        )
        return made

    return Lifted(
        trainable=tuple(known[handle] for _, handle in found if handle in trained),
        non_trainable=tuple(known[handle] for _, handle in found if handle not in trained),
        compute=compute,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rewriting:
    """A graph in which values are put where variables were."""

    definition: Any
    place: str
    done: dict[str, str] = field(default_factory=dict)
    """The names of functions that are given values, by those that they had: TensorFlow still knows
    the functions of those names.
    """

    def replace(self, captures: Mapping[str, Any]) -> None:
        """Values stand under the names of variables."""
        nodes = self.definition.node
        kept = [
            type(node).FromString(node.SerializeToString())
            for node in nodes
            if node.name not in captures
        ]
        del nodes[:]
        nodes.extend(kept)
        self._nodes(nodes, dict(captures), inside=False)

    def _nodes(self, nodes: Any, held: dict[str, Any], *, inside: bool) -> dict[str, str]:  # noqa: ANN401 - repeated NodeDefs
        """Rewrites nodes; `held` are the variables by the names of tensors, and grows. What of
        the outputs of a function's nodes has another name.
        """
        renamed = {}
        for node in nodes:
            given = {
                index: held[each]
                for index, each in enumerate(map(_bare, node.input))
                if each in held
            }
            if node.op == "BiasAdd" and node.attr["data_format"].s != b"NCHW":
                node.op = "AddV2"  # the gradient of the one is none that devices have
                node.attr.pop("data_format", None)
                renamed[f"{node.name}:output"] = f"{node.name}:z"
            elif given and node.op in {"Identity", "ReadVariableOp"}:
                if node.op == "Identity":
                    held[f"{node.name}:output" if inside else node.name] = given[0]
                renamed[f"{node.name}:value"] = f"{node.name}:output"
                node.op = "Identity"
                node.attr.clear()
                node.attr["T"].type = given[0].dtype.as_datatype_enum
            elif given and node.op in INNER:
                self._handed(node, given)
            elif given:
                why = f"`{node.op}` does more with a weight than to read it"
                raise errors.ModelInvalid(self.place, why)
        for node in nodes if inside else ():
            node.input[:] = [_other(each, renamed) for each in node.input]
        return renamed

    def _handed(self, node: Any, given: Mapping[int, Any]) -> None:  # noqa: ANN401 - a NodeDef
        """Values are handed to the functions of a node."""
        types, names, before = INNER[node.op]
        for index, variable in given.items():
            node.attr[types].list.type[index - before] = variable.dtype.as_datatype_enum
            if types == "T" and node.attr["output_shapes"].list.shape:
                shape = node.attr["output_shapes"].list.shape[index]
                shape.CopyFrom(variable.shape.as_proto())
        functions = {each.signature.name: each for each in self.definition.library.function}
        for called in (node.attr[each].func for each in names):
            if called.name not in self.done:
                self.done[called.name] = f"{called.name}_of_values"
                moved = {index - before: each for index, each in given.items()}
                self._function(functions[called.name], moved)
            called.name = self.done[called.name]

    def _function(self, function: Any, given: Mapping[int, Any]) -> None:  # noqa: ANN401 - a FunctionDef
        """Values are its arguments, where variables were."""
        function.signature.name = self.done[function.signature.name]
        arguments = function.signature.input_arg
        held = {}
        for index, variable in given.items():
            argument = arguments[index]
            argument.type = variable.dtype.as_datatype_enum
            argument.ClearField("handle_data")
            held[argument.name] = variable
        function.arg_attr.clear()
        function.resource_arg_unique_id.clear()
        renamed = self._nodes(function.node_def, held, inside=True)
        for result in function.signature.output_arg:
            source = _other(function.ret[result.name], renamed)
            function.ret[result.name] = source
            if _bare(source) in held:
                result.type = held[_bare(source)].dtype.as_datatype_enum
                result.ClearField("handle_data")


def _bare(source: str) -> str:
    return source.removesuffix(":0")


def _other(source: str, renamed: Mapping[str, str]) -> str:
    """An input of a function's node, with the name that its source has now."""
    name, _, number = source.rpartition(":")
    return f"{renamed[name]}:{number}" if name in renamed else source
