"""The shapes that a value in a project file can have: each reads YAML nodes, and states itself as
a JSON Schema, so that the reader and the schema are one declaration.

A shape's `read` returns plain data (text, numbers, lists, and dicts keyed by field) and adds what
is wrong to the reading, all of it, each fault with its place. Of a value that is wrong it returns
what could be read, which is never used.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ame.project.document import STANDARD
from ame.project.format.reading import (
    TEXT,
    Definitions,
    Json,
    Reading,
    is_null,
    nearest,
    or_null,
    pairs,
    plain,
    refuse_tag,
)


class Shape(Protocol):
    """What a value may look like."""

    def read(self, node: Node, path: str, reading: Reading, *, partial: bool = False) -> Any:
        """The value as plain data. With `partial`, required keys of an executor may be missing."""
        ...

    def schema(self, to: Definitions, *, partial: bool = False) -> Json:
        """The same as a JSON Schema."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One piece of text, whether quoted or not, that `pattern` matches as a whole."""

    wanted: str
    pattern: str
    numbers: Json | None = None
    """Schema of the numbers that may stand there; None where a number's text never matches."""
    booleans: bool = False
    """Whether the words true and false may stand there; they are text then."""
    convert: Callable[[str], object] | None = None
    """Turns the text into a value, or raises ValueError with a better message than `wanted`."""
    refused: str = ""
    """Pattern of texts that match `pattern` and are not allowed all the same."""
    why: str = ""
    """Why those are refused, and what to do instead."""
    match: Callable[[str], object] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        match = self.convert or re.compile(self.pattern, re.DOTALL).fullmatch
        object.__setattr__(self, "match", match)

    def read(self, node: Node, path: str, reading: Reading, *, partial: bool = False) -> Any:
        del partial
        if not isinstance(node, ScalarNode) or is_null(node):
            reading.expect(node, path, self.wanted)
            return None
        if node.tag != TEXT and not node.tag.startswith(STANDARD):
            refuse_tag(node, path, reading)
            return None
        text: str = node.value
        if self.refused and re.fullmatch(self.refused, text):
            reading.refuse(node, path, f"`{text}` {self.why}")
        elif self.convert:
            try:
                return self.convert(text)
            except ValueError as error:
                reading.refuse(node, path, str(error))
        elif not self.match(text):
            reading.expect(node, path, self.wanted)
        return text

    def schema(self, to: Definitions, *, partial: bool = False) -> Json:
        del to, partial
        text: Json = {
            "type": "string",
            "pattern": f"^({self.pattern})$",
            "patternErrorMessage": f"It has to be {self.wanted}.",  # editors say it
        }
        if self.refused:
            text["not"] = {"pattern": f"^({self.refused})$"}
        others: list[Json] = [self.numbers] if self.numbers else []
        if self.booleans:
            others.append({"type": "boolean"})
        return {"anyOf": [text, *others]} if others else text


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`, unquoted."""

    def read(self, node: Node, path: str, reading: Reading, *, partial: bool = False) -> Any:
        del partial
        if isinstance(node, ScalarNode) and not node.style and node.tag == TEXT:
            word = node.value
            if word in ("true", "True", "TRUE"):
                return True
            if word in ("false", "False", "FALSE"):
                return False
        reading.expect(node, path, "`true` or `false`")
        return None

    def schema(self, to: Definitions, *, partial: bool = False) -> Json:
        del to, partial
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of one shape; with `single`, one item may stand there without its dash."""

    of: Shape
    wanted: str
    single: bool = False

    def read(self, node: Node, path: str, reading: Reading, *, partial: bool = False) -> Any:
        del partial
        if isinstance(node, SequenceNode) and plain(node, path, reading):
            return [self.of.read(v, f"{path}[{i}]", reading) for i, v in enumerate(node.value)]
        if self.single and isinstance(node, MappingNode):
            return [self.of.read(node, path, reading)]
        if not isinstance(node, SequenceNode):
            reading.expect(node, path, self.wanted)
        return []

    def schema(self, to: Definitions, *, partial: bool = False) -> Json:
        del partial
        item = self.of.schema(to)
        many: Json = {"type": "array", "items": item}
        return {"anyOf": [many, item]} if self.single else many


@dataclass(frozen=True, slots=True)
class Table:
    """A map from any text to one shape."""

    of: Shape
    wanted: str

    def read(self, node: Node, path: str, reading: Reading, *, partial: bool = False) -> Any:
        del partial
        if not isinstance(node, MappingNode) or not plain(node, path, reading):
            if not isinstance(node, MappingNode):
                reading.expect(node, path, self.wanted)
            return {}
        return {
            key: None if is_null(value) else self.of.read(value, f"{path}.{key}", reading)
            for key, _, value in pairs(node, path, reading)
        }

    def schema(self, to: Definitions, *, partial: bool = False) -> Json:
        del partial
        return {"type": "object", "additionalProperties": or_null(self.of.schema(to))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a map: its spellings, its shape, what it means."""

    name: str
    field: str
    """What the data calls it."""
    shape: Shape
    meaning: str
    spellings: tuple[str, ...] = ()
    """Other spellings that are read as well."""
    required: bool = False
    default: str = ""
    """In words, where leaving it out means something."""

    def all(self) -> tuple[str, ...]:
        """Every spelling."""
        return (self.name, *self.spellings)

    def schema(self, to: Definitions, *, partial: bool, needed: bool) -> Json:
        """Of its value, with its meaning."""
        shape = self.shape.schema(to, partial=partial)
        return {"description": self.meaning, **(shape if needed else or_null(shape))}


Rule = Callable[[dict[str, Any], MappingNode, str, Reading, bool], None]
"""Checks what no one key can say: of the data, the node, its path; the last is `partial`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A map of known keys. The data has the fields that were written; a null is None."""

    name: str
    wanted: str
    keys: tuple[Key, ...]
    defers: bool = False
    """Whether, read as a part, its required keys may come from elsewhere."""
    opens: str = ""
    """The field which, when it is there, makes this a part that is completed from elsewhere."""
    part: bool = False
    """Whether it is always such a part: a template."""
    rule: Rule | None = None
    says: Callable[["Record", Definitions], Json] | None = None
    """The same rule for a JSON Schema."""
    hint: Callable[[str], str] | None = None
    """What to say of an unknown key, before the nearest name is looked for."""
    meant: Callable[[str], str] | None = None
    """What to say of a map of which no key is known, the first of them being given."""
    spelled: Mapping[str, Key] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        spelled = {word: key for key in self.keys for word in key.all()}
        object.__setattr__(self, "spelled", spelled)

    def read(self, node: Node, path: str, reading: Reading, *, partial: bool = False) -> Any:
        if not isinstance(node, MappingNode):
            reading.expect(node, path, self.wanted)
            return {}
        return self.content(node, path, reading, partial) if plain(node, path, reading) else {}

    def content(self, node: MappingNode, path: str, reading: Reading, partial: bool) -> Any:
        """The data of a map whose tag has been seen to."""
        partial = partial or self.part
        if self.opens:
            words = [word for word, key in self.spelled.items() if key.field == self.opens]
            partial = partial or any(k.value in words and not is_null(v) for k, v in node.value)
        words = [key.value for key, _ in node.value if isinstance(key, ScalarNode)]
        if self.meant and words and self.spelled.keys().isdisjoint(words):
            reading.refuse(node, path, self.meant(words[0]))
            return {}
        data: dict[str, Any] = {}
        first: dict[str, str] = {}
        for word, place, value in pairs(node, path, reading):
            key = self.spelled.get(word)
            way = f"{path}.{word}" if path else word
            if key is None:
                reading.refuse(place, way, self._unknown(word))
                continue
            if key.field in data:
                reading.refuse(place, way, f"is written twice: as `{first[key.field]}` above")
            first.setdefault(key.field, word)
            null = is_null(value)
            data[key.field] = None if null else key.shape.read(value, way, reading, partial=partial)
        if not (partial and self.defers):
            for key in self.keys:
                if key.required and data.get(key.field) is None:
                    reading.refuse(node, path, f"the key `{key.name}` is missing: {key.meaning}")
        if self.rule:
            self.rule(data, node, path, reading, partial)
        return data

    def _unknown(self, word: str) -> str:
        if word == "<<":
            return "is no key here: maps are not merged; `fromTemplate` takes over what tasks share"
        hint = self.hint(word) if self.hint else ""
        known = ", ".join(f"`{key.name}`" for key in self.keys)
        return hint or f"is no key here{nearest(word, self.spelled) or f'; known are {known}'}"

    def schema(self, to: Definitions, *, partial: bool = False) -> Json:
        partly = partial and self.defers
        name = f"partial{self.name[0].upper()}{self.name[1:]}" if partly else self.name
        return to.refer(name, lambda: self._definition(to, partly))

    def _definition(self, to: Definitions, partial: bool) -> Json:
        needed = [key for key in self.keys if key.required and not partial]
        schema: Json = {
            "type": "object",
            "properties": {
                word: key.schema(to, partial=partial or bool(self.opens), needed=key in needed)
                for key in self.keys
                for word in key.all()
            },
            "additionalProperties": False,
        }
        if always := [key.name for key in needed if not key.spellings]:
            schema["required"] = always
        if anyhow := [key for key in needed if key.spellings]:
            schema["allOf"] = [
                {"anyOf": [{"required": [word]} for word in key.all()]} for key in anyhow
            ]
        if self.says:
            schema.setdefault("allOf", []).append(self.says(self, to))
        return schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A map with a tag: `!poetry {…}`, or `{poetry: {…}}`. The data says which as `kind`."""

    name: str
    wanted: str
    kinds: Mapping[str, Record]
    """By the tag's spelling, of which one record may have several."""
    bare: Record | None = None
    """An older form without a tag."""

    def read(self, node: Node, path: str, reading: Reading, *, partial: bool = False) -> Any:
        if node.tag.startswith("!") and node.tag != "!":
            return self._of(node.tag[1:], node, node, path, reading, partial)
        if not isinstance(node, MappingNode) or not plain(node, path, reading):
            reading.expect(node, path, self.wanted)
            return {}
        if len(node.value) == 1 and isinstance(node.value[0][0], ScalarNode):
            word, inner = node.value[0][0].value, node.value[0][1]
            if word in self.kinds and not isinstance(inner, SequenceNode):
                if isinstance(inner, ScalarNode) and not is_null(inner):
                    reading.expect(inner, f"{path}.{word}", self.kinds[word].wanted)
                    return {}
                return self._of(word, node, inner, f"{path}.{word}", reading, partial)
        words = {key.value for key, _ in node.value if isinstance(key, ScalarNode)}
        if self.bare and not words.isdisjoint(self.bare.spelled):
            return self.bare.read(node, path, reading)
        reading.expect(node, path, self.wanted)
        return {}

    def _of(
        self, word: str, at: Node, node: Node, path: str, reading: Reading, partial: bool
    ) -> Any:
        record = self.kinds.get(word)
        if record is None:
            tags = tuple(f"!{kind}" for kind in self.kinds)
            known = ", ".join(f"`{tag}`" for tag in tags)
            near = nearest(f"!{word}", tags) or f"; known are {known}"
            reading.refuse(at, path, f"`!{word}` is no tag here{near}")
            return {}
        if is_null(node) or (isinstance(node, ScalarNode) and not node.value):
            node = MappingNode(TEXT, [], node.start_mark, node.end_mark)
        if not isinstance(node, MappingNode):
            reading.expect(node, path, record.wanted)
            return {}
        return {"kind": record.name, **record.content(node, path, reading, partial)}

    def schema(self, to: Definitions, *, partial: bool = False) -> Json:
        name = f"partial{self.name[0].upper()}{self.name[1:]}" if partial else self.name
        return to.refer(name, lambda: self._definition(to, partial))

    def _definition(self, to: Definitions, partial: bool) -> Json:
        forms: list[Json] = []
        contents: dict[str, Json] = {}
        for word, record in self.kinds.items():
            content = record.schema(to, partial=partial)
            contents[record.name] = content
            empty = partial or not any(key.required for key in record.keys)
            forms.append(
                {
                    "type": "object",
                    "properties": {word: or_null(content) if empty else content},
                    "required": [word],
                    "additionalProperties": False,
                }
            )
        if self.bare:
            forms.append(self.bare.schema(to))
        if to.tagged:
            forms.extend(contents.values())
        return {"anyOf": forms}


@dataclass(frozen=True, slots=True)
class Either:
    """One shape when a map is written, another when it is not."""

    mapping: Shape
    other: Shape

    def read(self, node: Node, path: str, reading: Reading, *, partial: bool = False) -> Any:
        shape = self.mapping if isinstance(node, MappingNode) else self.other
        return shape.read(node, path, reading, partial=partial)

    def schema(self, to: Definitions, *, partial: bool = False) -> Json:
        return {
            "anyOf": [
                self.mapping.schema(to, partial=partial),
                self.other.schema(to, partial=partial),
            ]
        }
