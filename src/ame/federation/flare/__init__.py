"""NVFLARE's names: which of them `ame` serves, and how scripts import them without NVFLARE."""

from ame.federation.flare.alias import activate, activated, active, deactivate

__all__ = ["activate", "activated", "active", "deactivate"]
