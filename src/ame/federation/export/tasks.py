"""Filters by task: NVFLARE knows their tasks by full names only, and one chain for each task."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from ame import errors
from ame.federation.job import asked
from ame.federation.program import Direction, Filtered, Part, Version


def by_task(
    filtered: Iterable[Filtered], tasks: tuple[str, ...], *, known: bool, version: Version
) -> Iterator[Filtered]:
    """The same filters with all tasks written out, and one chain for each task.

    Args:
        filtered: filters, some for all tasks or for patterns of them.
        tasks: all the job's tasks.
        known: whether these are surely all.
        version: of NVFLARE, for messages.

    Raises:
        errors.NotExportable: a filter is for all tasks, and these are not known.
    """
    chains: dict[tuple[str, Direction | None], list[Part]] = {}
    for each in filtered:
        for task in _meant(each, tasks, known=known, version=version):
            chains.setdefault((task, each.direction), []).extend(each.filters)
    alike: dict[tuple[int, ...], list[tuple[str, Direction | None]]] = {}
    for key, parts in chains.items():
        alike.setdefault(tuple(map(id, parts)), []).append(key)
    for keys in alike.values():
        for direction in dict.fromkeys(direction for _, direction in keys):
            meant = tuple(task for task, way in keys if way == direction)
            chain = tuple(chains[meant[0], direction])
            yield Filtered(tasks=meant, filters=chain, direction=direction)


def _meant(
    filtered: Filtered, tasks: tuple[str, ...], *, known: bool, version: Version
) -> Iterator[str]:
    for wanted in filtered.tasks:
        if not asked.is_pattern(wanted):
            yield wanted
            continue
        matching = [task for task in tasks if fnmatchcase(task, wanted)]
        if not known or not matching:
            raise errors.NotExportable(
                filtered.filters[0].path, version,
                f"it filters the tasks `{wanted}`, NVFLARE's filters know tasks by name only, and "
                "which tasks the workflow gives is not known; give the filter `tasks=[…]`",
            )  # fmt: skip
        yield from matching
