"""What a task's keys hold: names, amounts, executors, secrets, resources, references."""

import re
from dataclasses import replace

from ame.project import cron, quantity
from ame.project.format.reading import Json
from ame.project.format.shape import Either, Flag, Key, Listing, Record, Scalar, Table, Tagged

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

_COMMAND = Key(name="command", field="command", shape=LINE, meaning="What is executed.")
_PYTHON = Key(
    name="pythonVersion",
    field="python_version",
    shape=PYTHON,
    meaning="The Python version that the command gets, as it is written: 3.10 is not 3.1.",
)
_IMAGE = Key(
    name="image",
    field="image",
    shape=WORD,
    meaning="The container image to execute in.",
    default="the machine itself, or the image that `ame` is set to use",
)


def _executor(name: str, *, python: bool, command: bool) -> Record:
    keys = (replace(_PYTHON, required=python), replace(_COMMAND, required=command), _IMAGE)
    return Record(name=name, wanted="the executor's keys as a map", keys=keys, defers=True)


POETRY = _executor("poetry", python=True, command=True)
PIP = _executor("pip", python=True, command=True)
PIPENV = _executor("pipenv", python=False, command=True)
MLFLOW = _executor("mlflow", python=False, command=False)
CUSTOM = _executor("custom", python=False, command=True)

FLOWER = Record(
    name="flower",
    wanted="the executor's keys as a map",
    defers=True,
    keys=(
        Key(
            name="app",
            field="app",
            shape=PATH,
            meaning="The folder of the app, with its `pyproject.toml`.",
            default="the project's own folder",
        ),
        Key(
            name="sites",
            field="sites",
            shape=SITES,
            meaning="How many sites there are, or their names.",
            default="as many as the app says, else 2",
        ),
        Key(
            name="backend",
            field="backend",
            shape=BACKEND,
            meaning="Where the app runs: simulated, on a SuperLink and SuperNodes that are started "
            "for it on this machine, or on a SuperLink that is there.",
            default="simulation",
        ),
        Key(
            name="rootCertificates",
            field="root_certificates",
            shape=LINE,
            meaning="The file by which that SuperLink's certificate is checked.",
            default="what this machine trusts",
        ),
        Key(
            name="runConfig",
            field="run_config",
            shape=Table(VALUE, "a map of texts"),
            meaning="Settings of the app that go before its own run configuration.",
            default="none",
        ),
        Key(
            name="results",
            field="results",
            shape=PATH,
            meaning="The folder of the workspace for what comes of it.",
            default="federated",
        ),
        Key(
            name="tolerate",
            field="tolerate",
            shape=Flag(),
            meaning="Whether the step succeeds though sites were lost.",
            default="false",
        ),
    ),
)

EXECUTOR = Tagged(
    name="executor",
    wanted="an executor with its tag, such as `!poetry` or `!pip`",
    kinds={
        "poetry": POETRY,
        "pip": PIP,
        "pipenv": PIPENV,
        "pipEnv": PIPENV,
        "mlflow": MLFLOW,
        "custom": CUSTOM,
        "flower": FLOWER,
    },
)

_INJECT = Key(
    name="injectAs",
    field="variable",
    shape=VARIABLE,
    required=True,
    meaning="The environment variable that gets the secret's value.",
)
SECRET = Tagged(
    name="secret",
    wanted="a secret: `!ame {key, injectAs}` or `!vault {vault, key, injectAs}`",
    kinds={
        "ame": Record(
            name="ame",
            wanted="a map of `key` and `injectAs`",
            keys=(
                Key(
                    name="key",
                    field="key",
                    shape=LINE,
                    required=True,
                    meaning="What `ame secret add` keeps the secret under.",
                ),
                _INJECT,
            ),
        ),
        "vault": Record(
            name="vault",
            wanted="a map of `vault`, `key` and `injectAs`",
            keys=(
                Key(
                    name="vault",
                    field="vault",
                    shape=LINE,
                    required=True,
                    meaning="The vault's name in the settings of `ame`.",
                ),
                Key(
                    name="key",
                    field="key",
                    shape=LINE,
                    required=True,
                    meaning="Path of the secret in the vault; `path#field` names a field of it.",
                ),
                Key(
                    name="field",
                    field="field",
                    shape=LINE,
                    meaning="The field of the secret, which in a vault is a map.",
                    default="what follows `#` in `key`, else the only field there is",
                ),
                _INJECT,
            ),
        ),
    },
    bare=Record(
        name="olderSecret",
        wanted="a map of `name` and `envkey`",
        keys=(
            Key(
                name="name",
                field="key",
                shape=LINE,
                required=True,
                meaning="Older form of `!ame`'s `key`.",
            ),
            Key(
                name="envkey",
                field="variable",
                shape=VARIABLE,
                required=True,
                meaning="Older form of `injectAs`.",
            ),
        ),
    ),
)

