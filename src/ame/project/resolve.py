"""Complete tasks: templates applied, references followed, pipelines resolved into their steps.

What is nearer to the task wins over what is farther: what the task says, then its template, then
what it refers to, then what the pipeline around it says. Maps merge deeply, lists replace, an
explicit null clears; `environment` counts as a map of variables, and an executor with another tag
replaces the whole executor.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

from ame import errors
from ame.project import build, file, references
from ame.project.format.reading import nearest
from ame.project.project import Data, Dataset, KnownProjects, Model, Project, Projects
from ame.project.task import DatasetRef, Place, Task

DEEPEST = 100
"""References and pipelines within one another."""

MOST_TASKS = 20_000
"""Tasks that one may resolve into."""

ALONE = KnownProjects()
"""Of a project that knows no other."""

_T = TypeVar("_T")
_WAYS = ("executor", "reference", "pipeline")
_OF_ITSELF = ("name", "place", "pipeline", "triggers", "artifacts")
"""What a pipeline says of itself, and does not hand to its members."""


def resolve(project: Project, name: str, projects: Projects = ALONE) -> Task:
    """The task of that name, complete: each leaf of it has an executor.

    Raises:
        errors.UnknownTask: the project has none of that name.
        errors.ProjectInvalid: it refers to what is not there, to itself, or lacks an executor.

    """
    for task in project.tasks:
        if task.name == name:
            return _Resolver(project, projects).task(project, task)
    raise errors.UnknownTask(name, project.file, [task.name for task in project.tasks])


def dataset(project: Project, ref: DatasetRef, projects: Projects = ALONE) -> Dataset:
    """The data set that `project` refers to, its task complete. Raises as `resolve` does."""
    return _Resolver(project, projects).dataset(project, ref, Place(file=project.file))


def model(project: Project, name: str, projects: Projects = ALONE) -> Model:
    """The model of that name, its tasks complete. Raises as `resolve` does."""
    for found in project.models:
        if found.name == name:
            return _Resolver(project, projects).model(project, found)
    known = ", ".join(f"`{found.name}`" for found in project.models) or "none"
    raise errors.NotFound(f"{project.file}: has no model `{name}`; its models: {known}")


def check(project: Project, projects: Projects = ALONE) -> tuple[errors.Fault, ...]:
    """All that keeps the tasks, data sets and models of a project from being resolved."""
    faults: dict[errors.Fault, None] = {}
    resolver = _Resolver(project, projects)
    deeds: list[Callable[[], object]] = [
        *(partial(resolver.complete, project, task) for task in project.tasks),
        *(partial(resolver.template, project, part) for part in project.templates),
        *(partial(resolver.produce, project, found) for found in project.datasets),
        *(partial(resolver.model, project, found) for found in project.models),
    ]
    for deed in deeds:
        resolver.count = 0
        try:
            deed()
        except errors.ProjectInvalid as error:
            faults.update(dict.fromkeys(error.faults))
    return tuple(sorted(faults, key=lambda fault: (str(fault.file), fault.line, fault.column)))


class _Stop(NamedTuple):
    """What references have led to."""

    label: str
    at: Place
    """Where the reference stands."""


_Trail = tuple[_Stop, ...]


@dataclass(slots=True)
class _Resolver:
    root: Project
    projects: Projects
    count: int = 0
    known: dict[str, Project] = field(default_factory=dict)

    def task(self, owner: Project, task: Task, label: str = "") -> Task:
        """A task of `owner`, complete; one that is not among its tasks needs a label."""
        label = label or self._label(owner, task.name)
        return self._complete(owner, task.written, (_Stop(label, task.place),), {}, task.name)

    def complete(self, owner: Project, task: Task) -> None:
        """Whether a task can be completed, and all data sets that it needs."""
        self.needs(self.task(owner, task))

    def template(self, owner: Project, template: Task) -> None:
        """Only whether the templates that it is made from are there."""
        label = f"template {self._label(owner, template.name)}"
        self._flatten(owner, template.written, (_Stop(label, template.place),))

    def model(self, owner: Project, found: Model) -> Model:
        label = f"model {found.name}"
        training, validation = found.training, found.validation
        return replace(
            found,
            training=self.task(owner, training, label) if training else None,
            validation=self.task(owner, validation, label) if validation else None,
        )

    def dataset(self, owner: Project, ref: DatasetRef, at: Place, trail: _Trail = ()) -> Dataset:
        """A data set that `owner` refers to at that place."""
        home = self._project(ref.project, owner, at)
        found = next((item for item in home.datasets if item.name == ref.name), None)
        if found is None:
            raise _absent("data set", ref.name, home, [d.name for d in home.datasets], at)
        return self.produce(home, found, at, trail)

    def produce(
        self, home: Project, found: Dataset, at: Place | None = None, trail: _Trail = ()
    ) -> Dataset:
        """A data set of `home`, its task complete; `at` is where it is referred to."""
        label = f"data set {self._label(home, found.name)}"
        trail = _step(trail, label, at or found.place, "the data set needs itself")
        if len(trail) > DEEPEST:
            raise _fault(found.place, f"the data set is needed by more than {DEEPEST} in a row")
        task = self.task(home, found.task, label)
        self.needs(task, trail)
        return replace(found, task=task)

    def needs(self, task: Task, trail: _Trail = ()) -> None:
        """Follows the data sets that a complete task needs."""

        def follow(leaf: Task, ref: DatasetRef) -> None:
            at = leaf.written["places"].get("datasets", leaf.place)
            self.dataset(self._project(leaf.project, self.root, at), ref, at, trail)

        _all(partial(follow, leaf, ref) for leaf in _leaves(task) for ref in leaf.datasets)

    def _complete(
        self,
        owner: Project,
        written: Mapping[str, Any],
        trail: _Trail,
        handed: Data,
        name: str = "",
    ) -> Task:
        """A complete task. `handed` is what pipelines around it say; `name` is for one without."""
        self.count += 1
        home, data, trail = self._flatten(owner, written, trail)
        at: Place = data["place"]
        if self.count > MOST_TASKS:
            raise _fault(at, f"resolves into more than {MOST_TASKS} tasks; write fewer")
        name = data.get("name") or name
        groups = data.get("pipeline")
        if not groups:
            return self._leaf(home, _merge(data, handed), name)
        own = {key: value for key, value in data.items() if key not in _OF_ITSELF}
        handed = _merge(own, handed)
        names = _Names(groups)
        complete = partial(self._complete, home, trail=trail, handed=handed)
        tasks = iter(_all(partial(complete, member) for group in groups for member in group))
        members = tuple(tuple(names.give(each, next(tasks)) for each in group) for group in groups)
        shell = build.task({**data, "pipeline": None, "executor": None}, home.file, home.name)
        return replace(shell, name=name, pipeline=members)

    def _leaf(self, home: Project, data: Data, name: str) -> Task:
        executor = data.get("executor") or {}
        if "kind" not in executor:
            raise _fault(
                data["place"],
                f"the task `{name}` has no executor, and neither has what it is made from; "
                "write one, such as `executor: !pip {pythonVersion: …, command: …}`",
            )
        if lacking := build.missing(executor):
            words = ", ".join(f"`{word}`" for word in lacking)
            raise _fault(
                data["place"],
                f"the executor `!{executor['kind']}` of the task `{name}` lacks {words}, "
                "and what it is made from does not say it either",
                "executor",
            )
        return build.task({**data, "name": name}, home.file, home.name)

    def _flatten(
        self, owner: Project, written: Mapping[str, Any], trail: _Trail
    ) -> tuple[Project, Data, _Trail]:
        """The data of a task with its templates and references merged in, and whose files it is
        for; without the data of what a pipeline's members refer to.
        """
        data = _owned(written, owner)
        at = data["place"]
        if len(trail) > DEEPEST:
            raise _fault(
                at, f"is more than {DEEPEST} references and pipelines deep; write it flatter"
            )
        if ref := data.pop("template", None):
            there = data["places"].get("template", at)
            home, found = self._find("template", ref, owner, there)
            way = _step(trail, f"template {self._label(home, found.name)}", there)
            _, under, _ = self._flatten(home, found.written, way)
            data = _merge(data, {k: v for k, v in under.items() if k not in ("name", "place")})
        if ref := data.pop("reference", None):
            there = data["places"].get("reference", at)
            home, found = self._find("task", ref, owner, there)
            way = _step(trail, self._label(home, found.name), there)
            owner, under, trail = self._flatten(home, found.written, way)
            data = _merge(data, {**under, "name": found.name})
        return owner, data, trail

    def _find(self, what: str, ref: Data, owner: Project, at: Place) -> tuple[Project, Task]:
        home = self._project(ref["project"], owner, at)
        among = home.tasks if what == "task" else home.templates
        for found in among:
            if found.name == ref["name"]:
                return home, found
        raise _absent(what, ref["name"], home, [task.name for task in among], at)

    def _project(self, name: str, owner: Project, at: Place) -> Project:
        if name in ("", owner.name):
            return owner
        if name == self.root.name:
            return self.root
        if name not in self.known:
            folder = self.projects.find(name)
            if folder is None:
                known = ", ".join(f"`{other}`" for other in self.projects.names()) or "none"
                words = nearest(name, self.projects.names()) or f"; known are: {known}"
                message = f"the project `{name}` is not known; register its folder with "
                raise _fault(at, f"{message}`ame project add DIR`{words}")
            try:
                self.known[name] = file.read(folder)
            except (errors.NotFound, errors.Conflict, errors.Unavailable) as error:
                raise _fault(at, f"the project `{name}` cannot be read: {error}") from None
        return self.known[name]

    def _label(self, home: Project, name: str) -> str:
        return name if home.name == self.root.name else f"{home.name}.{name}"


def _step(
    trail: _Trail, label: str, at: Place, what: str = "refers to itself"
) -> tuple[_Stop, ...]:
    """One stop further. A circle is refused at the first of its references in the file, from
    whichever stop it was entered.
    """
    labels = [stop.label for stop in trail]
    if label not in labels:
        return (*trail, _Stop(label, at))
    circle = trail[labels.index(label) :]
    ways = [stop.at for stop in circle[1:]] + [at]
    first = min(range(len(ways)), key=lambda n: (str(ways[n].file), ways[n].line, ways[n].column))
    names = [stop.label for stop in (*circle[first:], *circle[: first + 1])]
    raise _fault(ways[first], f"{what}: {' -> '.join(names)}; remove one of these references")


def _all(deeds: Iterable[Callable[[], _T]]) -> list[_T]:
    """What each of them returns; if some are refused, the faults of all."""
    done: list[_T] = []
    faults: list[errors.Fault] = []
    for deed in deeds:
        try:
            done.append(deed())
        except errors.ProjectInvalid as error:
            faults += error.faults
    if faults:
        raise errors.ProjectInvalid(tuple(dict.fromkeys(faults)))
    return done


class _Names:
    """The names of a pipeline's members: those written stay, others get a number where needed."""

    def __init__(self, groups: list[list[Data]]) -> None:
        self.taken = {member["name"] for group in groups for member in group if member.get("name")}

    def give(self, member: Data, task: Task) -> Task:
        """The task of a member, by a name that no other member has."""
        if member.get("name"):
            return task
        free, number = task.name, 1
        while free in self.taken:
            number += 1
            free = f"{task.name}-{number}"
        self.taken.add(free)
        return replace(task, name=free)


