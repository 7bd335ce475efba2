"""Plans whose computation is a flatbuffer of TFLite, run in a child process.

Newer releases of TensorFlow have no Flex delegate, without which operations of TensorFlow proper
cannot be run in a flatbuffer. So the child has an environment of its own with an older one.
"""

from __future__ import annotations

import base64
import collections
import contextlib
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
    from collections.abc import Mapping, Sequence

    from ame.device.plans.loaded import Lay

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
        self._spec = plan.phase.tensorflow_spec
        router = plan.phase.WhichOneof("io_router")
        self._router = plan.phase.federated_compute
        self._told = plan.phase.federated_compute_eligibility.task_eligibility_info_tensor_name
        self._input = getattr(plan.phase, router).input_filepath_tensor_name if router else ""
        self._constants = {
            name: _text(name, value) for name, value in self._spec.constant_inputs.items()
        }
        self._lock = threading.Lock()
        self._folder = Path(tempfile.mkdtemp(dir=scratch))
        (self._folder / "model.tflite").write_bytes(plan.tflite_graph)
        self._environments = environments
        self._child: _Child | None = None
        default = self._spec.example_selector.SerializeToString()
        self.selectors = tuple(
            pb.ExampleSelector.FromString(base64.b64decode(each) or default)
            for each in self._started()
        )

    def run(self, examples: Path, checkpoint: Path, output: Path, lay: Lay) -> None:  # noqa: ARG002 - its selectors are constants
        """See `Loaded`."""
        self._run(examples, checkpoint, {self._router.output_filepath_tensor_name: str(output)})

    def tell(self, examples: Path, checkpoint: Path, lay: Lay) -> bytes:  # noqa: ARG002 - the same
        """See `Loaded`."""
        made = self._run(examples, checkpoint, {}, output=self._told)["output"]
        return base64.b64decode(made)

    def _run(
        self, examples: Path, checkpoint: Path, more: Mapping[str, str], *, output: str = ""
    ) -> dict[str, Any]:
        """What the child answers; with an `output` the text that its tensor of this name is."""
        given = {
            **self._constants,
            self._spec.dataset_token_tensor_name: str(examples),
            self._input: str(checkpoint),
            **more,
        }
        # a flatbuffer may name an input with the number of the output that it was, or without
        plain = {name.removesuffix(":0"): value for name, value in given.items()}
        inputs = plain | {f"{name}:0": value for name, value in plain.items()}
        with self._lock:
            if self._child is None:
                self._started()
            asked = {"folder": str(examples.parent), "inputs": inputs}
            answer = self._ask({**asked, "output": output.removesuffix(":0")})
        if "error" in answer:
            raise errors.PlanFailed(answer["error"].partition("\n")[0])
        return answer

    def close(self) -> None:
        """See `Loaded`."""
        with self._lock:
            self._drop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _started(self) -> list[str]:
        """Starts a child that has the model, and returns the selectors in it."""
        self._child = _Child(self._environments, self._folder)
        answer = self._ask({"load": str(self._folder / "model.tflite")})
        if "error" in answer:
            self._drop()
            raise errors.PlanInvalid(answer["error"])
        found: list[str] = answer["selectors"]
        return found

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What the child says. One that has ended is replaced at the next run."""
        if self._child is None:
            raise errors.PlanFailed("nothing runs flatbuffers")
        try:
            return self._child.ask(asked)
        except errors.PlanFailed:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


class _Child:
    """A process that runs flatbuffers, and the line to it."""

    def __init__(self, environments: Path, folder: Path) -> None:
        self._said: collections.deque[bytes] = collections.deque(maxlen=LINES)
        self._supervisor = process.Supervisor()
        self._line: Any = None
        try:
            self._line = self._connected(_environment(environments, self._supervisor), folder)
        except BaseException:
            self.close()
            raise

    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question.

        Raises:
            errors.PlanFailed: the child has ended.
        """
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

    def close(self) -> None:
        """Ends it."""
        if self._line is not None:
            with contextlib.suppress(BrokenPipeError):
                self._line.close()
        self._supervisor.close(1.0)

    def _connected(self, python: Path, folder: Path) -> Any:  # noqa: ANN401 - a file of text
        place = folder / "line"
        place.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        with listening:
            listening.bind(str(place))
            listening.listen(1)
            listening.settimeout(0.2)
            child = self._supervisor.start(_command(python, place))
            hear = threading.Thread(
                target=process.pump, args=(child, self._said.append), daemon=True
            )
            hear.start()
            while True:
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    if child.ended():
                        raise self._ended() from None
                    continue
                with connection:  # the file keeps it open
                    return connection.makefile("rw", encoding="utf-8")

    def _ended(self) -> errors.PlanFailed:
        lines = b"".join(self._said).decode(errors="replace").splitlines()
        return errors.PlanFailed("what runs flatbuffers ended: " + " | ".join(lines[-LINES:]))


def _command(python: Path, place: Path) -> process.Command:
    return process.Command(
        argv=(str(python), "-I", str(CHILD), str(place)),
        folder=place.parent,
        variables={
            "PATH": os.defpath,
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "TF_ENABLE_ONEDNN_OPTS": "0",
            "CUDA_VISIBLE_DEVICES": "-1",
        },
    )


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
