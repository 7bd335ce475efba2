"""A function that reads variables, made one that is given their values.

Devices have no variables, and take no gradients through a call: so the calls in a function are
replaced by what they call, and reading a variable by the value that is given for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ame.builder.model.model import Node


def lifted(
    function: Any,  # noqa: ANN401 - a function of TensorFlow
    place: str,
) -> tuple[list[Any], Callable[[Sequence[Node], Sequence[Node]], list[Node]]]:
    """The variables that a function reads, those that are trained first, and what computes its
    outputs from values for them and from its inputs.

    Raises:
        errors.ModelInvalid: it does more with a variable, or uses what is none, such as a table.
    """
    from tensorflow.python.framework import (  # type: ignore[import-untyped]  # the same
        convert_to_constants,
    )

    inline = convert_to_constants._run_inline_graph_optimization  # noqa: SLF001 - no other inlines
    definition = inline(function, lower_control_flow=False, aggressive_inlining=True)
    known = {id(each.handle): each for each in function.variables}
    found = [(inner.op.name, id(outer)) for outer, inner in function.graph.captures]
    if any(handle not in known for _, handle in found):
        raise errors.ModelInvalid(place, "it uses more than its weights, such as a table of words")
    found.sort(key=lambda each: not known[each[1]].trainable)
    captures = {name: known[handle] for name, handle in found}
    _replace_reads(definition, captures, place)
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

    return list(captures.values()), compute


def _replace_reads(definition: Any, captures: Mapping[str, Any], place: str) -> None:  # noqa: ANN401 - a GraphDef
    """Values stand where variables did: under their names, and where they were read."""
    source = {name: name for name in captures}
    kept = []
    for node in definition.node:
        origin = source.get(node.input[0].partition(":")[0], "") if node.input else ""
        if node.name in captures:
            continue
        if origin and node.op == "Identity":
            source[node.name] = origin
            continue
        if origin and node.op == "ReadVariableOp":
            kind = node.attr["dtype"].type
            node.op = "Identity"
            node.attr.clear()
            node.attr["T"].type = kind
            node.input[0] = origin
        elif origin:
            raise errors.ModelInvalid(place, f"`{node.op}` does more with a weight than to read it")
        kept.append(node)
    copies = [type(node).FromString(node.SerializeToString()) for node in kept]
    del definition.node[:]
    definition.node.extend(copies)
