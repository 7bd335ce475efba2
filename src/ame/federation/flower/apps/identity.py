"""Who an app of Flower's is: its run, its node, its share of the data; and where it is found."""

from __future__ import annotations

import hashlib
import importlib
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER_NODE = 1
"""The number of the SuperLink among the nodes."""

Kind = TypeVar("Kind")


def number(*words: str) -> int:
    """A number for a run or a node: always the same for the same words, and above 1."""
    digest = hashlib.blake2b("\0".join(words).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 2 | 1 << 61


@contextmanager
def of(run: int, node: int) -> Iterator[None]:
    """While it is open, messages are made by this node. Flower knows one node a process."""
    from flwr.supercore.task_identity import TaskIdentity as Identity

    before = (Identity._task_id, Identity._run_id, Identity._node_id)  # noqa: SLF001 (unset: raises)
    Identity.task_id, Identity.run_id, Identity.node_id = 1, run, node
    try:
        yield
    finally:
        Identity._task_id, Identity._run_id, Identity._node_id = before  # noqa: SLF001


@contextmanager
def code_in(folder: Path) -> Iterator[None]:
    """While it is open, modules are found in this folder first."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def load(reference: str, kind: type[Kind]) -> Kind:
    """The object that `module:attribute` names, from the job's own code.

    Raises:
        errors.FlowerAppInvalid: there is none, or it is of another kind.
    """
    module, _, names = reference.partition(":")
    found: Any = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name, None)
    if not isinstance(found, kind):
        raise errors.FlowerAppInvalid(
            reference, f"it is a {type(found).__name__}, not a {kind.__name__}"
        )
    return found
