"""Every key of a task, and the forms in which tasks stand together."""

from dataclasses import dataclass, replace
from typing import Any

from yaml.nodes import MappingNode, Node, SequenceNode

from ame.project.format import parts, rules, scalars
from ame.project.format.reading import Definitions, Json, Reading, pairs, plain
from ame.project.format.shape import Either, Flag, Key, Listing, Record, Table


class Steps:
    """The steps of a pipeline: a list of tasks, in which a list is of parallel ones; in the older
    form a map by name. The data is a list of groups, each a list of tasks.
    """

    def read(self, node: Node, path: str, reading: Reading, *, partial: bool = False) -> Any:
        del partial
        if isinstance(node, MappingNode):
            return [[task] for task in _by_name(UNNAMED, node, path, reading)]
        if not isinstance(node, SequenceNode):
            reading.expect(node, path, "a list of tasks, in which a list is of parallel ones")
            return []
        groups: list[list[Any]] = []
        seen: set[str] = set()
        for index, item in enumerate(node.value if plain(node, path, reading) else ()):
            way = f"{path}[{index}]"
            members = [(item, way)]
            if isinstance(item, SequenceNode) and plain(item, way, reading):
                members = [(part, f"{way}[{i}]") for i, part in enumerate(item.value)]
                if not members:
                    reading.refuse(item, way, "has no task; write one, or remove the list")
            groups.append([MEMBER.read(part, place, reading) for part, place in members])
            for task, (part, place) in zip(groups[-1], members, strict=True):
                _unique(task, seen, part, place, reading)
        return groups

    def schema(self, to: Definitions, *, partial: bool = False) -> Json:
        del partial
        member = MEMBER.schema(to)
        group = {"type": "array", "items": member, "minItems": 1}
        many = {"type": "array", "items": {"anyOf": [member, group]}}
        return {"anyOf": [many, _schema_by_name(UNNAMED, to)]}


@dataclass(frozen=True, slots=True)
class Tasks:
    """A list of tasks with names; in the older form a map by name."""

    task: Record
    unnamed: Record

    def read(self, node: Node, path: str, reading: Reading, *, partial: bool = False) -> Any:
        del partial
        if isinstance(node, MappingNode):
            return _by_name(self.unnamed, node, path, reading)
        return Named(self.task, "a list of tasks").read(node, path, reading)

    def schema(self, to: Definitions, *, partial: bool = False) -> Json:
        del partial
        named = Named(self.task, "").schema(to)
        return {"anyOf": [named, _schema_by_name(self.unnamed, to)]}


@dataclass(frozen=True, slots=True)
class Named:
    """A list of things with names, no two of them alike."""

    of: Record
    wanted: str

    def read(self, node: Node, path: str, reading: Reading, *, partial: bool = False) -> Any:
        del partial
        items = Listing(self.of, self.wanted).read(node, path, reading)
        seen: set[str] = set()
        for index, data in enumerate(items):
            _unique(data, seen, node.value[index], f"{path}[{index}]", reading)
        return items

    def schema(self, to: Definitions, *, partial: bool = False) -> Json:
        del partial
        return {"type": "array", "items": self.of.schema(to)}


def _by_name(record: Record, node: MappingNode, path: str, reading: Reading) -> list[Any]:
    if not plain(node, path, reading):
        return []
    tasks = []
    for word, key, value in pairs(node, path, reading):
        way = f"{path}.{word}"
        name = scalars.NAME.read(key, way, reading)
        tasks.append({**record.read(value, way, reading), "name": name})
    return tasks


def _schema_by_name(record: Record, to: Definitions) -> Json:
    task, name = record.schema(to), {"pattern": f"^({scalars.NAME.pattern})$"}
    return {"type": "object", "additionalProperties": task, "propertyNames": name}


def _unique(data: Any, seen: set[str], node: Node, path: str, reading: Reading) -> None:
    name = data.get("name")
    if name in seen:
        reading.refuse(node, path, f"the name `{name}` is written twice; choose another")
    elif name:
        seen.add(name)


_NAME = Key(
    name="name",
    field="name",
    shape=scalars.NAME,
    spellings=("taskname",),
    required=True,
    meaning="What the task is called.",
)
REFERENCE = Key(
    name="taskRef",
    field="reference",
    shape=parts.REFERENCE,
    spellings=("taskref",),
    meaning="Another task, of this project or of another, that this one stands for. "
    "What is written beside it overrides.",
)