PAIR = Record(
    name="variable",
    wanted="a map of `key` and `val`",
    meant=lambda word: f"a variable is written `- {{key: {word[:60]}, val: …}}`",
    keys=(
        Key(
            name="key",
            field="key",
            shape=VARIABLE,
            spellings=("name", "envkey"),
            required=True,
            meaning="The variable's name.",
        ),
        Key(
            name="val",
            field="value",
            shape=VALUE,
            spellings=("value",),
            meaning="Its value. Left empty, the variable that a template set is taken away.",
        ),
    ),
)


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


TARGET = Record(
    name="reference",
    wanted="a map of `name` and `project`",
    keys=(
        Key(name="name", field="name", shape=NAME, required=True, meaning="What is referred to."),
        Key(
            name="project",
            field="project",
            shape=NAME,
            meaning="The project that has it, as `ame project add` registered it.",
            default="this project",
        ),
    ),
)
REFERENCE = Either(TARGET, BY_NAME)
DATASET_ITEM = Record(
    name="datasetReference",
    wanted="`NAME`, `PROJECT.NAME` or `ref: {name, project}`",
    keys=(
        Key(
            name="ref",
            field="ref",
            shape=REFERENCE,
            required=True,
            meaning="The data set that is needed.",
        ),
    ),
)

RESOURCES = Record(
    name="resources",
    wanted="a map such as `{memory: 10G, cpu: 4}`",
    keys=(
        Key(name="memory", field="memory", shape=BYTES, meaning="Bytes of memory."),
        Key(name="cpu", field="cpu", shape=CPUS, meaning="CPUs; `0.5` and `500m` are half of one."),
        Key(name="storage", field="storage", shape=BYTES, meaning="Bytes of disk space."),
        Key(
            name="nvidia.com/gpu",
            field="nvidia.com/gpu",
            shape=GPUS,
            spellings=("gpus",),
            meaning="Whole GPUs by NVIDIA.",
        ),
        Key(name="amd.com/gpu", field="amd.com/gpu", shape=GPUS, meaning="Whole GPUs by AMD."),
        Key(
            name="gpu.intel.com/i915",
            field="gpu.intel.com/i915",
            shape=GPUS,
            meaning="Whole GPUs by Intel.",
        ),
        Key(
            name="vram",
            field="vram",
            shape=BYTES,
            meaning="Memory that each GPU must have. Read and kept; nothing holds it yet.",
        ),
    ),
)

ARTIFACTS = Record(
    name="artifacts",
    wanted="a map of `paths` or `saveChangedFiles`",
    keys=(
        Key(
            name="paths",
            field="paths",
            shape=Listing(PATH, "a list of paths"),
            meaning="Files and folders that are saved when the step has succeeded.",
        ),
        Key(
            name="saveChangedFiles",
            field="save_changed_files",
            shape=Flag(),
            default="false",
            meaning="Whether all files that the step made or changed are saved.",
        ),
    ),
)

TRIGGERS = Record(
    name="triggers",
    wanted="a map with `schedule`",
    keys=(
        Key(
            name="schedule",
            field="schedule",
            shape=SCHEDULE,
            meaning="When the task is started, in cron's five fields, quoted.",
        ),
    ),
)
