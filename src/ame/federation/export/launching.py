"""NVFLARE's executors of training scripts, as ours: those of all its versions."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any

from ame import errors
from ame.federation.export.scripts import EXECUTOR, FORMATS, NAMES
from ame.federation.program import Part, Value

Plain = Any

IN_PROCESS = re.compile(
    r"nvflare\.(?:app_opt\.(?:pt|tf)|app_common\.executors)\.in_process_client_api_executor\."
    r"(PT|TF)?InProcessClientAPIExecutor"
)
LAUNCHER = re.compile(
    r"nvflare\.(?:app_opt\.(?:pt|tf)|app_common\.executors)\.client_api_launcher_executor\."
    r"(PT|TF)?ClientAPILauncherExecutor"
)
SINGLE = "nvflare.app_common.executors.client_api_executor.ClientAPIExecutor"
SUBPROCESS = "nvflare.app_common.launchers.subprocess_launcher.SubprocessLauncher"
WIRING = (
    "nvflare.fuel.utils.pipe.",
    "nvflare.app_common.widgets.metric_relay.",
    "nvflare.app_common.widgets.external_configurator.",
    SUBPROCESS,
)
"""Of a script's process: pipes, relays and launchers, in whose place we have sockets."""

FRAMEWORKS = {"PT": "pytorch", "TF": "tensorflow", None: "numpy"}
BY_FORMAT = {form: framework for framework, form in FORMATS.items()}
PASSED = (*NAMES, "params_transfer_type", "server_expected_format", "memory_gc_rounds",
          "cuda_empty_cache")  # fmt: skip
TIMES = (
    "download_complete_timeout", "external_execution_wait",
    "external_pre_init_timeout", "heartbeat_interval", "heartbeat_timeout",
    "last_result_transfer_timeout", "launch_timeout", "log_pull_interval", "max_resends",
    "monitor_interval", "peer_read_timeout", "read_interval",
    "result_pull_interval", "result_wait_timeout", "shutdown_timeout", "stop_grace_period",
    "submit_result_timeout", "task_wait_time", "task_wait_timeout",
)  # fmt: skip
"""How long NVFLARE's processes wait for one another, in any of its versions."""

LAUNCHING = ("clean_up_script", "launch_once", "script", "shutdown_timeout")
TAKEN = (
    *PASSED, *TIMES, "allow_insecure_attach", "allow_reconnect", "attach_id", "attach_timeout",
    "command", "config_file_name", "execution_mode", "from_nvflare_converter_id", "launch_once",
    "launcher_id", "params_exchange_format", "pipe_id", "task_script_args", "task_script_path",
    "to_nvflare_converter_id", "workers",
)  # fmt: skip
PYTHON = re.compile(r"python(?:3(?:\.\d+)?)?|torchrun")
FLAG = re.compile(r"-[a-bd-ln-zA-Z]+|--[a-zA-Z][\w-]*(?:=[\w.:/-]*)?|\d+")
MODULES = frozenset(
    {"torch.distributed.run", "torch.distributed.launch", "accelerate.commands.launch"}
)


