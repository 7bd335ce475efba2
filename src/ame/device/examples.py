"""What a device may learn from: serialized `tf.train.Example`s, by collection."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ame import errors
from ame.device import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from ame.protocol.pb import plan as pb


class Examples(Protocol):
    """A device's examples. Several plans may read them at once."""

    def select(self, selector: pb.ExampleSelector) -> Iterator[bytes]:
        """Those that a plan asks for, in an order of their own.

        Raises:
            errors.ExamplesMissing: there is no such collection.
            errors.PlanUnsupported: the selector has criteria that mean nothing here.
        """
        ...

    def count(self, selector: pb.ExampleSelector) -> int:
        """How many they are; 0 where there is no such collection."""
        ...

    def lay(self, selector: pb.ExampleSelector, path: Path) -> None:
        """Makes a file of records of them. Raises as `select` does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Examples in files of TFRecords."""

    collections: Mapping[str, tuple[Path, ...]]
    """The files by the URI of their collection; those of the empty one are of every collection."""

    def select(self, selector: pb.ExampleSelector) -> Iterator[bytes]:
        """See `Examples`."""
        for path in self._paths(selector):
            yield from records.read(path)

    def count(self, selector: pb.ExampleSelector) -> int:
        """See `Examples`."""
        try:
            return sum(map(records.count, self._paths(selector)))
        except errors.ExamplesMissing:
            return 0

    def lay(self, selector: pb.ExampleSelector, path: Path) -> None:
        """See `Examples`."""
        paths = self._paths(selector)
        if len(paths) == 1:
            path.symlink_to(paths[0].absolute())
            return
        with path.open("wb") as file:
            for each in paths:
                with each.open("rb") as source:
                    shutil.copyfileobj(source, file)

    def _paths(self, selector: pb.ExampleSelector) -> tuple[Path, ...]:
        if selector.HasField("criteria"):
            kind = selector.criteria.type_url.rpartition("/")[2]
            raise errors.PlanUnsupported(f"criteria of {kind} for examples in files")
        uri = selector.collection_uri
        if not uri:
            return tuple(path for paths in self.collections.values() for path in paths)
        found = self.collections.get("", ()) + self.collections.get(uri, ())
        if not found:
            raise errors.ExamplesMissing(uri)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Iterated:
    """Examples that a function yields, whatever they are made from."""

    make: Callable[[pb.ExampleSelector], Iterable[bytes]]

    def select(self, selector: pb.ExampleSelector) -> Iterator[bytes]:
        """See `Examples`."""
        return iter(self.make(selector))

    def count(self, selector: pb.ExampleSelector) -> int:
        """See `Examples`."""
        try:
            return sum(1 for _ in self.make(selector))
        except errors.ExamplesMissing:
            return 0

    def lay(self, selector: pb.ExampleSelector, path: Path) -> None:
        """See `Examples`."""
        with path.open("wb") as file:
            records.write(file, self.make(selector))
