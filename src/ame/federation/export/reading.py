"""A job folder of NVFLARE's as a program. Nothing in it is imported for that."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from ame import errors
from ame.federation.export import formats, launching, variables
from ame.federation.flare import names
from ame.federation.job import checks
from ame.federation.job.capture import miscalls
from ame.federation.program import App, Direction, File, Filtered, Part, Program, Routed, Value
from ame.federation.spec.filter import Filter

Plain = Any

SERVER = "server"
EVERYWHERE = "@ALL"
MOST_CLIENTS = 1_000_000
META = frozenset(
    {"name", "resource_spec", "min_clients", "deploy_map", "mandatory_clients", "format_version"}
)
LISTS = frozenset(
    {"workflows", "executors", "components", "task_data_filters", "task_result_filters"}
)
INSIDE = frozenset(
    {
        "source_ckpt_file_full_name", "model_dir", "model_name", "save_name", "best_save_name",
        "global_model_file_name", "best_global_model_file_name", "results_dir", "json_file_name",
        "file_name", "tb_folder", "save_filename", "model_path", "model_file_name",
        "initial_model_file_name", "last_global_model_file_name", "local_model_path",
        "output_path", "filename", "json_filename", "cross_val_dir", "eval_result_dir",
        "flower_app_path",
    }
)  # fmt: skip
"""Arguments of our components that name files; of a stranger's job only files of its own."""
WAYS: Mapping[str, Direction] = {"in": "in", "out": "out", "inout": "inout"}


def program_of(folder: Path) -> Program:
    """The program. See `export.read`."""
    root = folder.resolve()
    if not root.is_dir():
        raise errors.JobFolderInvalid(str(folder), "is no folder; name that of a job")
    _check_links(root)
    file = formats.find(root, "meta")
    if file is None:
        raise errors.JobFolderInvalid(str(folder), "has no `meta.json`; name the folder of a job")
    meta = formats.load(file, file.name)
    deploy = _deploy_map(meta)
    listed = [site for sites in deploy.values() for site in sites if site != SERVER]
    _check_meta(meta, listed)
    server, everyone, sites = App(), None, {}
    for name, targets in deploy.items():
        reader = _App(root, name)
        for target in targets:
            if target in {SERVER, EVERYWHERE}:
                server = reader.server()
            if target == EVERYWHERE:
                everyone = reader.client()
            elif target != SERVER:
                sites[target] = reader.client()
    return Program(
        name=_name(meta.get("name") or root.name),
        min_clients=_least(meta),
        mandatory_clients=tuple(meta.get("mandatory_clients") or ()),
        meta={key: value for key, value in meta.items() if key not in META},
        server=server,
        everyone=everyone,
        sites=sites,
    )


def _check_links(root: Path) -> None:
    for found in root.rglob("*"):
        if found.is_symlink() and not found.resolve().is_relative_to(root):
            raise errors.JobFolderUnsafe(
                str(found.relative_to(root)), "the link leads out of the job's folder"
            )


def _deploy_map(meta: Mapping[str, Plain]) -> dict[str, list[str]]:
    deploy = meta.get("deploy_map")
    if not isinstance(deploy, dict) or not deploy:
        raise errors.JobFolderInvalid("meta: deploy_map", "is empty; it says which app goes where")
    found: dict[str, list[str]] = {}
    seen: set[str] = set()
    for app, given in deploy.items():
        place = f"meta: deploy_map.{app}"
        if PurePosixPath(app).parts != (app,) or app in {".", ".."} or "\\" in app:
            raise errors.JobFolderUnsafe(place, "an app is a folder of the job, named without `/`")
        found[app] = list(_targets(given, place))
        for site in found[app]:
            if site in seen:
                raise errors.JobFolderInvalid(place, f"site `{site}` is listed twice")
            seen.add(site)
    if EVERYWHERE in seen and len(seen) > 1:
        raise errors.JobFolderInvalid("meta: deploy_map", "`@ALL` must stand alone")
    if EVERYWHERE not in seen and SERVER not in seen:
        raise errors.JobFolderInvalid("meta: deploy_map", "lists neither `server` nor `@ALL`")
    return found


