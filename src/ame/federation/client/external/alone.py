"""A script tried alone: one round, without a site, to see whether it runs and what it sends.

`AME_FEDERATION=alone:MODEL` gives it the model in that file (npz, safetensors, or torch's own).
`AME_FEDERATION=alone` gives it a model without parameters first, and what it sent then second.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.client.channel import Exchange, Received, SystemInfo
from ame.federation.model import FLModel

if TYPE_CHECKING:
    from ame.federation.client.record import Record


class AloneChannel:
    """A `Channel` to nobody: tasks come from here, and what is sent is shown on standard error."""

    def __init__(self, params: Any) -> None:
        self.info = SystemInfo(site_name="site-1", job_id="alone", exchange=Exchange())
        self._params = params
        self._rounds = 1 if params is not None else 2
        self._round = 0

    @classmethod
    def of(cls, file: str) -> AloneChannel:
        """The one that gives the model in `file`; none if it is empty.

        Raises:
            errors.ModelUnread: the file is not there, or holds no model.

        """
        return cls(read(Path(file)) if file else None)

    def receive(self, timeout: float | None) -> Received | None:  # noqa: ARG002  # never waits
        """As `Channel` says; nothing is waited for."""
        if self.stopped():
            return None
        self._round += 1
        model = FLModel(
            params=self._params, current_round=self._round - 1, total_rounds=self._rounds
        )
        return Received(task="train", model=model)

    def send(self, model: FLModel) -> None:
        """Shows what it is."""
        self._params = model.params
        lines = [f"round {self._round} of {self._rounds}: sent"]
        lines += [f"  {key}: {_show(value)}" for key, value in _items(model.params)]
        lines += [f"  metric {key}: {value}" for key, value in _items(model.metrics)]
        print("\n".join(lines), file=sys.stderr)  # noqa: T201  # this is what it is for

    def record(self, record: Record) -> None:
        """Shows it."""
        print(f"  recorded {record.key}: {record.value}", file=sys.stderr)  # noqa: T201

    def stopped(self) -> bool:
        """As `Channel` says."""
        return self._round >= self._rounds

    def close(self) -> None:
        """As `Channel` says."""
        self._round = self._rounds


def read(file: Path) -> dict[str, Any]:
    """The named arrays in a file; tensors if it is torch's, or safetensors and torch is in use.

    Raises:
        errors.ModelUnread: the file is not there, or holds no model.

    """
    try:
        match file.suffix:
            case ".npz":
                import numpy as np

                with np.load(file, allow_pickle=False) as arrays:
                    return dict(arrays)
            case ".safetensors" if "torch" in sys.modules:
                from safetensors.torch import load_file

                return load_file(file)
            case ".safetensors":
                from safetensors.numpy import load_file as load_arrays

                return load_arrays(file)
            case ".pt" | ".pth":
                import torch

                held = torch.load(file, map_location="cpu", weights_only=True)
                return dict(held.get("model", held))
    except (OSError, ValueError, RuntimeError, AttributeError) as error:
        raise errors.ModelUnread(file, str(error)) from error
    raise errors.ModelUnread(file, "its name must end in .npz, .safetensors, .pt or .pth")


def _items(values: Any) -> list[tuple[Any, Any]]:
    if values is None:
        return []
    return list(values.items()) if isinstance(values, dict) else [("params", values)]


def _show(value: Any) -> str:
    shape = tuple(getattr(value, "shape", ()))
    total = float(value.sum()) if hasattr(value, "sum") else 0.0
    unfit = "" if math.isfinite(total) else ", NOT FINITE"
    kind = type(value).__name__
    return f"{kind} of {getattr(value, 'dtype', kind)} {shape}{unfit}"
