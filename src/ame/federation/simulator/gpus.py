"""Which workers may use which GPUs."""

from __future__ import annotations

import re
from pathlib import Path

from ame import errors

_GROUP = re.compile(r"\[([^\[\]]*)\]|([^,\[\]\s]+)")
_NAME = re.compile(r"\d+|GPU-[\w-]+|MIG-[\w/-]+")
_DRIVER = Path("/proc/driver/nvidia/gpus")


def groups(text: str | None, driver: Path = _DRIVER) -> tuple[str, ...]:
    """For each of a number of workers its GPUs, as CUDA_VISIBLE_DEVICES has them.

    `0,1` is one GPU for each of two workers; `[0,1],[2]` are two for the first, one for the next.

    Raises:
        errors.SimulationInvalid: the text is not of that form, names a GPU twice in a group, or
            one that is not there.

    """
    if text is None or not text.strip():
        return ()
    found = [
        ",".join(each.strip() for each in (group or single).split(","))
        for group, single in _GROUP.findall(text)
    ]
    rest = re.sub(r"[\s,]", "", _GROUP.sub("", text))
    known = {str(number) for number, _ in enumerate(driver.iterdir())} if driver.is_dir() else None
    for group in found:
        names = group.split(",")
        if not all(_NAME.fullmatch(name) for name in names) or len(set(names)) < len(names):
            rest = group or "[]"
        absent = [name for name in names if name.isdigit() and known and name not in known]
        if absent:
            raise errors.SimulationInvalid(
                "gpu", f"names GPU {absent[0]}; this machine has {', '.join(sorted(known or ()))}"
            )
    if rest or not found:
        raise errors.SimulationInvalid(
            "gpu", f"is {text!r}; write `0,1` for one a worker, or `[0,1],[2]` for groups"
        )
    return tuple(found)
