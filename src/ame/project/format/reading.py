"""The reading of one file: its faults, and what every shape asks of a YAML node."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ame import errors
from ame.project.document import STANDARD
from ame.project.task import Place

Json = dict[str, Any]
"""JSON, as `json` has it: an edge."""

TEXT = STANDARD + "str"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(slots=True)
class Reading:
    """The reading of one file: what was found wrong so far."""

    file: Path
    faults: list[errors.Fault] = field(default_factory=list)

    def place(self, node: Node, path: str) -> Place:
        """Where `node` stands."""
        mark = node.start_mark
        return Place(file=self.file, line=mark.line + 1, column=mark.column + 1, path=path)

    def refuse(self, node: Node, path: str, message: str) -> None:
        """Notes a fault at the place of `node`."""
        mark = node.start_mark
        self.faults.append(
            errors.Fault(
                file=self.file,
                line=mark.line + 1,
                column=mark.column + 1,
                path=path,
                message=message,
            )
        )

    def expect(self, node: Node, path: str, wanted: str) -> None:
        """Notes that something else was expected at `node`."""
        self.refuse(node, path, f"expected {wanted}, found {_found(node)}")


@dataclass(slots=True)
class Definitions:
    """A JSON Schema in the making: its `$defs`, and for whom it is.

    `tagged` says whether the content of a `!tag` may stand without its tag, as a tool sees it that
    drops tags; else a tag is a key: `{poetry: {command: …}}`.
    """

    tagged: bool
    schemas: dict[str, Json] = field(default_factory=dict)

    def refer(self, name: str, make: Callable[[], Json]) -> Json:
        """A reference to the definition of that name, which is made when it is not there."""
        if name not in self.schemas:
            self.schemas[name] = {}
            self.schemas[name].update(make())
        return {"$ref": f"#/$defs/{name}"}


def is_null(node: Node) -> bool:
    """Whether nothing is written there, or an explicit null."""
    return (
        isinstance(node, ScalarNode)
        and not node.style
        and node.value in _NULLS
        and node.tag == TEXT
    )


def or_null(schema: Json) -> Json:
    """The schema of a value that may be left empty."""
    return {"anyOf": [schema, {"type": "null"}]}


def nearest(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """The end of a message that suggests the known word most like this one."""
    from difflib import get_close_matches

    lower = {name.lower(): name for name in known}
    alike = get_close_matches(word.lower()[:60], lower, n=1)
    return f"; did you mean `{lower[alike[0]]}`?" if alike else ""


def pairs(node: MappingNode, path: str, reading: Reading) -> Iterator[tuple[str, Node, Node]]:
    """The keys of a map as text, each with its node and its value's; a second one is refused."""
    lines: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode) or key.tag != TEXT:
            reading.expect(key, path, "a key of plain text")
            continue
        word = key.value
        if word in lines:
            way = f"{path}.{word}" if path else word
            reading.refuse(key, way, f"is written twice; line {lines[word]} has it already")
            continue
        lines[word] = key.start_mark.line + 1
        yield word, key, value


def plain(node: Node, path: str, reading: Reading) -> bool:
    """Whether a collection has no tag of ours; one that has is refused."""
    if node.tag.startswith(STANDARD):
        return True
    refuse_tag(node, path, reading)
    return False


def refuse_tag(node: Node, path: str, reading: Reading) -> None:
    """Notes a tag where none belongs."""
    reading.refuse(node, path, f"the tag `{node.tag}` has no meaning here; remove it")


def _found(node: Node) -> str:
    if is_null(node):
        return "nothing"
    if isinstance(node, ScalarNode):
        if not node.value:
            return "an empty text"
        text = node.value if len(node.value) <= 40 else node.value[:37] + "..."
        return f"`{text}`"
    return "a list" if isinstance(node, SequenceNode) else "a map"
