"""An app while a job is put together: what was given to one target so far."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ame import errors
from ame.federation.program import App, File, Filtered, Part, Routed, Value

Place = Literal["workflows", "components"]
Chain = Literal["task_data_filters", "task_result_filters"]

OWN_KEYS = frozenset(
    {
        "format_version", "workflows", "executors", "components", "task_data_filters",
        "task_result_filters",
    }
)  # fmt: skip
"""What an app's configuration says at its top level itself."""


@dataclass(slots=True)
class Draft:
    """What one target was given. Objects that were given once are known again."""

    target: str
    parts: dict[Place, list[Part]] = field(
        default_factory=lambda: {"workflows": [], "components": []}
    )
    executors: list[Routed] = field(default_factory=list)
    filters: dict[Chain, dict[tuple[str, ...], list[Part]]] = field(
        default_factory=lambda: {"task_data_filters": {}, "task_result_filters": {}}
    )
    params: dict[str, Value] = field(default_factory=dict)
    files: dict[object, File] = field(default_factory=dict)
    _known: dict[int, tuple[object, str]] = field(default_factory=dict)

    def ids(self) -> set[str]:
        """The ids that are taken."""
        return {part.id for parts in self.parts.values() for part in parts}

    def id_of(self, obj: object) -> str | None:
        """The id under which this very object was added before."""
        known = self._known.get(id(obj))
        return known[1] if known else None

    def objects(self) -> dict[str, object]:
        """The objects that were added, by their ids."""
        return {name: obj for obj, name in self._known.values()}

    def free_id(self, wanted: str, taken: set[str]) -> str:
        """`wanted`, or the next after it that is neither taken here nor among `taken`."""
        return free(wanted, self.ids() | taken)

    def add(self, place: Place, obj: object, part: Part) -> None:
        """Adds a component or a workflow, which has its id."""
        self.parts[place].append(part)
        self._known[id(obj)] = (obj, part.id)

    def route(self, tasks: tuple[str, ...], executor: Part) -> None:
        """Adds an executor."""
        self.executors.append(Routed(tasks=tasks, executor=executor))

    def check_free(self, tasks: tuple[str, ...]) -> None:
        """That no executor does these tasks.

        Raises:
            errors.JobConflict: one does.
        """
        for routed in self.executors:
            if both := set(tasks) & set(routed.tasks):
                raise errors.JobConflict(
                    f"executor for tasks {both} already exist: {self.target} has "
                    f"`{routed.executor.path}` for them; give one of the two other `tasks`"
                )

    def filter(self, chain: Chain, tasks: tuple[str, ...], part: Part) -> None:
        """Adds a filter behind those for the same tasks.

        Raises:
            errors.JobConflict: there are filters for some of its tasks and others.
        """
        chains = self.filters[chain]
        for there in chains:
            if set(there) != set(tasks) and set(there) & set(tasks):
                raise errors.JobConflict(
                    f"cannot add filters for '{set(tasks)}' since it overlaps task set "
                    f"'{set(there)}' of {self.target}; give all filters of a task the same `tasks`"
                )
            if set(there) == set(tasks):
                chains[there].append(part)
                return
        chains[tasks] = [part]

    def carry(self, files: Iterable[File]) -> None:
        """Takes files along. A whole file counts before what was cut out of it, of cuts the last.

        Raises:
            errors.JobConflict: two different files would come to lie in one place.
        """
        for file in files:
            place = (file.folder, file.target)
            there = self.files.get(place)
            if there is None or isinstance(there.source, bytes):
                self.files[place] = file
            elif isinstance(file.source, Path) and not _same(there.source, file.source):
                raise errors.JobConflict(
                    f"{there.source} and {file.source} would both be `{file.target}` at "
                    f"{self.target}; rename one of them"
                )

    def set_params(self, params: Mapping[str, Value]) -> None:
        """Sets variables of the configuration.

        Raises:
            errors.JobInvalid: one is not a variable.
        """
        if own := sorted(OWN_KEYS & params.keys()):
            raise errors.JobInvalid(
                f"`{own[0]}` is not a variable: the job says it itself; give another name"
            )
        self.params.update(params)

    def app(self) -> App:
        """All of it."""
        return App(
            workflows=tuple(self.parts["workflows"]),
            components=tuple(self.parts["components"]),
            executors=tuple(self.executors),
            task_data_filters=tuple(self._filtered("task_data_filters")),
            task_result_filters=tuple(self._filtered("task_result_filters")),
            params=dict(self.params),
            files=tuple(self.files.values()),
        )

    def _filtered(self, chain: Chain) -> Iterator[Filtered]:
        for tasks, parts in self.filters[chain].items():
            yield Filtered(tasks=tasks, filters=tuple(parts))


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or one.read_bytes() == other.read_bytes()


def free(wanted: str, taken: Container[str]) -> str:
    """`wanted`, or what follows from it until one is free.

    What follows: the first number in it, wherever it stands, becomes the next number; without a
    number, 1 is put behind. So `c9` is followed by `c10`, `m1_11` by `m2_22`, `x` by `x1`.
    """
    while wanted in taken:
        number = re.search("[0-9]+", wanted)
        wanted = wanted.replace(number[0], str(int(number[0]) + 1)) if number else wanted + "1"
    return wanted