def _leaves(task: Task) -> Iterator[Task]:
    if not task.pipeline:
        yield task
    for group in task.pipeline:
        for member in group:
            yield from _leaves(member)


def _owned(data: Mapping[str, Any], owner: Project) -> Data:
    """A copy whose references name their project."""
    copy = dict(data)
    if not copy.get("name"):
        copy.pop("name", None)
    for key in ("reference", "template"):
        if ref := copy.get(key):
            copy[key] = {**ref, "project": ref.get("project") or owner.name}
    if refs := copy.get("datasets"):
        targets = [item.get("ref") or item for item in refs]
        copy["datasets"] = [{**ref, "project": ref.get("project") or owner.name} for ref in targets]
    if groups := copy.get("pipeline"):
        copy["pipeline"] = [[_owned(member, owner) for member in group] for group in groups]
    return copy


def _merge(over: Data, under: Data) -> Data:
    """`over` on top of `under`. Neither is changed."""
    merged = dict(under)
    if "kind" in (over.get("executor") or {}) or over.get("reference") or over.get("pipeline"):
        for way in _WAYS:
            if way not in over or (way == "executor" and over.get("pipeline")):
                merged.pop(way, None)
    for key, value in over.items():
        below = under.get(key)
        if key == "environment" and value and below:
            merged[key] = list({pair["key"]: pair for pair in (*below, *value)}.values())
        elif isinstance(value, dict) and isinstance(below, dict) and _one_kind(value, below):
            merged[key] = {**below, **value}
        else:
            merged[key] = value
    return merged


def _one_kind(over: Data, under: Data) -> bool:
    return "kind" not in over or "kind" not in under or over["kind"] == under["kind"]


def _absent(
    what: str, name: str, home: Project, known: list[str], at: Place
) -> errors.ProjectInvalid:
    return errors.ProjectInvalid((references.absent(what, name, home.file, known, at),))


def _fault(at: Place, message: str, key: str = "") -> errors.ProjectInvalid:
    path = f"{at.path}.{key}" if key else at.path
    fault = errors.Fault(file=at.file, line=at.line, column=at.column, path=path, message=message)
    return errors.ProjectInvalid((fault,))
