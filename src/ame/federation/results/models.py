"""The best and the last model of a job as files that anything reads: safetensors."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame.federation.spec.learnable import ModelLearnableKey
from ame.federation.spec.names.app import AppConstants

if TYPE_CHECKING:
    from ame.federation.spec.context import FLContext

_OWN = {".pt", ".pth", ".npy", ".npz", ".h5", ".keras", ".joblib", ".ubj"}
"""What files of models end in, as frameworks write them."""


class Models:
    """Keeps the models that a server's components tell of."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where they are written; made when there is one."""
        self._folder = folder
        self._last: Mapping[str, Any] | None = None

    def best(self, fl_ctx: "FLContext") -> bool:
        """Writes the model that has just shown itself to be the best one; says whether it could."""
        return self._write("best", _weights(fl_ctx))

    def last(self, fl_ctx: "FLContext") -> None:
        """Remembers the model as it stands now."""
        self._last = _weights(fl_ctx) or self._last

    def close(self) -> dict[str, Path]:
        """Writes the last model; returns all that there are, by name."""
        self._write("last", self._last)
        there = {name: self._folder / f"{name}.safetensors" for name in ("best", "last")}
        return {name: file for name, file in there.items() if file.is_file()}

    def _write(self, name: str, weights: Mapping[str, Any] | None) -> bool:
        arrays = dict(_flat(weights or {}))
        if not arrays:
            return False
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{name}.safetensors"
        fresh = file.with_suffix(".new")
        try:
            _save(arrays, fresh)
        except (TypeError, ValueError, KeyError):  # of a type that safetensors does not hold
            fresh.unlink(missing_ok=True)
            return False
        fresh.replace(file)
        return True


def own(folder: Path, *, since: float) -> Iterator[Path]:
    """The files of models that the job's persistors have written below the server's folder."""
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder).parts
        if file.suffix in _OWN and "custom" not in inside and file.stat().st_mtime >= since:
            yield file


def _weights(fl_ctx: "FLContext") -> Mapping[str, Any] | None:
    model = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)
    weights = model.get(ModelLearnableKey.WEIGHTS) if isinstance(model, Mapping) else None
    return weights if isinstance(weights, Mapping) and weights else None


def _flat(weights: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Arrays and tensors by name; those of lists and dicts within by `NAME.PLACE`."""
    for key, value in weights.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, list | tuple):
            yield from _flat({str(place): each for place, each in enumerate(value)}, f"{name}.")
        elif hasattr(value, "dtype") and hasattr(value, "shape"):
            yield name, value


def _save(arrays: Mapping[str, Any], file: Path) -> None:
    if any(type(value).__module__.partition(".")[0] == "torch" for value in arrays.values()):
        import torch
        from safetensors.torch import save_file

        tensors = {name: torch.as_tensor(value).detach() for name, value in arrays.items()}
        save_file({name: each.cpu().contiguous() for name, each in tensors.items()}, file)
        return
    import numpy as np
    from safetensors.numpy import save_file as save_arrays

    save_arrays({name: np.ascontiguousarray(each) for name, each in arrays.items()}, file)