def _targets(given: Plain, place: str) -> Iterator[str]:
    """The sites that an app goes to: a list, or what has it as its `sites` or `targets`."""
    listed = [given] if isinstance(given, str | dict) else given
    if not isinstance(listed, list) or not listed:
        raise errors.JobFolderInvalid(place, "must list the sites that it goes to")
    for each in listed:
        if isinstance(each, dict):
            inner = each.get("sites", each.get("targets"))
            if not isinstance(inner, list):
                raise errors.JobFolderInvalid(place, "must list the sites that it goes to")
            yield from _targets(inner, place)
        elif not isinstance(each, str):
            raise errors.JobFolderInvalid(place, f"is no name of a site: {each!r}")
        else:
            yield EVERYWHERE if each.upper() == EVERYWHERE else checks.target(each)


def _check_meta(meta: Mapping[str, Plain], listed: Sequence[str]) -> None:
    least = _least(meta)
    if not isinstance(least, int) or isinstance(least, bool) or not 0 < least <= MOST_CLIENTS:
        raise errors.JobFolderInvalid("meta: min_clients", f"must be 1 to {MOST_CLIENTS}: {least}")
    mandatory = meta.get("mandatory_clients") or []
    if not isinstance(mandatory, list) or not all(isinstance(site, str) for site in mandatory):
        raise errors.JobFolderInvalid("meta: mandatory_clients", "must be a list of sites")
    if EVERYWHERE not in listed:
        if least > len(listed):
            raise errors.JobFolderInvalid(
                "meta: min_clients", f"is {least}, and deploy_map lists {len(listed)} clients"
            )
        if missing := [site for site in mandatory if site not in listed]:
            raise errors.JobFolderInvalid(
                "meta: mandatory_clients", f"{missing[0]} is not in deploy_map"
            )
    spec = meta.get("resource_spec") or {}
    if not isinstance(spec, dict) or not all(isinstance(each, dict) for each in spec.values()):
        raise errors.JobFolderInvalid("meta: resource_spec", "must hold keys with values by site")


def _least(meta: Mapping[str, Plain]) -> Plain:
    least = meta.get("min_clients")
    return 1 if least is None else least


def _name(given: Plain) -> str:
    fit = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in str(given))
    return checks.name(fit.lstrip("._-") or "job")


