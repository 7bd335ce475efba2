"""Initial models in an export: their weights lie in `custom/`, and their persistor begins there."""

import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from ame import errors
from ame.federation import weights
from ame.federation.build import Code, lay_out
from ame.federation.program import File, Part, Value, Version, Weights

TORCH = "ame.federation.components.persistors.torch_files.PTFileModelPersistor"
KERAS = "ame.federation.components.persistors.keras_files.TFModelPersistor"
NUMPY = "ame.federation.components.persistors.numpy_files.NPModelPersistor"
EARLY = "ame.federation.workflows.averaging.fedavg_torch.PTFedAvgEarlyStopping"
NUMPY_LOCATOR = "ame.federation.components.persistors.numpy_files.NPModelLocator"
KEY = "numpy_key"
FOLDER = "app_server/custom"
"""The server's code, as seen from the folder of a run."""

LOADING = '''"""The class of an initial model, which begins with its weights."""

from pathlib import Path

import torch

import {module}


class Initial({path}):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        file = Path(__file__).with_name("{name}.pt")
        self.load_state_dict(torch.load(file, weights_only=True)["model"])
'''

Files = dict[PurePosixPath, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Carries the weights of a job's initial models."""

    files: tuple[File, ...]
    """The job's code, for Keras models: only they themselves can write their weights."""
    packages: frozenset[str]

    def carried(self, part: Part, version: Version) -> tuple[Part, Files]:
        """The part as it is exported, and the files with the weights that it begins with.

        Raises:
            errors.NotExportable: its model cannot be carried.
        """
        name = _named(part)
        match part.path:
            case _ if part.path == TORCH:
                return self._torch(part, name, version)
            case _ if part.path == KERAS:
                return self._keras(part, name, version)
            case _ if part.path == NUMPY:
                return self._numpy(part, name, version)
            case _ if part.path == EARLY:
                raise errors.NotExportable(
                    part.path, version, "there it begins with no weights but new ones; take "
                    "`FedAvg(stop_cond=…)` with `PTModel`, and export for 2.9",
                )  # fmt: skip
        return self._own(part, version) if part.weights is not None else (part, {})

    def located(self, parts: Sequence[Part]) -> list[Part]:
        """The components, with locators that look where the persistors will keep their models."""
        moved = {
            (part.args.get("model_dir"), part.args.get("model_name")): _numpy_place(_named(part))
            for part in parts
            if part.path == NUMPY and part.args.get("model") is not None
        }
        found = []
        for part in parts:
            place = (part.args.get("model_dir"), part.args.get("model_name"))
            if part.path == NUMPY_LOCATOR and place in moved:
                found.append(replace(part, args={**part.args, **moved[place]}))
            else:
                found.append(part)
        return found

    def split(self, path: str) -> tuple[str, str]:
        """Module and name in it of a class of the job's own; of another, at the last dot."""
        modules = {_module(file.target) for file in self.files}
        for end in range(path.count("."), 0, -1):
            words = path.split(".")
            if ".".join(words[:end]) in modules:
                return ".".join(words[:end]), ".".join(words[end:])
        module, _, name = path.rpartition(".")
        return module, name

    def _torch(self, part: Part, name: str, version: Version) -> tuple[Part, Files]:
        model = part.args.get("model")
        args: dict[str, Value] = dict(part.args)
        if version == "2.7":
            args.setdefault("load_weights_only", True)
        if not isinstance(model, Part) or model.weights is None:
            return replace(part, args=args), {}
        args["model"] = replace(model, weights=None)
        if args.get("source_ckpt_file_full_name") is not None:
            return replace(part, args=args), {}
        content = _saved(model.weights)
        args["source_ckpt_file_full_name"] = f"{{JOB_CUSTOM_DIR}}/{name}.pt"
        return replace(part, args=args), {PurePosixPath(f"{name}.pt"): content}

    def _own(self, part: Part, version: Version) -> tuple[Part, Files]:
        """A model that is no persistor's: of a class that loads its weights as it is made."""
        assert part.weights is not None
        if part.weights.kind != "torch":
            raise errors.NotExportable(
                part.path, version, "its weights cannot travel; only those of persistors and of "
                "PyTorch do: give the model to `TFModel`",
            )  # fmt: skip
        content = _saved(part.weights)
        name = f"initial_{sha256(content).hexdigest()[:8]}"
        text = LOADING.format(module=self.split(part.path)[0], path=part.path, name=name)
        files = {PurePosixPath(f"{name}.py"): text.encode(), PurePosixPath(f"{name}.pt"): content}
        return replace(part, path=f"{name}.Initial", weights=None), files

    def _keras(self, part: Part, name: str, version: Version) -> tuple[Part, Files]:
        model = part.args.get("model")
        args: dict[str, Value] = dict(part.args)
        if not isinstance(model, Part) or model.weights is None:
            return part, {}
        args["model"] = replace(model, weights=None)
        file = f"{name}.weights.h5"
        if args.get("source_ckpt_file_full_name") is not None:
            return replace(part, args=args), {}
        if version == "2.9":
            args["source_ckpt_file_full_name"] = f"{{JOB_CUSTOM_DIR}}/{file}"
        elif "save_name" in args:
            raise errors.NotExportable(
                part.path, version, "the weights of its model travel under the name that it saves "
                "them by; leave out `save_name`, or export for 2.9",
            )  # fmt: skip
        else:
            args["save_name"] = f"custom/{file}"
        return replace(part, args=args), {PurePosixPath(file): self._keras_file(model, version)}

    def _keras_file(self, model: Part, version: Version) -> bytes:
        with TemporaryDirectory() as place:
            code = Path(place) / "code"
            lay_out(self.files, code)
            with Code(code, files=self.files, packages=self.packages) as entered:
                made = entered.build(replace(model, weights=None))
                _check_built(made, model, version)
                if model.weights is not None:
                    weights.give(made, model.weights)
                made.save_weights(f"{place}/model.weights.h5")
            return (Path(place) / "model.weights.h5").read_bytes()

    def _numpy(self, part: Part, name: str, version: Version) -> tuple[Part, Files]:
        model = part.args.get("model")
        if model is None:
            return part, {}
        array = _array(model)
        if array is None:
            raise errors.NotExportable(
                part.path, version,
                f"NVFLARE's keeps one array, under `{KEY}`; give `model` one array",
            )  # fmt: skip
        import numpy as np

        content = io.BytesIO()
        np.save(content, array, allow_pickle=False)
        args: dict[str, Value] = {k: v for k, v in part.args.items() if k != "model"}
        return replace(part, args={**args, **_numpy_place(name)}), {
            PurePosixPath(f"{name}.npy"): content.getvalue()
        }


def _saved(given: Weights) -> bytes:
    """Weights of PyTorch as a file."""
    import torch

    content = io.BytesIO()
    torch.save({"model": dict(weights.read(given))}, content)
    return content.getvalue()


def _named(part: Part) -> str:
    return f"initial_{part.id or 'model'}"


def _numpy_place(name: str) -> dict[str, Value]:
    return {"model_dir": FOLDER, "model_name": f"{name}.npy"}


def _array(model: Value) -> Any:
    """The one array of a NumPy model; None if there are several, or under other names."""
    import numpy as np

    if isinstance(model, Weights):
        arrays = weights.read(model)
        return next(iter(arrays.values())) if set(arrays) in ({weights.LONE}, {KEY}) else None
    if isinstance(model, Mapping):
        return _array(model[KEY]) if set(model) == {KEY} else None
    with suppress(ValueError, TypeError):
        return np.array(model, dtype=np.float32)
    return None


def _check_built(made: Any, model: Part, version: Version) -> None:
    """NVFLARE makes the model and must know how to build it."""
    if not made.built and not hasattr(made, "_input_shape"):
        raise errors.NotExportable(
            model.path, version, "NVFLARE makes the model and cannot build it; let its constructor "
            "build it, or keep the shape of its input there as `self._input_shape`",
        )  # fmt: skip


def _module(target: PurePosixPath) -> str:
    parts = target.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def all_files(groups: Iterable[Iterable[File]]) -> tuple[File, ...]:
    """The files of several apps, each once."""
    return tuple({file.target: file for group in groups for file in group}.values())