@dataclass(slots=True, kw_only=True)
class Launching:
    """Reads the executors of one app, with the components that they need."""

    components: Mapping[str, Mapping[str, Plain]]
    files: frozenset[PurePosixPath]
    """The app's code."""
    _used: set[str] = field(default_factory=set)

    def used(self, id_: str) -> bool:
        """Whether a component is a script's wiring, which nothing else needs."""
        path = str(self.components.get(id_, {}).get("path", ""))
        return id_ in self._used or path.startswith(WIRING)

    def script(self, path: str, args: Mapping[str, Plain], place: str) -> Part | None:
        """Our executor of the script; None if it is none of a script.

        Raises:
            errors.JobFolderInvalid: the script is not in the app's code.
            errors.JobFolderUnsafe: what would be started is not a script of the app's code.
        """
        if not (IN_PROCESS.fullmatch(path) or LAUNCHER.fullmatch(path) or path == SINGLE):
            return None
        _check_arguments(args, TAKEN, place)
        for name in ("from_nvflare_converter_id", "to_nvflare_converter_id"):
            if args.get(name):
                raise errors.JobFolderInvalid(f"{place}.args.{name}", "converters are not served")
        if found := IN_PROCESS.fullmatch(path):
            return self._made(args, FRAMEWORKS[found[1]], self._in_process(args, place))
        if found := LAUNCHER.fullmatch(path):
            return self._made(args, FRAMEWORKS[found[1]], self._launched(args, place))
        return self._made(args, "raw", self._single(args, place))

    def _made(self, args: Mapping[str, Plain], framework: str, own: dict[str, Value]) -> Part:
        form = args.get("params_exchange_format")
        passed: dict[str, Value] = {name: args[name] for name in PASSED if name in args}
        return Part(
            path=EXECUTOR,
            args={**own, "framework": BY_FORMAT.get(str(form), framework), **passed},
        )

    def _single(self, args: Mapping[str, Plain], place: str) -> dict[str, Value]:
        mode = args.get("execution_mode")
        if mode == "in_process":
            return self._in_process(args, place)
        if mode != "external_process":
            raise errors.JobFolderInvalid(
                f"{place}.args.execution_mode", f"{mode!r} is not served; in_process and "
                "external_process are"
            )  # fmt: skip
        own = self._command(args.get("command"), f"{place}.args.command")
        times = ("launch_once", "launch_timeout", "shutdown_timeout")
        return {**own, **{name: args[name] for name in times if name in args}}

    def _in_process(self, args: Mapping[str, Plain], place: str) -> dict[str, Value]:
        script = self._file(args.get("task_script_path"), f"{place}.args.task_script_path")
        words = str(args.get("task_script_args") or "").split()
        _check_secrets(words, f"{place}.args.task_script_args")
        return {"script": script, "script_args": words}

    def _launched(self, args: Mapping[str, Plain], place: str) -> dict[str, Value]:
        id_ = str(args.get("launcher_id"))
        launcher = self.components.get(id_, {})
        if launcher.get("path") != SUBPROCESS:
            raise errors.JobFolderInvalid(
                f"{place}.args.launcher_id", f"component `{id_}` is no SubprocessLauncher"
            )
        self._used.add(id_)
        given = launcher.get("args") or {}
        there = f"component `{id_}`"
        if not isinstance(given, dict):
            raise errors.JobFolderInvalid(f"{there}: args", "must hold names with values")
        _check_arguments(given, LAUNCHING, there)
        if given.get("clean_up_script"):
            raise errors.JobFolderInvalid(
                f"{there}: clean_up_script", "is not served; let the script itself clean up"
            )
        own = self._command(given.get("script"), f"{there}: script")
        for name in ("launch_once", "shutdown_timeout"):
            if name in given:
                own[name] = given[name]
        if "external_pre_init_timeout" in args:
            own["launch_timeout"] = args["external_pre_init_timeout"]
        return own

    def _command(self, given: Plain, place: str) -> dict[str, Value]:
        """What is started, taken apart; it must be Python, with a script of the app's code."""
        try:
            words = shlex.split(given) if isinstance(given, str) else [str(w) for w in given or []]
        except ValueError as error:
            raise errors.JobFolderInvalid(place, f"cannot be split: {error}") from None
        _check_secrets(words, place)
        for number, word in enumerate(words):
            if number and self._is_own(word):
                _check_command(words[:number], place)
                return {
                    "script": self._file(word, place),
                    "script_args": words[number + 1 :],
                    "external": True,
                    "command": words[:number],
                }
        raise errors.JobFolderUnsafe(place, f"{given!r} starts no script of the job's own code")

    def _is_own(self, word: str) -> bool:
        return PurePosixPath(word.removeprefix("custom/")) in self.files

    def _file(self, given: Plain, place: str) -> str:
        """The script, as it lies in the app's code."""
        path = PurePosixPath(str(given or "").removeprefix("custom/"))
        if path.is_absolute() or ".." in path.parts:
            raise errors.JobFolderUnsafe(place, f"`{given}` leads out of the job's own code")
        if path in self.files:
            return str(path)
        ending = [file for file in sorted(self.files) if str(file).endswith(f"/{path}")]
        if not given or not ending:
            raise errors.JobFolderInvalid(place, f"script `{given}` is not in the app's `custom`")
        return str(ending[0])


def _check_arguments(given: Plain, taken: Sequence[str], place: str) -> None:
    """That these are arguments of NVFLARE's, of whatever version."""
    for name in given if isinstance(given, dict) else ():
        if name not in taken:
            near = get_close_matches(name, taken, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "leave it out"
            raise errors.JobFolderInvalid(f"{place}.args.{name}", f"is no argument of it; {hint}")


def _check_secrets(words: Sequence[str], place: str) -> None:
    if any("${secret:" in word for word in words):
        raise errors.JobFolderInvalid(
            place, "sites here have no secrets of their own; let the script read its environment"
        )


def _check_command(words: list[str], place: str) -> None:
    before = ""
    for number, word in enumerate(words):
        fit = PYTHON.fullmatch(word) if number == 0 else FLAG.fullmatch(word) or word == "-m"
        if not fit and not (before == "-m" and word in MODULES):
            raise errors.JobFolderUnsafe(
                place, f"`{word}` of its command is neither Python nor an option of it"
            )
        if before == "-m" and word not in MODULES:
            raise errors.JobFolderUnsafe(place, f"module `{word}` is not the job's own code")
        before = word
