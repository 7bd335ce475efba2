"""Artifacts of a model that nobody vouches for: made in a child process, within limits.

A SavedModel is code. What loads it has no credentials, no more memory and time than it is given,
and ends with its whole tree.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ame
from ame import errors, process

if TYPE_CHECKING:
    from ame.builder.config import Settings
    from ame.protocol.pb import task_builder as pb

LINES: Final = 12
"""Of a child's output, for what is said when it fails."""
GLANCE: Final = 0.05
"""Seconds between two looks at the child."""
CONFIG, RESULT = "config.binpb", "result.json"
PLAN, CLIENT_PLAN, CHECKPOINT = "plan.pb", "client_only_plan.pb", "initial_state.server.ckp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """What a task is made of."""

    plan: bytes
    """A `Plan`."""
    client_plan: bytes
    """A `ClientOnlyPlan`."""
    checkpoint: bytes
    least_version: str
    """Of the oldest clients that have all its operations."""
    sent: int
    """Bytes of the tensors that a device downloads beside its plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The artifacts of a configuration's tasks."""

    training: Artifacts | None = None
    evaluation: Artifacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How artifacts are made, beside what the configuration says."""

    skip_privacy: bool = False
    skip_ops: bool = False
    """Operations that devices are not known to have are let through."""
    graph: bool = False
    """The client's graph goes beside the flatbuffer, for devices that run TensorFlow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What making them may take."""

    memory: int = 8 << 30
    """Bytes."""
    storage: int = 4 << 30
    seconds: float = 600.0


def make(
    model: Path,
    config: pb.TaskConfig,
    settings: Settings,
    options: Options,
    *,
    bounds: Bounds | None = None,
    ending: threading.Event | None = None,
) -> Made:
    """The artifacts of a model; `settings` are those of `config`, with their noise.

    Gives up when `ending` is set.

    Raises:
        errors.ModelInvalid, errors.OpsUnsupported, errors.GraphRefused, errors.ConfigInvalid: no
            plan can be made of it.
        errors.ArtifactsFailed: the child ended, or was ended at a limit.
        errors.ExtraMissing: there is no TensorFlow.
    """
    bounds = bounds or Bounds()
    with tempfile.TemporaryDirectory(prefix="ame-build-") as scratch:
        folder = Path(scratch)
        calibrated = type(config)()
        calibrated.CopyFrom(config)
        calibrated.differential_privacy.noise_multiplier = settings.privacy.noise
        (folder / CONFIG).write_bytes(calibrated.SerializeToString())
        asked = {
            "model": str(model.absolute()),
            "skip_privacy": options.skip_privacy,
            "skip_ops": options.skip_ops,
            "graph": options.graph,
        }
        why = _run(folder, json.dumps(asked), bounds, ending or threading.Event())
        if not (folder / RESULT).exists():
            raise errors.ArtifactsFailed(why)
        said: dict[str, Any] = json.loads((folder / RESULT).read_bytes())
        if "error" in said:
            raise _raised(said["error"], said["attributes"])
        return Made(**{kind: _artifacts(folder / kind, about) for kind, about in said.items()})


def written(error: errors.Error) -> dict[str, Any]:
    """An error for `RESULT`."""
    return {"error": type(error).__name__, "attributes": vars(error)}


def _raised(name: str, attributes: dict[str, Any]) -> errors.Error:
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, errors.Error)):
        return errors.ArtifactsFailed(name)
    given = {
        each: tuple(value) if isinstance(value, list) else value
        for each, value in attributes.items()
    }
    return kind(**given)


def _artifacts(folder: Path, about: dict[str, Any]) -> Artifacts:
    return Artifacts(
        plan=(folder / PLAN).read_bytes(),
        client_plan=(folder / CLIENT_PLAN).read_bytes(),
        checkpoint=(folder / CHECKPOINT).read_bytes(),
        least_version=about["least_version"],
        sent=about["sent"],
    )


def _run(folder: Path, asked: str, bounds: Bounds, ending: threading.Event) -> str:
    """How the child ended, and the last lines that it said.

    Raises:
        errors.ArtifactsFailed: it was ended.
    """
    said: collections.deque[bytes] = collections.deque(maxlen=LINES)
    command = process.Command(
        argv=(sys.executable, "-s", "-P", "-m", "ame.builder.making.child", str(folder), asked),
        folder=folder,
        variables=_variables(folder),
    )
    limits = process.Limits(memory=bounds.memory, storage=bounds.storage)
    with contextlib.closing(process.Supervisor()) as supervisor:
        child = supervisor.start(command, limits=limits)
        hearing = threading.Thread(target=process.pump, args=(child, said.append), daemon=True)
        hearing.start()
        until = time.monotonic() + bounds.seconds
        while not child.ended():
            if ending.wait(GLANCE):
                raise errors.ArtifactsFailed("it was given up")
            if time.monotonic() > until:
                raise errors.ArtifactsFailed(f"it took more than {bounds.seconds:g} s")
        end = child.wait()
        hearing.join()
    if end.cause is process.Cause.MEMORY:
        raise errors.ArtifactsFailed(f"it took more than {bounds.memory} bytes of memory")
    if end.cause is process.Cause.STORAGE:
        raise errors.ArtifactsFailed(f"it wrote more than {bounds.storage} bytes")
    lines = b"".join(said).decode(errors="replace").splitlines()[-LINES:]
    return " | ".join([_how(end.code), *lines])


def _how(code: int) -> str:
    if code < 0:
        return f"what loads the model was ended by {signal.Signals(-code).name}"
    return f"what loads the model ended with the exit code {code}"


def _variables(folder: Path) -> dict[str, str]:
    """Nothing of ours but where Python finds what it needs: no keys, no home."""
    source = str(Path(ame.__file__).parents[1])
    return {
        "PATH": os.defpath,
        "PYTHONPATH": source,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "tensorflow",
    }
