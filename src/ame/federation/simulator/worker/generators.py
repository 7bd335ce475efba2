"""The generators that a process has one of: of `random`, NumPy, torch and TensorFlow.

Each site has a state of its own for every one of them, from its seed on. A framework that is not
imported has none; when it is, the site's begins with the same seed.
"""

from __future__ import annotations

import _random as _random_of_c
import ctypes
import hashlib
import importlib
import random
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

_WORDS = struct.Struct("625I")


def seed_of(*what: object) -> int:
    """A seed for something, of 32 bits: of others it tells nothing."""
    text = "\0".join(map(str, what)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "little")


class Generators:
    """The state of every generator for one site."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._states: dict[str, Any] = {}

    def save(self, *, but: str = "") -> None:
        """Keeps the states as they are now; `but` of what is only about to be imported."""
        self._states = {
            name: save()
            for name, (_, save, _) in _KINDS.items()
            if name in sys.modules and name != but
        }

    def restore(self) -> None:
        """Puts back what was kept; what has no state yet begins with the seed."""
        for name, (begin, _, restore) in _KINDS.items():
            if name not in sys.modules:
                continue
            if name in self._states:
                restore(self._states[name])
            else:
                begin(self._seed)


def begin_all(seed: int) -> None:
    """Every generator begins with this seed."""
    _begin_random(random._inst, seed)  # noqa: SLF001
    random._inst.gauss_next = None  # type: ignore[attr-defined]  # noqa: SLF001
    np.random.seed(seed)
    for name, begin in _SELDOM.items():
        if name in sys.modules:
            begin(seed)


class _Memory:
    """The words of a generator where they lie: to copy them takes a hundredth of asking for them.

    `known` tells whether they were found there.
    """

    def __init__(self, address: int, words: tuple[int, ...]) -> None:
        self._address = address
        self._size = _WORDS.size
        self.known = False
        if address:
            found = _WORDS.unpack(ctypes.string_at(address, self._size))
            self.known = sorted(found) == sorted(words)

    def read(self) -> bytes:
        return ctypes.string_at(self._address, self._size)

    def write(self, words: bytes) -> None:
        ctypes.memmove(self._address, words, self._size)


def _memory_of_random() -> _Memory:
    """CPython's generator is an object's header, a position, and 624 words."""
    whole = random._inst  # noqa: SLF001 (of which the functions are)
    address = id(whole) + object.__basicsize__
    return _Memory(address, random.getstate()[1])


def _memory_of_numpy() -> _Memory:
    """NumPy says where its own lies: 624 words, and a position."""
    state: Any = np.random.get_state(legacy=False)
    if state["bit_generator"] != "MT19937" or not hasattr(np.random, "get_bit_generator"):
        return _Memory(0, ())
    words = state["state"]
    address = np.random.get_bit_generator().ctypes.state_address
    return _Memory(address, (*map(int, words["key"]), int(words["pos"])))


class _Random:
    """The generator of `random`."""

    def __init__(self) -> None:
        self._memory = _memory_of_random()

    def save(self) -> tuple[bytes | tuple[int, ...], float | None]:
        gauss: float | None = random._inst.gauss_next  # type: ignore[attr-defined]  # noqa: SLF001
        return self._memory.read() if self._memory.known else random.getstate()[1], gauss

    def restore(self, state: tuple[bytes | tuple[int, ...], float | None]) -> None:
        words, gauss = state
        if isinstance(words, bytes):
            self._memory.write(words)
            random._inst.gauss_next = gauss  # type: ignore[attr-defined]  # noqa: SLF001
        else:
            random.setstate((3, words, gauss))


class _NumPy:
    """NumPy's generator. Half of a pair of normal numbers is kept apart from its words."""

    def __init__(self) -> None:
        self._memory = _memory_of_numpy()
        self._there: bytes | None = None
        """The words as they were put back, if no half pair was with them."""

    def begin(self, seed: int) -> None:
        np.random.seed(seed)
        self._there = self._memory.read() if self._memory.known else None

    def save(self) -> bytes | dict[str, Any]:
        if self._there is not None and self._memory.read() == self._there:
            return self._there
        state = dict(np.random.get_state(legacy=False))
        plain = self._memory.known and state["bit_generator"] == "MT19937"
        return self._memory.read() if plain and not state["has_gauss"] else state

    def restore(self, state: bytes | dict[str, Any]) -> None:
        if isinstance(state, bytes) and self._there is not None:
            self._memory.write(state)
        elif isinstance(state, bytes):
            np.random.seed(0)  # no half pair is there
            self._memory.write(state)
        else:
            np.random.set_state(state)
        self._there = state if isinstance(state, bytes) else None


def _uses_gpus(torch: Any) -> bool:
    return bool(torch.cuda.is_initialized())


def _begin_torch(seed: int) -> None:
    import torch

    torch.manual_seed(seed)


def _save_torch() -> tuple[Any, list[Any]]:
    import torch

    gpus = torch.cuda.get_rng_state_all() if _uses_gpus(torch) else []
    return torch.get_rng_state(), gpus


def _restore_torch(state: tuple[Any, list[Any]]) -> None:
    import torch

    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])
    elif _uses_gpus(torch):
        torch.cuda.manual_seed_all(torch.initial_seed())


def _begin_tensorflow(seed: int) -> None:
    draws = sys.modules["tensorflow"].random
    draws.set_seed(seed)
    draws.set_global_generator(draws.Generator.from_seed(seed))


def _save_tensorflow() -> tuple[Any, Any, Any]:
    context, stateful = _tensorflow()
    generator = getattr(context, "_rng", None)  # not there before the first use
    draws = None if generator is None else generator.getstate()
    return context._seed, draws, stateful.global_generator  # noqa: SLF001


def _restore_tensorflow(state: tuple[Any, Any, Any]) -> None:
    context, stateful = _tensorflow()
    context._seed, draws, stateful.global_generator = state  # noqa: SLF001
    context._rng = None  # noqa: SLF001
    if draws is not None:
        context._rng = random.Random()  # noqa: S311, SLF001
        context._rng.setstate(draws)  # noqa: SLF001


def _tensorflow() -> tuple[Any, Any]:
    """What holds its seed, and what its global generator."""
    context = importlib.import_module("tensorflow.python.eager.context")
    stateful = importlib.import_module("tensorflow.python.ops.stateful_random_ops")
    return context.context(), stateful


_random = _Random()
_numpy = _NumPy()
_Kind = tuple[Callable[[int], None], Callable[[], Any], Callable[[Any], None]]
_KINDS: dict[str, _Kind] = {
    "random": (random.seed, _random.save, _random.restore),
    "numpy": (_numpy.begin, _numpy.save, _numpy.restore),
    "torch": (_begin_torch, _save_torch, _restore_torch),
    "tensorflow": (_begin_tensorflow, _save_tensorflow, _restore_tensorflow),
}
"""How each begins, is kept, and put back."""
_SELDOM = {name: begin for name, (begin, _, _) in _KINDS.items() if name not in ("random", "numpy")}
_begin_random = _random_of_c.Random.seed
"""Of an integer `random.seed` makes no more than this, and takes three times as long."""
