"""Training scripts as NVFLARE's executors: several classes up to 2.8, one from 2.9 on."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ame import errors
from ame.federation.export import variables
from ame.federation.program import Part, Value, Version

EXECUTOR = "ame.federation.client.executor.ScriptExecutor"
FORMATS = {
    "pytorch": "pytorch",
    "numpy": "numpy",
    "raw": "raw",
    "tensorflow": "keras_layer_weights",
}
FAMILIES = {"pytorch": "nvflare.app_opt.pt.", "tensorflow": "nvflare.app_opt.tf."}
PREFIXES = {"pytorch": "PT", "tensorflow": "TF"}
PLAIN = "nvflare.app_common.executors."
NAMES = ("train_task_name", "evaluate_task_name", "submit_model_task_name", "train_with_evaluation")
TUNING = {"memory_gc_rounds": 0, "cuda_empty_cache": False}
PIPE = {
    "mode": "PASSIVE",
    "site_name": "{SITE_NAME}",
    "token": "{JOB_ID}",
    "root_url": "{CP_URL}",
    "secure_mode": "{SECURE_MODE}",
    "workspace_dir": "{WORKSPACE}",
}

Plain = Any
Free = Callable[[str], str]


@dataclass(slots=True, kw_only=True)
class Scripted:
    """An executor, and the components that it needs beside it."""

    executor: dict[str, Plain]
    components: list[dict[str, Plain]] = field(default_factory=list)


def executor(
    part: Part, version: Version, free: Free, known: frozenset[str] = frozenset()
) -> Scripted:
    """A script's executor for this version.

    Args:
        part: a `ScriptExecutor`.
        version: of NVFLARE.
        free: gives a free id for a component.
        known: variables of the client's configuration.

    Raises:
        errors.NotExportable: the version cannot do what it says.
    """
    args = dict(part.args)
    _check_braces(args, version, known)
    form = FORMATS[str(args.get("framework", "pytorch"))]
    given: dict[str, Plain] = {name: args[name] for name in NAMES if name in args}
    for name, usual in (("server_expected_format", "numpy"), ("params_transfer_type", "FULL")):
        if args.get(name, usual) != usual:
            given[name] = args[name]
    tuned = {name: args[name] for name, usual in TUNING.items() if args.get(name, usual) != usual}
    if version == "2.9":
        return Scripted(executor=_new(args, {"params_exchange_format": form, **given, **tuned}))
    if tuned:
        raise errors.NotExportable(
            str(args["script"]), version,
            f"there a script takes no `{next(iter(tuned))}`; leave it out, or export for 2.9",
        )  # fmt: skip
    if args.get("external"):
        return _launched(args, form, given, free)
    framework = str(args.get("framework", "pytorch"))
    if framework == "raw":
        given["params_exchange_format"] = form
    path = _path(framework, "in_process_client_api_executor", "InProcessClientAPIExecutor")
    return Scripted(executor={"path": path, "args": {**_in_process(args, version), **given}})


def _check_braces(args: dict[str, Value], version: Version, known: frozenset[str]) -> None:
    """That nothing is taken for a variable: in one text, or in a word of a command."""
    if not args.get("external"):
        texts = [" ".join(_words(args.get("script_args", "")))]
    else:
        texts = _command(args) if version == "2.9" else [shlex.join(_command(args))]
    for text in texts:
        if not variables.is_same_there(text, known):
            raise errors.NotExportable(
                str(args["script"]), version,
                f"its arguments have {text!r}, and there braces stand for a variable; give that "
                "text without them, or in a file",
            )  # fmt: skip


def _new(args: dict[str, Value], given: dict[str, Plain]) -> dict[str, Plain]:
    own: dict[str, Plain]
    if args.get("external"):
        own = {"execution_mode": "external_process", "command": _command(args)}
        for name in ("launch_once", "launch_timeout", "shutdown_timeout"):
            if name in args:
                own[name] = args[name]
    else:
        own = {"execution_mode": "in_process", **_in_process(args, "2.9")}
    return {"path": f"{PLAIN}client_api_executor.ClientAPIExecutor", "args": {**own, **given}}


def _in_process(args: dict[str, Value], version: Version) -> dict[str, Plain]:
    """Path and arguments of a script. NVFLARE splits these at spaces, whatever their quotes."""
    words = _words(args.get("script_args", ""))
    for word in words:
        if not word or any(letter.isspace() for letter in word):
            raise errors.NotExportable(
                str(args["script"]), version, f"its argument {word!r} has spaces, and NVFLARE "
                "splits there; give it without, or `launch_external_process=True`",
            )  # fmt: skip
    found: dict[str, Plain] = {"task_script_path": str(args["script"])}
    return {**found, "task_script_args": " ".join(words)} if words else found


def _launched(args: dict[str, Value], form: str, given: dict[str, Plain], free: Free) -> Scripted:
    """The executor of 2.7 for a process, with pipes, launcher and relay."""
    ids = {
        name: free(name)
        for name in ("pipe", "launcher", "metrics_pipe", "metric_relay", "config_preparer")
    }
    framework = str(args.get("framework", "pytorch"))
    if framework == "raw":
        given["params_exchange_format"] = form
    if args.get("launch_timeout", 300.0) != 300.0:
        given["external_pre_init_timeout"] = args["launch_timeout"]
    launch: dict[str, Plain] = {"script": shlex.join(_command(args))}
    for name, usual in (("launch_once", True), ("shutdown_timeout", 0.0)):
        if args.get(name, usual) != usual:
            launch[name] = args[name]
    pipe = "nvflare.fuel.utils.pipe.cell_pipe.CellPipe"
    relay: dict[str, Plain] = {
        "pipe_id": ids["metrics_pipe"],
        "heartbeat_timeout": 0,
        "event_type": "fed.analytix_log_stats",
    }
    components = [
        (ids["pipe"], pipe, PIPE),
        (ids["launcher"], "nvflare.app_common.launchers.subprocess_launcher.SubprocessLauncher",
         launch),
        (ids["metrics_pipe"], pipe, PIPE),
        (ids["metric_relay"], "nvflare.app_common.widgets.metric_relay.MetricRelay", relay),
        (ids["config_preparer"],
         "nvflare.app_common.widgets.external_configurator.ExternalConfigurator",
         {"component_ids": [ids["metric_relay"]]}),
    ]  # fmt: skip
    path = _path(framework, "client_api_launcher_executor", "ClientAPILauncherExecutor")
    own = {"pipe_id": ids["pipe"], "launcher_id": ids["launcher"]}
    return Scripted(
        executor={"path": path, "args": {**own, **given}},
        components=[{"id": name, "path": path, "args": args} for name, path, args in components],
    )


def _path(framework: str, module: str, kind: str) -> str:
    return f"{FAMILIES.get(framework, PLAIN)}{module}.{PREFIXES.get(framework, '')}{kind}"


def _command(args: dict[str, Value]) -> list[str]:
    script = PurePosixPath("custom") / str(args["script"])
    command = _words(args.get("command", "python3 -u"))
    return [*command, str(script), *_words(args.get("script_args", ""))]


def _words(given: Value) -> list[str]:
    if isinstance(given, str):
        return shlex.split(given)
    assert isinstance(given, Sequence)
    return [str(word) for word in given]