@dataclass(frozen=True, slots=True)
class _App:
    """Reads one app's folder."""

    root: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.root / self.name

    def server(self) -> App:
        """What the server does."""
        config, place = self._config("config_fed_server", "server")
        workflows = _list(config, "workflows", place, needed=True)
        made = tuple(self._parts(workflows, f"{place}: workflows"))
        if not made:
            raise errors.JobFolderInvalid(f"{place}: workflows", "must hold a workflow")
        return self._app(config, place, workflows=made)

    def client(self) -> App:
        """What a client does."""
        config, place = self._config("config_fed_client", "client")
        components = {
            each["id"]: each
            for each in _list(config, "components", place)
            if isinstance(each, dict) and isinstance(each.get("id"), str)
        }
        launched = launching.Launching(
            components=components, files=frozenset(file.target for file in self.files())
        )
        executors = []
        for number, each in enumerate(_list(config, "executors", place, needed=True)):
            here = f"{place}: executors[{number}]"
            tasks = _tasks(each, here)
            executor = each.get("executor")
            if not isinstance(executor, dict):
                raise errors.JobFolderInvalid(f"{here}.executor", "must hold a path and args")
            path, args = _called(executor, f"{here}.executor")
            if executor.get("disabled") is True:
                raise errors.JobFolderInvalid(
                    f"{here}.executor", "is disabled, and its tasks are not; take out the entry"
                )
            script = launched.script(path, args, f"{here}.executor")
            part = script or self._part(executor, f"{here}.executor")
            executors.append(Routed(tasks=tasks, executor=part))
        _check_tasks(executors, place)
        return self._app(config, place, executors=tuple(executors), dropped=launched.used)

    def _app(
        self,
        config: Mapping[str, Plain],
        place: str,
        *,
        workflows: tuple[Part, ...] = (),
        executors: tuple[Routed, ...] = (),
        dropped: Callable[[str], bool] = lambda _: False,
    ) -> App:
        kept = [
            each
            for each in _list(config, "components", place)
            if not (isinstance(each, dict) and dropped(str(each.get("id"))))
        ]
        components = tuple(self._parts(kept, f"{place}: components"))
        if not all(part.id for part in components):
            raise errors.JobFolderInvalid(f"{place}: components", "one of them has no `id`")
        ids = [part.id for part in (*workflows, *components) if part.id]
        if twice := next((each for each in ids if ids.count(each) > 1), None):
            raise errors.JobFolderInvalid(f"{place}: components", f"the id `{twice}` stands twice")
        return App(
            workflows=workflows,
            executors=executors,
            components=components,
            task_data_filters=tuple(self._filters(config, "task_data_filters", place)),
            task_result_filters=tuple(self._filters(config, "task_result_filters", place)),
            params={k: v for k, v in config.items() if k not in LISTS | {"format_version"}},
            files=tuple(self.files()),
        )

    def files(self) -> Iterator[File]:
        """Code and what else lies beside it."""
        for kind in ("custom", "config"):
            folder = self.folder / kind
            for found in sorted(folder.rglob("*")):
                inside = PurePosixPath(found.relative_to(folder).as_posix())
                main = kind == "config" and inside.stem.startswith("config_fed_")
                if found.is_file() and "__pycache__" not in inside.parts and not main:
                    into = "custom" if kind == "custom" else "config"
                    yield File(source=found, target=inside, folder=into)  # type: ignore[arg-type]  # one of the two

    def _config(self, name: str, side: str) -> tuple[dict[str, Plain], str]:
        file = formats.find(self.folder / "config", name)
        if file is None:
            raise errors.JobFolderInvalid(
                f"{self.name}/config", f"goes to a {side} and has no `{name}.json`"
            )
        place = str(file.relative_to(self.root))
        config = formats.load(file, place)
        if config.get("format_version") != 2 or isinstance(config["format_version"], bool):
            raise errors.JobFolderInvalid(
                place, f"wrong format_version {config.get('format_version')!r}: must be 2"
            )
        return variables.resolve(config, place), place

    def _filters(self, config: Mapping[str, Plain], key: str, place: str) -> Iterator[Filtered]:
        for number, each in enumerate(_list(config, key, place)):
            here = f"{place}: {key}[{number}]"
            tasks = _tasks(each, here)
            way = each.get("direction")
            if way is not None and str(way).lower() not in WAYS:
                raise errors.JobFolderInvalid(f"{here}.direction", "is one of in, out, inout")
            parts = tuple(self._parts(_list(each, "filters", here), f"{here}.filters"))
            for part in parts:
                _check_filter(part, f"{here}.filters")
            direction = WAYS[str(way).lower()] if way is not None else None
            yield Filtered(tasks=tasks, filters=parts, direction=direction)

    def _parts(self, listed: Sequence[Plain], place: str) -> Iterator[Part]:
        for number, each in enumerate(listed):
            here = f"{place}[{number}]"
            if not isinstance(each, dict):
                raise errors.JobFolderInvalid(here, "must hold a path and args")
            if each.get("disabled") is not True:
                yield self._part(each, here)

    def _part(self, described: Mapping[str, Plain], place: str) -> Part:
        path, args = _called(described, place)
        ours = names.ours(path)
        if ours is None and not self._holds(path):
            raise errors.ClassRefused(
                path, f"{place} names it, and it is not in the app's `custom` folder"
                + names.hint(path)
            )  # fmt: skip
        made = {name: self._value(each, f"{place}.args.{name}") for name, each in args.items()}
        if ours is not None:
            _check_arguments(ours, made, place)
            _check_inside(made, place)
        return Part(path=ours or path, args=made, id=str(described.get("id", "")))

    def _value(self, value: Plain, place: str) -> Value:
        """An argument: a dict that names a class is an object of it, as NVFLARE has it."""
        if isinstance(value, dict) and value.get("config_type", "component") == "component":
            path = value.get("path", value.get("class_path"))
            if isinstance(path, str) and "." in path:
                return self._part(value, place)
            if path is None and isinstance(value.get("name"), str) and _by_name(value["name"]):
                return self._part(value, place)
        found: Value = value
        return found

    def _holds(self, path: str) -> bool:
        """Whether a class may be of the app's own code."""
        words = path.split(".")
        for end in range(1, len(words)):
            place = (self.folder / "custom").joinpath(*words[:end])
            if place.with_suffix(".py").is_file() or (place / "__init__.py").is_file():
                return True
        return False


