"""What a round did to privacy, kept in the state for an accountant that reads checkpoints.

Source: `DpEvent` of `dp_accounting` in the form of its named tuples, and a mark beside it that no
round has been yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder.server import state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.builder.server.state import Node

GAUSSIAN: Final = "GaussianDpEvent"
UNSUPPORTED: Final = "UnsupportedDpEvent"
"""Of noise from a tree, for which all rounds are accounted at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The event of a round."""

    place: str
    kinds: tuple[str, ...]
    """Of one event its class; of several those of which it is composed."""

    def slots(self, noises: Sequence[float]) -> tuple[state.Slot, ...]:
        """Before the first round, in which an event would be of these noise multipliers."""
        texts = (state.text(name, value) for name, value in self._texts().items())
        numbers = (
            state.number(name, value) for name, value in zip(self._noises(), noises, strict=True)
        )
        begun = state.Slot(name=f"{self.place}/is_init_state", first=np.array(1, bool))
        return (*texts, *numbers, begun)

    def happened(self, noises: Sequence[Node]) -> dict[str, Node]:
        """After a round."""
        return {
            **{name: tf.constant(value) for name, value in self._texts().items()},
            **dict(zip(self._noises(), noises, strict=True)),
            f"{self.place}/is_init_state": tf.constant(value=False),
        }

    def _places(self) -> dict[str, str]:
        """The classes of the events by their places."""
        place = f"{self.place}/dp_event"
        if len(self.kinds) == 1:
            return {place: self.kinds[0]}
        inner = {f"{place}/events/{i}": kind for i, kind in enumerate(self.kinds)}
        return {place: "ComposedDpEvent", **inner}

    def _texts(self) -> dict[str, str]:
        texts = {}
        for place, kind in self._places().items():
            texts[f"{place}/module_name"] = "dp_accounting.dp_event"
            texts[f"{place}/class_name"] = kind
        return texts

    def _noises(self) -> list[str]:
        places = self._places().items()
        return [f"{place}/noise_multiplier" for place, kind in places if kind == GAUSSIAN]