TASK = Record(
    name="task",
    wanted="a task as a map of its keys",
    opens="template",
    rule=rules.one_way,
    says=rules.says_one_way,
    keys=(
        _NAME,
        Key(
            name="executor",
            field="executor",
            shape=parts.EXECUTOR,
            meaning="How the task is executed, by its tag.",
        ),
        Key(
            name="resources",
            field="resources",
            shape=parts.RESOURCES,
            meaning="What the task may use, as Kubernetes writes amounts.",
            default="what the settings of `ame` say",
        ),
        Key(
            name="secrets",
            field="secrets",
            shape=Listing(parts.SECRET, "a list of secrets", single=True),
            meaning="Secrets that the task gets as environment variables.",
            default="none",
        ),
        Key(
            name="environment",
            field="environment",
            shape=Listing(parts.PAIR, "a list of `{key, val}`", single=True),
            spellings=("env",),
            meaning="Environment variables of the task.",
            default="none",
        ),
        Key(
            name="artifacts",
            field="artifacts",
            shape=parts.ARTIFACTS,
            spellings=("artifactCfg",),
            meaning="Which files are saved when the task has succeeded.",
            default="none",
        ),
        Key(
            name="dataSets",
            field="datasets",
            shape=Listing(Either(parts.DATASET_ITEM, scalars.BY_NAME), "a list of data sets"),
            spellings=("datasets",),
            meaning="Data sets that must be there before the task starts.",
            default="none",
        ),
        Key(
            name="triggers",
            field="triggers",
            shape=parts.TRIGGERS,
            meaning="What starts the task without a person. Read and kept.",
            default="none",
        ),
        Key(
            name="pipeline",
            field="pipeline",
            shape=Steps(),
            meaning="The tasks that this one consists of, one after another; "
            "a list among them is of tasks that run at once.",
        ),
        REFERENCE,
        Key(
            name="fromTemplate",
            field="template",
            shape=parts.REFERENCE,
            spellings=("templateRef",),
            meaning="The template that gives what the task itself does not say.",
        ),
        Key(
            name="timeout",
            field="timeout",
            shape=scalars.SPAN,
            meaning="How long one attempt may take.",
            default="no end",
        ),
        Key(
            name="retries",
            field="retries",
            shape=scalars.COUNT,
            meaning="How often a failed task is tried again.",
            default="0",
        ),
        Key(
            name="cache",
            field="cache",
            shape=Flag(),
            meaning="Whether a result is used again while nothing that it depends on has changed.",
            default="false",
        ),
        Key(
            name="inputs",
            field="inputs",
            shape=Listing(scalars.PATH, "a list of patterns such as `data/**`"),
            meaning="Patterns of the files that a cached result depends on.",
            default="all files that the task sees",
        ),
        Key(
            name="image",
            field="image",
            shape=scalars.WORD,
            meaning="Older place of the executor's `image`.",
        ),
        Key(
            name="runcommand",
            field="older_command",
            shape=scalars.LINE,
            spellings=("command",),
            meaning="Older form of `executor: !pipenv {command: …}`.",
        ),
        Key(
            name="taskType",
            field="older_type",
            shape=scalars.TYPE,
            meaning="Older form: `Mlflow` is `executor: !mlflow`, `PipEnv` is `!pipenv`.",
        ),
        Key(
            name="projectid",
            field="older_project",
            shape=scalars.NAME,
            meaning="Older form; the task's project is the file's. Has no effect.",
        ),
        Key(
            name="source",
            field="older_source",
            shape=Table(scalars.VALUE, "a map"),
            meaning="Older form; the task's files are the project's. Has no effect.",
        ),
    ),
)
MEMBER = replace(
    TASK,
    name="step",
    keys=(replace(_NAME, required=False), *TASK.keys[1:]),
    rule=rules.named_or_referring,
    says=rules.says_named_or_referring,
)
INLINE = replace(
    TASK,
    name="inlineTask",
    wanted="a task as a map of its keys, such as `{taskRef: NAME}`",
    keys=(replace(_NAME, required=False), *TASK.keys[1:]),
)
UNNAMED = replace(TASK, name="unnamedTask", keys=TASK.keys[1:])
TEMPLATE = replace(TASK, name="template", part=True)
UNNAMED_TEMPLATE = replace(UNNAMED, name="unnamedTemplate", part=True)
