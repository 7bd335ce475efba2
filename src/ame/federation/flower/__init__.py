"""Flower: federated jobs on its SuperLink and SuperNodes, and its apps in our simulator.

Nothing else of `ame.federation` imports `flwr`, and nothing here does until it is needed.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ame.federation.flower.apps.app import is_app, read, settings, sites_of
    from ame.federation.flower.links import link
    from ame.federation.flower.real import run

_HOMES = {
    "is_app": "apps.app",
    "link": "links",
    "read": "apps.app",
    "run": "real",
    "settings": "apps.app",
    "sites_of": "apps.app",
}

__all__ = ["is_app", "link", "read", "run", "settings", "sites_of"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
