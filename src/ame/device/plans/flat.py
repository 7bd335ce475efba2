"""Plans whose computation is a flatbuffer of TFLite, run in a child process.

Newer releases of TensorFlow have no Flex delegate, without which operations of TensorFlow proper
cannot be run in a flatbuffer. So the child has an environment of its own with an older one.
"""

from __future__ import annotations

import base64
import collections
import fcntl
import json
import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ame import errors, process
from ame.protocol.pb import plan as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE: Final = "tensorflow-cpu==2.18.1"
PYTHON: Final = ">=3.9,<3.13"
"""Those that this release is built for."""
CHILD: Final = Path(__file__).with_name("flat_child.py")
LINES: Final = 12
"""Of a child's output, for what is said when it fails."""


class Flat:
    """A flatbuffer that is ready to run. It promises what `Loaded` does; one run at a time."""

    def __init__(self, plan: pb.ClientOnlyPlan, environments: Path, scratch: Path) -> None:
        """Starts its child. The first one of a machine installs what it needs.

        Raises:
            errors.EnvironmentFailed: that could not be installed.
            errors.PlanInvalid: it is no flatbuffer that can be run.
            errors.PlanUnsupported: it has constant inputs that are no strings.
        """
        spec = plan.phase.tensorflow_spec
        self._spec = spec
        self._router = plan.phase.federated_compute
        self._lock = threading.Lock()
        self._supervisor = process.Supervisor()
        self._folder = Path(tempfile.mkdtemp(dir=scratch))
        self._said: collections.deque[bytes] = collections.deque(maxlen=LINES)
        try:
            python = _environment(environments, self._supervisor)
            self._line = self._started(python)
            model = self._folder / "model.tflite"
            model.write_bytes(plan.tflite_graph)
            answer = self._ask({"load": str(model)})
        except BaseException:
            self._supervisor.close(0)
            raise
        if "error" in answer:
            self._supervisor.close(0)
            raise errors.PlanInvalid(answer["error"])
        default = spec.example_selector.SerializeToString()
        self.selectors = tuple(
            pb.ExampleSelector.FromString(base64.b64decode(each) or default)
            for each in answer["selectors"]
        )
        self._constants = {
            name.removesuffix(":0"): _text(name, value)
            for name, value in spec.constant_inputs.items()
        }

    def run(self, examples: Path, checkpoint: Path, output: Path) -> None:
        """See `Loaded`."""
        given = {
            self._spec.dataset_token_tensor_name: str(examples),
            self._router.input_filepath_tensor_name: str(checkpoint),
            self._router.output_filepath_tensor_name: str(output),
        }
        inputs = {name.removesuffix(":0"): value for name, value in given.items() if name}
        inputs |= self._constants
        with_suffix = {f"{name}:0": value for name, value in inputs.items()}
        with self._lock:
            answer = self._ask({"folder": str(examples.parent), "inputs": inputs | with_suffix})
        if "error" in answer:
            raise errors.PlanFailed(answer["error"].partition("\n")[0])

    def close(self) -> None:
        """See `Loaded`."""
        self._line.close()
        self._supervisor.close(1.0)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _started(self, python: Path) -> Any:  # noqa: ANN401 - a file of text
        place = self._folder / "line"
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(place))
        listening.listen(1)
        listening.settimeout(0.2)
        command = process.Command(
            argv=(str(python), "-I", str(CHILD), str(place)),
            folder=self._folder,
            variables={
                "PATH": os.defpath,
                "TF_CPP_MIN_LOG_LEVEL": "2",
                "TF_ENABLE_ONEDNN_OPTS": "0",
                "CUDA_VISIBLE_DEVICES": "-1",
            },
        )
        child = self._supervisor.start(command)
        threading.Thread(target=process.pump, args=(child, self._said.append), daemon=True).start()
        with listening:
            while True:
                try:
                    return listening.accept()[0].makefile("rw", encoding="utf-8")
                except TimeoutError:
                    if child.ended():
                        raise self._ended() from None

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            self._line.write(json.dumps(asked) + "\n")
            self._line.flush()
            said = self._line.readline()
        except OSError:
            said = ""
        if not said:
            raise self._ended()
        answer: dict[str, Any] = json.loads(said)
        return answer

    def _ended(self) -> errors.PlanFailed:
        lines = b"".join(self._said).decode(errors="replace").splitlines()
        return errors.PlanFailed("what runs flatbuffers ended: " + " | ".join(lines[-LINES:]))


def _environment(folder: Path, supervisor: process.Supervisor) -> Path:
    """The interpreter of an environment with the package; it is made once for all devices.

    Raises:
        errors.EnvironmentFailed: it could not be made.
    """
    own = folder / PACKAGE.replace("==", "-")
    own.mkdir(parents=True, exist_ok=True)
    python = own / "venv" / "bin" / "python"
    with (own / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (own / "ready").exists():
            shutil.rmtree(own / "venv", ignore_errors=True)
            made = str(own / "venv")
            _uv(supervisor, own, ("venv", "--quiet", "--no-project", "--python", PYTHON, made))
            into = ("pip", "install", "--quiet", "--python", str(python), PACKAGE)
            _uv(supervisor, own, into)
            (own / "ready").touch()
    return python


def _uv(supervisor: process.Supervisor, folder: Path, arguments: Sequence[str]) -> None:
    import uv

    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept.pop("VIRTUAL_ENV", None)
    command = process.Command(
        argv=(os.fsdecode(uv.find_uv_bin()), *arguments), folder=folder, variables=kept
    )
    said: list[bytes] = []
    child = supervisor.start(command)
    process.pump(child, said.append)
    code = child.wait().code
    if code:
        lines = b"".join(said).decode(errors="replace").splitlines()
        raise errors.EnvironmentFailed(f"uv {arguments[0]}", code, lines[-LINES:])


def _text(name: str, value: Any) -> str:  # noqa: ANN401 - a TensorProto
    if len(value.string_val) != 1:
        raise errors.PlanUnsupported(f"the constant input {name}, which is not one string")
    return bytes(value.string_val[0]).decode()
