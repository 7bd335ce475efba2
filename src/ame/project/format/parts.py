"""What a task's keys hold: executors, secrets, resources, artifacts, references."""

from dataclasses import replace

from ame.project.format import scalars
from ame.project.format.shape import Either, Flag, Key, Listing, Record, Table, Tagged

_COMMAND = Key(name="command", field="command", shape=scalars.LINE, meaning="What is executed.")
_PYTHON = Key(
    name="pythonVersion",
    field="python_version",
    shape=scalars.PYTHON,
    meaning="The Python version that the command gets, as it is written: 3.10 is not 3.1.",
)
_IMAGE = Key(
    name="image",
    field="image",
    shape=scalars.WORD,
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
            shape=scalars.PATH,
            meaning="The folder of the app, with its `pyproject.toml`.",
            default="the project's own folder",
        ),
        Key(
            name="sites",
            field="sites",
            shape=scalars.SITES,
            meaning="How many sites there are, or their names.",
            default="as many as the app says, else 2",
        ),
        Key(
            name="backend",
            field="backend",
            shape=scalars.BACKEND,
            meaning="Where the app runs: simulated, on a SuperLink and SuperNodes that are started "
            "for it on this machine, or on a SuperLink that is there.",
            default="simulation",
        ),
        Key(
            name="rootCertificates",
            field="root_certificates",
            shape=scalars.LINE,
            meaning="The file by which that SuperLink's certificate is checked.",
            default="what this machine trusts",
        ),
        Key(
            name="runConfig",
            field="run_config",
            shape=Table(scalars.VALUE, "a map of texts"),
            meaning="Settings of the app that go before its own run configuration.",
            default="none",
        ),
        Key(
            name="results",
            field="results",
            shape=scalars.PATH,
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
    shape=scalars.VARIABLE,
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
                    shape=scalars.LINE,
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
                    shape=scalars.LINE,
                    required=True,
                    meaning="The vault's name in the settings of `ame`.",
                ),
                Key(
                    name="key",
                    field="key",
                    shape=scalars.LINE,
                    required=True,
                    meaning="Path of the secret in the vault; `path#field` names a field of it.",
                ),
                Key(
                    name="field",
                    field="field",
                    shape=scalars.LINE,
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
                shape=scalars.LINE,
                required=True,
                meaning="Older form of `!ame`'s `key`.",
            ),
            Key(
                name="envkey",
                field="variable",
                shape=scalars.VARIABLE,
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
            shape=scalars.VARIABLE,
            spellings=("name", "envkey"),
            required=True,
            meaning="The variable's name.",
        ),
        Key(
            name="val",
            field="value",
            shape=scalars.VALUE,
            spellings=("value",),
            meaning="Its value. Left empty, the variable that a template set is taken away.",
        ),
    ),
)


TARGET = Record(
    name="reference",
    wanted="a map of `name` and `project`",
    keys=(
        Key(
            name="name",
            field="name",
            shape=scalars.NAME,
            required=True,
            meaning="What is referred to.",
        ),
        Key(
            name="project",
            field="project",
            shape=scalars.NAME,
            meaning="The project that has it, as `ame project add` registered it.",
            default="this project",
        ),
    ),
)
REFERENCE = Either(TARGET, scalars.BY_NAME)
DATASET_ITEM = Record(
    name="datasetReference",
    wanted="`scalars.NAME`, `PROJECT.NAME` or `ref: {name, project}`",
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
        Key(name="memory", field="memory", shape=scalars.BYTES, meaning="Bytes of memory."),
        Key(
            name="cpu",
            field="cpu",
            shape=scalars.CPUS,
            meaning="CPUs; `0.5` and `500m` are half of one.",
        ),
        Key(name="storage", field="storage", shape=scalars.BYTES, meaning="Bytes of disk space."),
        Key(
            name="nvidia.com/gpu",
            field="nvidia.com/gpu",
            shape=scalars.GPUS,
            spellings=("gpus",),
            meaning="Whole GPUs by NVIDIA.",
        ),
        Key(
            name="amd.com/gpu",
            field="amd.com/gpu",
            shape=scalars.GPUS,
            meaning="Whole GPUs by AMD.",
        ),
        Key(
            name="gpu.intel.com/i915",
            field="gpu.intel.com/i915",
            shape=scalars.GPUS,
            meaning="Whole GPUs by Intel.",
        ),
        Key(
            name="vram",
            field="vram",
            shape=scalars.BYTES,
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
            shape=Listing(scalars.PATH, "a list of paths"),
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
            shape=scalars.SCHEDULE,
            meaning="When the task is started, in cron's five fields, quoted.",
        ),
    ),
)
