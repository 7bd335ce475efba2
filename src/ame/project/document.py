"""The text of an `ame.yml` as a tree of YAML nodes, each of which knows its line and column.

PyYAML's C parser composes the nodes; nothing is resolved, so that `3.10` stays `3.10`. What could
hurt the reader is refused here: depth, aliases that unfold without end, more than one document.
"""

import re
from pathlib import Path

import yaml
from yaml._yaml import CParser
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import BaseResolver

from ame import errors

STANDARD = "tag:yaml.org,2002:"
LARGEST_FILE = 4 * 2**20
DEEPEST = 100
MOST_NODES = 500_000

_SAFE_DEPTH = 2_000
"""The C composer recurses; far below the depth at which it would exhaust a thread's stack."""


class _Composer(CParser, BaseResolver):
    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        BaseResolver.__init__(self)


def compose(file: Path) -> MappingNode:
    """The tree of a project file; its outermost node is a map.

    Raises:
        errors.ProjectInvalid: it is no YAML document of one map, or one that no person would write.

    """
    text = _text(file)
    if _may_be_deep(text) and _depth(file, text) > DEEPEST:
        raise _invalid(file, f"is nested more than {DEEPEST} deep; write it flatter")
    try:
        root = _Composer(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise errors.ProjectInvalid((_syntax_fault(file, text, error),)) from None
    except yaml.reader.ReaderError as error:
        raise errors.ProjectInvalid((_character_fault(file, text, error),)) from None
    if root is None or (isinstance(root, ScalarNode) and not root.value):
        raise _invalid(file, "is empty; `ame init NAME` writes a first one")
    if not isinstance(root, MappingNode):
        raise _invalid(file, "is no map; write keys such as `name:` and `tasks:`", root)
    _measure(file, root)
    return root


def _text(file: Path) -> str:
    try:
        size = file.stat().st_size
        if size > LARGEST_FILE:
            raise _invalid(file, f"has {size} bytes; a project file has {LARGEST_FILE} at the most")
        content = file.read_bytes()
    except OSError as error:
        raise errors.Unavailable(f"{file}: cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        message = f"the byte 0x{content[error.start]:02x} is no UTF-8; save the file as UTF-8"
        fault = errors.Fault(file=file, line=line, column=column, path="", message=message)
        raise errors.ProjectInvalid((fault,)) from None


def _may_be_deep(text: str) -> bool:
    """Whether nesting may go beyond what the C composer bears; quick, and never wrongly False."""
    brackets = text.count("[") + text.count("{")
    return brackets + 2 * max(map(len, text.splitlines()), default=0) > _SAFE_DEPTH


def _depth(file: Path, text: str) -> int:
    """How deep the collections nest, counted from events, for which nothing recurses."""
    depth = deepest = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                deepest = max(deepest, depth)
                if deepest > DEEPEST:
                    break
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.MarkedYAMLError as error:
        raise errors.ProjectInvalid((_syntax_fault(file, text, error),)) from None
    except yaml.reader.ReaderError as error:
        raise errors.ProjectInvalid((_character_fault(file, text, error),)) from None
    return deepest


def _measure(file: Path, root: Node) -> None:
    """Refuses a tree that is too deep, or that aliases unfold into too many nodes."""
    count = 0
    ahead = [(root, 0)]
    while ahead:
        node, depth = ahead.pop()
        count += 1
        if depth > DEEPEST:
            raise _invalid(file, f"is nested more than {DEEPEST} deep; write it flatter", node)
        if count > MOST_NODES:
            message = f"holds more than {MOST_NODES} nodes when its aliases unfold; write fewer"
            raise _invalid(file, message)
        if isinstance(node, SequenceNode):
            ahead.extend((item, depth + 1) for item in node.value)
        elif isinstance(node, MappingNode):
            for key, value in node.value:
                if isinstance(value, CollectionNode):
                    ahead.append((value, depth + 1))
                else:
                    count += 1
                if isinstance(key, CollectionNode):
                    ahead.append((key, depth + 1))


def _invalid(file: Path, message: str, node: Node | None = None) -> errors.ProjectInvalid:
    line, column = (node.start_mark.line + 1, node.start_mark.column + 1) if node else (1, 1)
    fault = errors.Fault(file=file, line=line, column=column, path="", message=message)
    return errors.ProjectInvalid((fault,))


def _syntax_fault(file: Path, text: str, error: yaml.MarkedYAMLError) -> errors.Fault:
    """Where the text stops to be YAML, and what would make it so."""
    mark = error.problem_mark or error.context_mark
    if error.context_mark and mark and not text[mark.index :].strip():
        mark = error.context_mark  # the end says nothing; what was left open does
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines() or [""]
    remedy = _remedy(lines, min(line, len(lines) - 1), error)
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return errors.Fault(
        file=file,
        line=line + 1,
        column=column + 1,
        path="",
        message=f"is not valid YAML: {said}; {remedy}",
    )


def _remedy(lines: list[str], at: int, error: yaml.MarkedYAMLError) -> str:
    here = lines[at]
    said = f"{error.context} {error.problem}"
    if "block scalar" in said:
        return "quote a value that begins with `>` or `|`: `'>=3.11'`"
    if "alias" in said:
        return "a value that begins with `*` is quoted: `'* * * * *'`"
    if "scanning a tag" in said:
        return "put a space after a tag: `!mlflow {}`"
    if "mapping values are not allowed" in said:
        over = _over_indented(lines, at)
        return over or "quote a value that holds `: `"
    if "document" in said:
        return "a project file is one document; move what follows `---` to a file of its own"
    if "\t" in here[: len(here) - len(here.lstrip())] or "cannot start any token" in said:
        if "\t" in here:
            return "indent with spaces, not with tabs"
        return "quote a value that begins with one of `@ ` % , ] }`"
    if "quoted scalar" in said:
        return "close the quote"
    if "expected <block end>" in said or "did not find expected key" in said:
        return "begin the keys of one map, and the dashes of one list, in one column"
    return "check indentation, quotes and brackets there"


def _over_indented(lines: list[str], at: int) -> str:
    """The remedy when the key on this line stands right of the key above, which has a value."""
    key = re.match(r"\s*(?:- +)*([^\s:]+):(\s|$)", lines[at])
    above = next((line for line in reversed(lines[:at]) if line.split("#")[0].strip()), "")
    before = re.match(r"((?:\s|- )*)([^\s:]+):\s+\S", above)
    if not key or not before or key.start(1) <= before.end(1):
        return ""
    column = before.end(1) + 1
    return (
        f"`{key[1]}` is indented more than `{before[2]}` above it: "
        f"begin both in column {column}, not {key.start(1) + 1}"
    )


def _character_fault(file: Path, text: str, error: yaml.reader.ReaderError) -> errors.Fault:
    before = text.encode()[: error.position].decode("utf-8", "ignore")  # it counts bytes
    return errors.Fault(
        file=file,
        line=before.count("\n") + 1,
        column=len(before) - before.rfind("\n"),
        path="",
        message=f"holds the control character 0x{error.character:02x}; remove it",
    )
