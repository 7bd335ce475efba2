"""What no one key of a task can say: which keys go together, for the reader and for the schema."""

from typing import Any

from yaml.nodes import MappingNode, ScalarNode

from ame.project.format import parts
from ame.project.format.reading import Definitions, Json, Reading
from ame.project.format.shape import Record

WAYS = ("executor", "reference", "pipeline")
"""Of these fields a task has one: what it is that it does."""


def one_way(
    data: dict[str, Any], node: MappingNode, path: str, reading: Reading, partial: bool
) -> None:
    """A task has one of an executor, a reference and a pipeline; a part may have none."""
    data["place"] = reading.place(node, path)
    data["places"] = {
        _REFERRING[word.value]: reading.place(value, f"{path}.{word.value}")
        for word, value in node.value
        if isinstance(word, ScalarNode) and word.value in _REFERRING
    }
    if data.get("older_command") or data.get("older_type"):
        if data.get("executor"):
            reading.refuse(node, path, "has `runcommand` beside `executor`; remove `runcommand`")
        data["executor"] = _older_executor(data)
    for field in ("older_command", "older_type", "older_project", "older_source"):
        data.pop(field, None)
    has = [way for way in WAYS if data.get(way)]
    if len(has) > 1:
        words = " and ".join(f"`{_TASK_WORDS[way]}`" for way in has)
        reading.refuse(node, path, f"has {words}, of which a task has one; remove the others")
    wrong = any(data.get(way) is not None for way in ("executor", "reference"))
    if image := data.pop("image", None):
        data["executor"] = {"image": image, **(data.get("executor") or {})}
    if has or wrong or partial or data.get("template"):
        pass
    elif data.get("pipeline") is not None:
        reading.refuse(node, f"{path}.pipeline", "is empty; write the tasks that it consists of")
    else:
        reading.refuse(
            node,
            path,
            "the key `executor` is missing: it says how the task is executed, "
            "unless `taskRef`, `pipeline` or `fromTemplate` does",
        )
    _once(data.get("environment"), "key", "environment", node, path, reading)
    _once(data.get("secrets"), "variable", "secrets", node, path, reading)


_REFERRING = {
    "taskRef": "reference",
    "taskref": "reference",
    "fromTemplate": "template",
    "templateRef": "template",
    "dataSets": "datasets",
    "datasets": "datasets",
}
_TASK_WORDS = {"executor": "executor", "reference": "taskRef", "pipeline": "pipeline"}


def _older_executor(data: dict[str, Any]) -> dict[str, Any]:
    """The older form ran its command by Pipenv, or as an MLflow project."""
    kind, command = (data.get("older_type") or "").lower(), data.get("older_command")
    if kind == "mlflow":
        return {"kind": "mlflow"}
    return {"kind": "pipenv", **({"command": command} if command else {})}


def _once(
    items: list[dict[str, Any]] | None,
    by: str,
    what: str,
    node: MappingNode,
    path: str,
    reading: Reading,
) -> None:
    names = [item[by] for item in items or () if item.get(by)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        way = f"{path}.{what}" if path else what
        reading.refuse(node, way, f"sets the variable `{name}` twice; remove one")


def says_one_way(record: Record, to: Definitions) -> Json:
    """The same for the schema."""
    there: dict[str, list[Json]] = {}
    groups = {"older_command": "older", "older_type": "older", "image": "", "template": "template"}
    filled: Json = {"not": {"type": "null"}}
    for key in record.keys:
        group = groups.get(key.field, key.field if key.field in WAYS else "")
        if group:
            shape: Json = (
                {
                    "anyOf": [
                        {"type": "array", "minItems": 1},
                        {"type": "object", "minProperties": 1},
                    ]
                }
                if group == "pipeline"
                else filled
            )
            there.setdefault(group, []).extend(
                {"required": [word], "properties": {word: shape}} for word in key.all()
            )
    ways = [name for name in ("executor", "older", "reference", "pipeline") if name in there]
    one_at_most = [
        {"not": {"allOf": [{"anyOf": there[a]}, {"anyOf": there[b]}]}}
        for i, a in enumerate(ways)
        for b in ways[i + 1 :]
    ]
    whole: Json = {
        "properties": {"executor": {"anyOf": [parts.EXECUTOR.schema(to), {"type": "null"}]}},
        "anyOf": [form for way in ways for form in there[way]],
    }
    if record.part:
        return {"allOf": one_at_most}
    return {"allOf": [*one_at_most, {"anyOf": [*there.get("template", []), whole]}]}


def named_or_referring(
    data: dict[str, Any], node: MappingNode, path: str, reading: Reading, partial: bool
) -> None:
    """A member of a pipeline is called by its own name, or by that of the task it refers to."""
    one_way(data, node, path, reading, partial)
    if not data.get("name") and not data.get("reference"):
        reading.refuse(node, path, "the key `name` is missing: a step is named, or has a `taskRef`")


def says_named_or_referring(record: Record, to: Definitions) -> Json:
    """The same for the schema."""
    filled: Json = {"not": {"type": "null"}}
    forms = [
        {"required": [word], "properties": {word: filled}}
        for key in record.keys
        if key.field in ("name", "reference")
        for word in key.all()
    ]
    return {"allOf": [says_one_way(record, to), {"anyOf": forms}]}
