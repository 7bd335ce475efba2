"""Machine-learning tasks on a laptop, on a cluster, over a fleet of devices.

This file imports nothing, and needs nothing beside itself: steps get a copy of it, so that a
script can say `import ame` and `ame.report("accuracy", 0.97)` in an environment of its own.
"""

__all__ = ["fail", "progress", "report"]
__version__ = "0.1.0"


def report(name: str, value: float, iteration: int | None = None) -> None:
    """Reports a metric of the step that this script runs in; outside a step it does nothing.

    Args:
        name: what was measured, such as `accuracy`.
        value: the number; not-a-number and infinities are kept as such.
        iteration: the training step, epoch or round that it belongs to.
    """
    _append({"metric": name, "value": float(value), "iteration": iteration})


def progress(done: float, message: str = "") -> None:
    """Reports how far the step is, from 0 to 1, with a few words; kept only while it runs."""
    _append({"progress": float(done), "message": message})


def fail(reason: str) -> None:
    """Says why this step fails, for when its command does not succeed; else it has no effect."""
    _append({"failed": reason})


def _append(entry: dict[str, object]) -> None:
    import json
    import os

    place = os.environ.get("AME_REPORT")
    if not place:
        return
    line = json.dumps(entry) + "\n"
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
