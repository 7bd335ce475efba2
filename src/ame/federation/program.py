"""A federated job as data: what the server does, what each site does, and the files for it.

A `FedJob` makes one, the importer reads one from a job folder; the simulator, the export and
Flower take one. Nothing here imports a framework or runs anything.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias, Union

from ame import errors

ALL: tuple[str, ...] = ("*",)
"""The tasks of whoever does them all."""

Direction = Literal["in", "out", "inout"]
Kind = Literal["torch", "numpy", "keras"]
Version = Literal["2.7", "2.9"]
"""Of NVFLARE: whose folder is written, whose names are meant."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """Weights of an initial model: in a file, or held until they are written to one."""

    kind: Kind
    file: Path | None = None
    """Safetensors: a state dict (torch), named arrays (numpy), or arrays `0`, `1`, … (keras)."""
    held: Mapping[str, object] | None = None
    """The same, as torch tensors (torch) or NumPy arrays. Nobody else writes to them."""
    shape: "Value" = None
    """Of a Keras model: how it says that it was built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An object to be made: its class, and what its constructor is called with."""

    path: str
    """`module.Class`: one of ours, or one of the job's own code."""
    args: Mapping[str, "Value"] = field(default_factory=dict)
    id: str = ""
    """By which others refer to it. Executors, filters and arguments have none."""
    weights: Weights | None = None
    """Of a model: what it is given once it is made."""
    lead: Sequence["Value"] = ()
    """Arguments that go before the named ones: a constructor's `*args`."""

    @property
    def of_peers(self) -> bool:
        """Whether it belongs to jobs whose sites lead themselves."""
        return self.path.startswith("ame.federation.peers.")


