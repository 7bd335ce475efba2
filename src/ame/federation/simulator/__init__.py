"""Sites in a few processes of this machine, for trying a federated job out.

The names are imported when they are asked for: a worker needs none of what leads a simulation.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ame.federation.simulator.simulation import Result, simulate

__all__ = ["Result", "simulate"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from ame.federation.simulator import simulation

    return getattr(simulation, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