def _called(described: Mapping[str, Plain], place: str) -> tuple[str, dict[str, Plain]]:
    """Path and arguments of what is described."""
    path = described.get("path", described.get("class_path"))
    if path is None:
        name = described.get("name")
        path = _by_name(name) if isinstance(name, str) else None
        if path is None:
            raise errors.JobFolderInvalid(place, f"has no `path`, and no known `name`: {name!r}")
    if not isinstance(path, str) or "." not in path:
        raise errors.JobFolderInvalid(f"{place}.path", f"is no class: {path!r}")
    args = described.get("args") or {}
    if not isinstance(args, dict):
        raise errors.JobFolderInvalid(f"{place}.args", "must hold names with values")
    instead = args.get("class_attributes", args)
    return path, instead if isinstance(instead, dict) else args


def _by_name(name: str) -> str | None:
    """NVFLARE's path of a class that is called by its name alone."""
    return next((path for path in names.table() if path.endswith(f".{name}")), None)


def _list(
    config: Mapping[str, Plain], key: str, place: str, *, needed: bool = False
) -> list[Plain]:
    found = config.get(key) or []
    if not isinstance(found, list) or (needed and not found):
        raise errors.JobFolderInvalid(f"{place}: {key}", "must be a list of at least one")
    return found


def _check_tasks(executors: Sequence[Routed], place: str) -> None:
    """That a task is one executor's."""
    known: set[str] = set()
    for number, routed in enumerate(executors):
        if twice := known & set(routed.tasks):
            raise errors.JobFolderInvalid(
                f"{place}: executors[{number}].tasks",
                f"`{min(twice)}` is the task of an earlier executor, too; leave it to one",
            )
        known |= set(routed.tasks)


def _tasks(described: Plain, place: str) -> tuple[str, ...]:
    tasks = described.get("tasks") if isinstance(described, dict) else None
    if not isinstance(tasks, list) or not tasks or not all(isinstance(t, str) for t in tasks):
        raise errors.JobFolderInvalid(f"{place}.tasks", "must be a list of tasks' names")
    return tuple(tasks)


def _check_filter(part: Part, place: str) -> None:
    module, _, name = (names.ours(part.path) or "").rpartition(".")
    kind = getattr(import_module(module), name) if module else Filter
    if isinstance(kind, type) and not issubclass(kind, Filter):
        raise errors.JobFolderInvalid(place, f"has a `{name}`, which is no filter")


def _check_arguments(path: str, args: Mapping[str, Value], place: str) -> None:
    """That one of our classes takes these arguments, as far as it can be had here."""
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, errors.ExtraMissing):
        return
    if not isinstance(kind, type):
        raise errors.ClassRefused(path, f"{place} names it, and it is no class")
    if found := miscalls.unfit(kind, args):
        raise errors.JobFolderInvalid(f"{place}.args", f"`{name}` {found}")


def _check_inside(args: Mapping[str, Value], place: str) -> None:
    """That files which a component of ours is told of are the job's own."""
    for name in INSIDE & args.keys():
        value = args[name]
        texts = value.values() if isinstance(value, Mapping) else [value]
        for text in texts:
            if isinstance(text, str):
                inside = PurePosixPath(text.removeprefix("{JOB_CUSTOM_DIR}/"))
                if inside.is_absolute() or ".." in inside.parts or "\\" in text:
                    raise errors.JobFolderUnsafe(
                        f"{place}.args.{name}", f"`{text}` leads out of the job"
                    )