Value: TypeAlias = Union[  # noqa: UP007 - it names itself
    bool, int, float, str, Sequence["Value"], Mapping[str, "Value"], Part, Weights, None
]
"""What an argument can be. Sequences are made into lists and mappings into dicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """An executor with the tasks that it does: names, or patterns as of a shell."""

    tasks: tuple[str, ...]
    executor: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """Filters, in their order, with the tasks and the direction that they are for."""

    tasks: tuple[str, ...]
    filters: tuple[Part, ...]
    direction: Direction | None = None
    """None: at a site `in` for data and `out` for results, at the server the reverse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that travels with an app: code, or a resource."""

    source: Path | bytes
    """Where it is now; or its content, if it was made."""
    target: PurePosixPath
    """Where it comes to lie, under the app's folder."""
    folder: Literal["custom", "config"] = "custom"
    """Which of the app's folders: for code and all else, or for its configuration."""
    cut_from: Path | None = None
    """Of made code the user's file in which each line of it has the number that it has here."""

    def __post_init__(self) -> None:
        if self.target.is_absolute() or ".." in self.target.parts or not self.target.name:
            raise errors.JobFolderUnsafe(str(self.target), "the path leads out of the job's folder")

    def read(self) -> bytes:
        """Its content."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    @property
    def origin(self) -> Path | None:
        """The user's file of which errors in it tell."""
        return self.source if isinstance(self.source, Path) else self.cut_from


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What one side does: the server, everyone, or one site."""

    workflows: tuple[Part, ...] = ()
    executors: tuple[Routed, ...] = ()
    components: tuple[Part, ...] = ()
    task_data_filters: tuple[Filtered, ...] = ()
    task_result_filters: tuple[Filtered, ...] = ()
    params: Mapping[str, Value] = field(default_factory=dict)
    """Variables of the job's configuration, at its top level."""
    files: tuple[File, ...] = ()

    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.workflows or self.executors or self.components)

    def parts(self) -> Iterator[Part]:
        """Every part, the parts among their arguments too."""
        yield from (each for top in self.tops() for each in within(top))

    def tops(self) -> Iterator[Part]:
        """Workflows, components, executors and filters."""
        yield from self.workflows
        yield from self.components
        yield from (routed.executor for routed in self.executors)
        for filtered in (*self.task_data_filters, *self.task_result_filters):
            yield from filtered.filters

    def joined(self, own: "App") -> "App":
        """This app, everyone's, with a site's own.

        Where both have an executor for a task, the site's own counts. All else is added:
        everyone's filters are applied before the site's.
        """
        taken = {task for routed in own.executors for task in routed.tasks}
        targets = {file.target for file in own.files}
        return App(
            workflows=self.workflows + own.workflows,
            executors=own.executors + tuple(_left(self.executors, taken)),
            components=self.components + own.components,
            task_data_filters=self.task_data_filters + own.task_data_filters,
            task_result_filters=self.task_result_filters + own.task_result_filters,
            params={**self.params, **own.params},
            files=tuple(each for each in self.files if each.target not in targets) + own.files,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A federated job as data."""

    name: str
    min_clients: int = 1
    mandatory_clients: tuple[str, ...] = ()
    meta: Mapping[str, Value] = field(default_factory=dict)
    """What else `meta.json` says."""
    server: App = field(default_factory=App)
    everyone: App | None = None
    """What any site does, whatever its name."""
    sites: Mapping[str, App] = field(default_factory=dict)
    """What sites with names do, beside what everyone does."""
    packages: frozenset[str] = frozenset()
    """Installed packages whose classes the job's author used. A folder that was read has none."""

    def app(self, site: str) -> App:
        """What this site does: everyone's app and its own.

        Raises:
            errors.SiteUnknown: the job says nothing of this site, and nothing of everyone.
        """
        own = self.sites.get(site)
        if self.everyone is None:
            if own is None:
                raise errors.SiteUnknown(site, tuple(self.sites))
            return own
        return self.everyone.joined(own) if own else self.everyone

    def site_names(self, clients: int | Sequence[str] | None = None) -> tuple[str, ...]:
        """The sites that take part.

        Args:
            clients: how many, or their names. Where the job names all its sites: None.

        Raises:
            errors.SitesUnclear: it cannot be told from what was said, or it contradicts the job.
        """
        named = tuple(self.sites)
        if clients is None:
            if self.everyone is not None:
                raise errors.SitesUnclear(
                    "Clients were not specified using to(): the job says what every client does, "
                    "not how many there are; give `n_clients`, or `clients` with their names"
                )
            return named
        if self.everyone is None and not isinstance(clients, Sequence):
            raise errors.SitesUnclear(
                f"You already specified clients using `to()`: {', '.join(named)}; "
                "leave out `n_clients`"
            )
        if not isinstance(clients, Sequence):
            return _numbered(clients, named)
        if unknown := [site for site in named if site not in clients]:
            raise errors.SitesUnclear(
                f"the job says what {', '.join(unknown)} does, and `clients` does not list it; "
                "add it there"
            )
        for site in clients:
            self.app(site)
        if len(set(clients)) < len(clients):
            raise errors.SitesUnclear("`clients` lists a site twice; name each once")
        return tuple(clients)

    def apps(self) -> Iterator[App]:
        """Every app, each once, unmerged."""
        yield self.server
        if self.everyone is not None:
            yield self.everyone
        yield from self.sites.values()


def within(value: Value) -> Iterator[Part]:
    """The parts in a value: itself first, if it is one."""
    match value:
        case Part():
            yield value
            yield from within(value.lead)
            yield from within(value.args)
        case Mapping():
            for each in value.values():
                yield from within(each)
        case str() | Weights():
            pass
        case Sequence():
            for each in value:
                yield from within(each)


def _left(executors: Sequence[Routed], taken: Collection[str]) -> Iterator[Routed]:
    """What is left of them once these tasks are taken."""
    for routed in executors:
        tasks = tuple(task for task in routed.tasks if task not in taken)
        if tasks:
            yield Routed(tasks=tasks, executor=routed.executor)


def _numbered(count: int, named: tuple[str, ...]) -> tuple[str, ...]:
    """`site-1` to `site-N`; sites with names take the places of the last numbers."""
    if count < max(1, len(named)):
        raise errors.SitesUnclear(
            f"`n_clients` is {count}; it must be at least {max(1, len(named))}"
            + (f", since the job names {', '.join(named)}" if named else "")
        )
    numbers = [f"site-{number}" for number in range(1, count + 1)]
    free = [site for site in numbers if site not in named]
    chosen = {*named, *free[: count - len(named)]}
    return tuple(dict.fromkeys(site for site in (*numbers, *named) if site in chosen))


__all__ = [
    "ALL", "App", "Direction", "File", "Filtered", "Kind", "Part", "Program", "Routed", "Value",
    "Version", "Weights", "within",
]  # fmt: skip
