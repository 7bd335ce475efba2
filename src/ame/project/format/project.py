"""Every key of a project, a model and a data set; and the JSON Schema of the whole."""

from dataclasses import replace
from typing import Any

from yaml.nodes import MappingNode

from ame.project.format import parts, scalars
from ame.project.format.reading import Definitions, Json, Reading, is_null
from ame.project.format.shape import Flag, Key, Record, Table
from ame.project.format.task import (
    INLINE,
    REFERENCE,
    TASK,
    TEMPLATE,
    UNNAMED,
    UNNAMED_TEMPLATE,
    Named,
    Tasks,
)

_TASK_OF_DATASET = ("task", "reference")


def _needs_task(
    data: dict[str, Any], node: MappingNode, path: str, reading: Reading, partial: bool
) -> None:
    del partial
    has = [field for field in _TASK_OF_DATASET if data.get(field)]
    faulty = any(key.value == "task" and not is_null(value) for key, value in node.value)
    if len(has) > 1 or not (has or faulty):  # a task with a fault has been refused for it
        said = "has `task` and `taskRef`; remove one" if has else "the key `task` is missing: "
        reading.refuse(node, path, said if has else said + "it says what produces the data")
    data["place"] = reading.place(node, path)


def _says_needs_task(record: Record, to: Definitions) -> Json:
    del to
    filled: Json = {"not": {"type": "null"}}
    words = [w for key in record.keys if key.field in _TASK_OF_DATASET for w in key.all()]
    return {"oneOf": [{"required": [w], "properties": {w: filled}} for w in words]}


DATASET = Record(
    name="dataSet",
    wanted="a data set as a map of its keys",
    rule=_needs_task,
    says=_says_needs_task,
    keys=(
        Key(
            name="name",
            field="name",
            shape=scalars.NAME,
            required=True,
            meaning="What the data set is called.",
        ),
        Key(
            name="path",
            field="path",
            shape=scalars.PATH,
            required=True,
            meaning="Where its task leaves the data, and where those who need it find it.",
        ),
        Key(
            name="size",
            field="size",
            shape=scalars.BYTES,
            meaning="How many bytes the data may have.",
            default="no limit",
        ),
        Key(
            name="task",
            field="task",
            shape=INLINE,
            meaning="The task that produces the data, or a `taskRef` to it.",
        ),
        replace(REFERENCE, meaning="The task that produces the data."),
    ),
)

_HOLDS_TASK = Record(
    name="taskHolder",
    wanted="a map with `task`",
    keys=(
        Key(
            name="task",
            field="task",
            shape=INLINE,
            required=True,
            meaning="The task, or a `taskRef` to one.",
        ),
    ),
)
DEPLOYMENT = Record(
    name="deployment",
    wanted="a deployment as a map of its keys",
    keys=(
        Key(
            name="replicas",
            field="replicas",
            shape=scalars.COUNT,
            meaning="How many servers of the model there are.",
            default="1",
        ),
        Key(
            name="image",
            field="image",
            shape=scalars.WORD,
            meaning="The container image that serves the model.",
        ),
        Key(
            name="resources",
            field="resources",
            shape=parts.RESOURCES,
            meaning="What each server may use.",
        ),
        Key(
            name="ingressAnnotations",
            field="ingress_annotations",
            shape=Table(scalars.VALUE, "a map of texts"),
            meaning="Annotations of the model's ingress in a cluster.",
        ),
        Key(
            name="enableTls",
            field="enable_tls",
            shape=Flag(),
            spellings=("enable_tls",),
            meaning="Whether the model is served by TLS.",
            default="true",
        ),
        Key(
            name="autoDeploy",
            field="deploy",
            shape=Flag(),
            spellings=("deploy",),
            meaning="Whether each new version is deployed by itself.",
            default="true",
        ),
        Key(
            name="autoTrain",
            field="train",
            shape=Flag(),
            spellings=("auto_train",),
            meaning="Whether the model is trained anew when its project changes.",
            default="false",
        ),
    ),
)
MODEL = Record(
    name="model",
    wanted="a model as a map of its keys",
    keys=(
        Key(
            name="name",
            field="name",
            shape=scalars.NAME,
            required=True,
            meaning="What the model is called, in the registry too.",
        ),
        Key(
            name="type",
            field="type",
            shape=scalars.WORD,
            meaning="How the model is kept.",
            default="mlflow",
        ),
        Key(
            name="training",
            field="training",
            shape=_HOLDS_TASK,
            meaning="The task that trains the model.",
        ),
        Key(
            name="validationTask",
            field="validation",
            shape=INLINE,
            meaning="The task that must succeed before a version is deployed.",
        ),
        Key(
            name="validation",
            field="older_validation",
            shape=_HOLDS_TASK,
            meaning="The same, as a map with `task`.",
        ),
        Key(
            name="deployment",
            field="deployment",
            shape=DEPLOYMENT,
            meaning="How the model is served. Read and kept.",
        ),
    ),
)


def _belongs_to_task(word: str) -> str:
    """What to say of a part of a task that stands alone, as a piece of an example does."""
    if word not in TASK.spelled:
        return ""
    return (
        f"belongs to a task; the key `tasks` is missing above it: `tasks: [{{name: …, {word}: …}}]`"
    )


PROJECT = Record(
    name="project",
    wanted="a project as a map of its keys",
    hint=_belongs_to_task,
    keys=(
        Key(
            name="name",
            field="name",
            shape=scalars.NAME,
            spellings=("project", "projectName", "projectname", "projectid"),
            meaning="What the project is called.",
            default="the name of its folder",
        ),
        Key(
            name="tasks",
            field="tasks",
            shape=Tasks(TASK, UNNAMED),
            meaning="The tasks of the project.",
            default="none",
        ),
        Key(
            name="templates",
            field="templates",
            shape=Tasks(TEMPLATE, UNNAMED_TEMPLATE),
            meaning="Parts of tasks that tasks are made from.",
            default="none",
        ),
        Key(
            name="models",
            field="models",
            shape=Named(MODEL, "a list of models"),
            meaning="The models of the project.",
            default="none",
        ),
        Key(
            name="dataSets",
            field="datasets",
            shape=Named(DATASET, "a list of data sets"),
            spellings=("datasets",),
            meaning="The data sets of the project.",
            default="none",
        ),
        Key(
            name="enableTriggers",
            field="enable_triggers",
            shape=Flag(),
            meaning="Whether the triggers of the tasks fire. Read and kept.",
            default="true",
        ),
    ),
)


def schema(*, tagged: bool) -> Json:
    """The JSON Schema of an `ame.yml`, draft 2020-12.

    With `tagged`, for tools that drop tags, as editors do; else for a file whose tags are keys.
    """
    to = Definitions(tagged=tagged)
    PROJECT.schema(to)
    project = to.schemas.pop(PROJECT.name)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ame.yml",
        "description": "A project of ame: tasks, templates, models and data sets.",
        **project,
        "$defs": to.schemas,
    }
