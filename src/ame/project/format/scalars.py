"""What one word of a project file may be: names, paths, amounts, spans of time, references."""

import re

from ame.project import cron, quantity
from ame.project.format.reading import Json
from ame.project.format.shape import Scalar

PROVIDED = {
    "AME_RUN": "the run's unique name",
    "AME_STEP": "the step's name within the run",
    "AME_TASK": "the name of the task that the run is of",
    "AME_PROJECT": "the project's name",
    "AME_ATTEMPT": "which try at the step this is, from 1",
    "AME_REPORT": "the file to which metrics and progress are appended as lines of JSON",
    "AME_HOME": "the state folder",
    "MLFLOW_TRACKING_URI": "where MLflow keeps what is logged; a setting of `ame`",
    "_MLFLOW_SERVER_ARTIFACT_ROOT": "where MLflow keeps files, when that is the state folder",
    "MLFLOW_EXPERIMENT_NAME": "the project's name, or that in the settings of `ame`",
    "MLFLOW_RUN_CONTEXT": "by what `ame` finds the metrics that a step logs",
    "CUDA_VISIBLE_DEVICES": "the GPUs that the step was given",
    "NVIDIA_VISIBLE_DEVICES": "the same GPUs, for containers",
}
"""Variables that `ame` provides to a step, with what they hold.

A task can set none of them, nor another one whose name begins with `AME_`.
"""

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]*"
_LINE = r"[^\x00]*[^ \t\r\n\x00][^\x00]*"
_ANY = r"[^\x00]*"
_NUMBERS: Json = {"type": "number"}
_REFERENCE_TEXT = rf"({_NAME}\.)?{_NAME}"
_VERSION = r"[2-9](\.[0-9]+){0,2}"
_LIMIT = rf"((>=|<=|>|<) *{_VERSION}|(==|!=) *{_VERSION}(\.\*)?|~= *[2-9](\.[0-9]+){{1,2}})"
_COUNTS: Json = {"type": "integer", "minimum": 0}
_PROVIDED = "|".join(("AME_.*", *(name for name in PROVIDED if not name.startswith("AME_"))))

NAME = Scalar(
    wanted="a name of letters, digits, `_` and `-`",
    pattern=_NAME,
    numbers=_COUNTS,
    booleans=True,
)
LINE = Scalar(wanted="text", pattern=_LINE, numbers=_NUMBERS, booleans=True)
VALUE = Scalar(wanted="text without a NUL", pattern=_ANY, numbers=_NUMBERS, booleans=True)
WORD = Scalar(
    wanted="text without spaces", pattern=r"[^ \t\r\n\x00]+", numbers=_NUMBERS, booleans=True
)
PATH = Scalar(
    wanted="a path inside the project: relative, without `..`",
    pattern=r"(?!/)(?!~)(?!(.*/)?\.\.(/|$))" + _LINE,
    numbers=_NUMBERS,
    booleans=True,
)
VARIABLE = Scalar(
    wanted="the name of a variable: letters, digits and `_`, no digit first",
    pattern=r"[A-Za-z_][A-Za-z0-9_]*",
    booleans=True,
    refused=_PROVIDED,
    why=f"is provided by ame, as are {', '.join(PROVIDED)}; choose another name",
)
PYTHON = Scalar(
    wanted="a Python version such as `3.11` or `3.11.4`, or limits such as `>=3.10,<3.13`",
    pattern=rf"({_VERSION}|{_LIMIT}( *, *{_LIMIT})*)",
    numbers={"type": "number", "minimum": 2, "exclusiveMaximum": 10},
)
BYTES = Scalar(
    wanted="an amount of bytes such as `10G` or `512Mi`",
    pattern=quantity.PATTERN,
    numbers={"type": "number", "minimum": 0},
    convert=quantity.read_bytes,
)
CPUS = Scalar(
    wanted="a number of CPUs such as `4`, `0.5` or `500m`",
    pattern=quantity.PATTERN,
    numbers={"type": "number", "minimum": 0},
    convert=quantity.read_cpus,
)
GPUS = Scalar(
    wanted="a whole number of GPUs",
    pattern=quantity.WHOLE,
    numbers=_COUNTS,
    convert=quantity.read_gpus,
)
SPAN = Scalar(
    wanted="a span of time such as `90s`, `30m`, `2h` or plain seconds",
    pattern=quantity.SPAN,
    numbers={"type": "integer", "minimum": 1, "maximum": 999_999_999},
    convert=quantity.read_seconds,
)
COUNT = Scalar(
    wanted="a whole number from 0 to 999",
    pattern=r"[0-9]{1,3}",
    numbers={"type": "integer", "minimum": 0, "maximum": 999},
)
SCHEDULE = Scalar(
    wanted="a cron schedule of five fields such as `30 6 * * 1`",
    pattern=cron.PATTERN,
    convert=cron.read,
)
SITES = Scalar(
    wanted="a number of sites, or their names with commas between them",
    pattern=rf"[1-9][0-9]{{0,6}}|{_NAME}(,{_NAME})*",
    numbers={"type": "integer", "minimum": 1, "maximum": 9_999_999},
    refused=r"0[0-9]*|[0-9]{8,}",
    why="is no number of sites; give one from 1 to 9999999",
)
BACKEND = Scalar(
    wanted="`simulation`, `superlink`, or a SuperLink's `HOST:PORT`",
    pattern=r"simulation|superlink|(https?://)?[^ \t\r\n\x00/]+:[0-9]{1,5}",
)
TYPE = Scalar(wanted="`Mlflow` or `PipEnv`", pattern=r"[Mm][Ll][Ff]low|[Pp]ip[Ee]nv")


def _reference(text: str) -> dict[str, str]:
    if not re.fullmatch(_REFERENCE_TEXT, text):
        raise ValueError(
            f"`{text[:60]}` is no reference; write `NAME`, `PROJECT.NAME` or "
            "a map of `name` and `project`"
        )
    project, _, name = text.rpartition(".")
    return {"name": name, "project": project}


BY_NAME = Scalar(
    wanted="`NAME` or `PROJECT.NAME`",
    pattern=_REFERENCE_TEXT,
    numbers=_COUNTS,
    booleans=True,
    convert=_reference,
    refused=r"[0-9]+\.[0-9]+",
    why="is a number; write a map of `name` and `project`",
)
