"""A graph made smaller without changing what it does.

Functions that nothing calls are left out, equal constants become one, and names become short, save
those that are asked for from outside: by the plan, in `_class`, or in a constant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

LOCATION: Final = b"loc:@"
UNUSED: Final = ("_user_specified_name", "_output_shapes")
"""Attributes that are for people."""


def compacted(graph: Any, keep: Collection[str]) -> Any:  # noqa: ANN401 - TensorFlow's GraphDef
    """A copy that does the same; `keep` are names of nodes."""
    made = type(graph).FromString(graph.SerializeToString())
    _drop_functions(made)
    _Scope(set(keep)).shorten(made.node)
    for function in made.library.function:
        kept = {each.name for each in function.signature.input_arg}
        scope = _Scope(kept)
        scope.shorten(function.node_def)
        for results in (function.ret, function.control_ret):
            for name, source in list(results.items()):
                results[name] = scope.input(source)
        function.attr.clear()
        function.arg_attr.clear()
        function.resource_arg_unique_id.clear()
    return made


@dataclass(slots=True)
class _Scope:
    """Names that are known to one another: those of a graph, or of one function."""

    keep: set[str]
    renamed: dict[str, str] = field(default_factory=dict)

    def shorten(self, nodes: Any) -> None:  # noqa: ANN401 - repeated NodeDefs
        for node in nodes:
            self.keep.update(_mentioned(node))
            if node.op == "Placeholder":
                self.keep.add(node.name)
            node.ClearField("experimental_debug_info")
            for name in UNUSED:
                node.attr.pop(name, None)
        merged = _merged(nodes, self.keep)
        for node in nodes:
            if node.name not in self.keep and node.name not in merged:
                self.renamed[node.name] = f".{len(self.renamed):x}"
        self.renamed |= {name: self.renamed[other] for name, other in merged.items()}
        kept = [node for node in nodes if node.name not in merged]
        for node in kept:
            node.name = self.renamed.get(node.name, node.name)
            node.input[:] = [self.input(each) for each in node.input]
        del nodes[:]
        nodes.extend(kept)

    def input(self, source: str) -> str:
        """The new form of `name`, `name:0`, `name:output:0` or `^name`."""
        control = "^" if source.startswith("^") else ""
        name, colon, rest = source.removeprefix("^").partition(":")
        return control + self.renamed.get(name, name) + colon + rest


def _merged(nodes: Iterable[Any], keep: Collection[str]) -> dict[str, str]:
    """Constants that are equal to an earlier one, which is named."""
    first: dict[bytes, str] = {}
    merged = {}
    for node in nodes:
        if node.op == "Const" and not node.input and node.name not in keep:
            value = node.attr["value"].SerializeToString(deterministic=True)
            known = first.setdefault(value, node.name)
            if known != node.name:
                merged[node.name] = known
    return merged


def _mentioned(node: Any) -> Iterator[str]:  # noqa: ANN401 - a NodeDef
    """Names of other nodes that stand in a node as texts."""
    for place in node.attr["_class"].list.s if "_class" in node.attr else ():
        yield place.removeprefix(LOCATION).decode()
    if node.op == "Const":
        for text in node.attr["value"].tensor.string_val:
            yield text.decode(errors="replace")


def _drop_functions(graph: Any) -> None:  # noqa: ANN401 - a GraphDef
    """Takes out functions that are not called, and gradients of such."""
    functions = {each.signature.name: each for each in graph.library.function}
    called: set[str] = set()
    waiting = list(_called(graph.node))
    while waiting:
        name = waiting.pop()
        if name not in called and name in functions:
            called.add(name)
            waiting += _called(functions[name].node_def)
    kept = [each for name, each in functions.items() if name in called]
    gradients = [each for each in graph.library.gradient if each.function_name in called]
    graph.ClearField("library")
    graph.library.function.extend(kept)
    graph.library.gradient.extend(gradients)


def _called(nodes: Iterable[Any]) -> Iterator[str]:
    for node in nodes:
        for value in node.attr.values():
            if value.HasField("func"):
                yield value.func.name
            yield from (each.name for each in value.list.func)
        yield node.op  # a function may be called by its name alone
