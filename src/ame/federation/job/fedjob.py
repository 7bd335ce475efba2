"""`FedJob`: a federated job, defined in Python."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation import engines, export
from ame.federation.job import checks
from ame.federation.job.checks import ALL_SITES, SERVER
from ame.federation.job.draft import Chain
from ame.federation.job.given import Given
from ame.federation.job.resources import bundled, resource
from ame.federation.program import File, Program, Version

if TYPE_CHECKING:
    from ame.federation.results import Result


class FilterType:
    """What a filter filters: results on their way back, or data on its way to sites."""

    TASK_RESULT = "TASK_RESULT"
    TASK_DATA = "TASK_DATA"


@dataclass(frozen=True, slots=True)
class JobCtx:
    """What an object is given when it adds itself to a job, to be passed on."""

    obj: Any
    target: str
    comp_id: str | None


_CHAINS: Mapping[object, Chain] = {
    FilterType.TASK_RESULT: "task_result_filters",
    FilterType.TASK_DATA: "task_data_filters",
}


class FedJob:
    """A federated job: what the server does, what each client does.

    An object is taken as it is when it is given. What cannot travel with the job is refused then.
    """

    def __init__(
        self,
        name: str = "fed_job",
        min_clients: int = 1,
        mandatory_clients: list[str] | None = None,
        meta_props: dict[str, Any] | None = None,
        fail_fast: bool = False,
    ) -> None:
        """A job without parts.

        Args:
            name: letters, digits, `.`, `_` and `-`.
            min_clients: with fewer the job does not go on.
            mandatory_clients: without one of these it does not either.
            meta_props: what else `meta.json` is to say.
            fail_fast: a client that died is not waited for.

        Raises:
            errors.JobInvalid (ValueError), errors.JobTypeInvalid (TypeError): one cannot be.
        """
        self.name = checks.name(name)
        self.min_clients = checks.count("min_clients", min_clients)
        self.mandatory_clients = checks.names("mandatory_clients", mandatory_clients)
        self.meta_props = checks.meta(meta_props)
        self.result: Result | None = None
        """What came of its last run."""
        self.heard_of_clients: set[str] = set()
        """Events that a part of clients sends to the server."""
        self._wanted_of_clients: set[str] = set()
        self._fail_fast = checks.flag("fail_fast", fail_fast)
        self._given = Given()
        self.clients = self._given.clients

    # for users

    def to(self, obj: Any, target: str, id: str | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Gives an object to `"server"`, to a client by its name, or to `"@ALL"` clients.

        A str is a script or a folder to take along, a dict sets variables of the configuration;
        any other object adds itself (`add_to_fed_job`), or is a component.

        Args:
            obj: the object.
            target: to whom.
            id: of a component; the next free one after it is taken, and returned.
            kwargs: for the object's `add_to_fed_job`.

        Returns:
            The component's id, or what `add_to_fed_job` returns.

        Raises:
            errors.JobInvalid, errors.ArgumentUnfit, errors.ClassUnfit (all ValueError): the
                object, an argument of it, or what was said about it cannot be.
            errors.JobConflict (RuntimeError): it contradicts what was given before.
            errors.ResourceMissing (RuntimeError, ValueError): a script is not there.
        """
        if obj is None or (isinstance(obj, str | dict) and not obj):
            raise errors.JobInvalid("cannot add empty object to job: `obj` is empty")
        checks.made("obj", obj)
        checks.target(target)
        ctx = JobCtx(obj, target, checks.identity(id))
        side = _side(obj)
        if side is not None and side != checks.JobTargetType.get_target_type(target):
            raise errors.JobInvalid(
                f"{type(obj).__name__} can only be assigned to {side}, but tried to assign to "
                f"{target}"
            )
        self._given.begin(target, self.set_up_client)
        if isinstance(obj, str | dict):
            self.check_kwargs(kwargs, {})
            if isinstance(obj, dict):
                self.add_params(obj, ctx)
            else:
                self._given.draft(target).carry(resource(obj, asked="obj"))
            return None
        add = getattr(obj, "add_to_fed_job", None)
        if add is not None:
            return add(self, ctx, **kwargs)
        if "filter_type" in kwargs:
            raise errors.JobInvalid(
                f"`{type(obj).__name__}` is given as a filter, and is none; let it be a subclass "
                "of `Filter` or `DXOFilter`"
            )
        self.check_kwargs(kwargs, {})
        return self.add_component(None, obj, ctx)

    def to_server(self, obj: Any, id: str | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """The same, to the server."""
        if _side(obj) == "client":
            raise errors.JobInvalid(
                "Use `job.to(executor, <client_name>)` or `job.to_clients(executor)` for "
                f"Executors: {type(obj).__name__} does tasks of clients"
            )
        return self.to(obj, SERVER, id, **kwargs)

    def to_clients(self, obj: Any, id: str | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """The same, to all clients, whatever their names. A client's own objects come on top."""
        from ame.federation.spec.controller import Controller

        if isinstance(obj, Controller):
            raise errors.JobInvalid(
                'Use `job.to(controller, "server")` or `job.to_server(controller)` for '
                f"Controllers: {type(obj).__name__} leads a workflow"
            )
        return self.to(obj, ALL_SITES, id, **kwargs)

    def as_id(self, obj: Any) -> str:
        """An id for an object that others refer to: where they go, it goes too.

        Raises:
            errors.JobInvalid: it is none, but a class.
        """
        checks.made("obj", obj)
        return self._given.refer(obj)

    def set_up_client(self, target: str) -> None:
        """Called before the first object for a client, or for `"@ALL"`; for subclasses."""

    def add_file_to(
        self,
        src_path: str,
        target: str,
        dest_dir: str | None = None,
        app_folder_type: str | None = None,
    ) -> None:
        """Takes a file or folder along to `dest_dir` in a target's folder `custom` or `config`."""
        ctx = JobCtx(src_path, checks.target(target), None)
        self._given.begin(target, self.set_up_client)
        self.add_file_source(src_path, dest_dir, app_folder_type, ctx)

    def add_file_to_server(
        self, src_path: str, dest_dir: str | None = None, app_folder_type: str | None = None
    ) -> None:
        """The same, to the server."""
        self.add_file_to(src_path, SERVER, dest_dir, app_folder_type)

    def add_file_to_clients(
        self, src_path: str, dest_dir: str | None = None, app_folder_type: str | None = None
    ) -> None:
        """The same, to all clients."""
        self.add_file_to(src_path, ALL_SITES, dest_dir, app_folder_type)

    def set_app_packages(self, app_packages: list[str]) -> None:
        """Packages that are installed at every site, so that their code need not travel."""
        self._given.capture.kept_out = frozenset(app_packages)

    def simulator_run(
        self,
        workspace: str | Path,
        n_clients: int | None = None,
        clients: list[str] | None = None,
        threads: int | None = None,
        gpu: str | None = None,
        log_config: str | None = None,
        *,
        seed: int | None = None,
        **more: Any,
    ) -> int:
        """Runs the job in the simulator; what came of it is in `result` then.

        The options of `ame fed run` go before what is said here.

        Args:
            workspace: the folder for what it writes; what is there stays.
            n_clients: how many, if the job does not name them.
            clients: their names, if the job does not name them.
            threads: worker processes; the result does not depend on them.
            gpu: GPUs that clients share, as `0,1`.
            log_config: `concise`, `full`, `verbose`, or a level of `logging`.
            seed: what chance depends on: the same seed gives the same result.
            more: what else `ame.federation.engines.Options` takes.

        Returns:
            0 if it is done, else a number of `ame.federation.codes.Code`.
        """
        options = engines.Options(
            workspace=Path(workspace),
            clients=_clients(n_clients, clients),
            threads=threads,
            gpu=gpu,
            log_config=log_config,
            seed=seed,
            **more,
        )
        self.result = engines.run(self.program(), options)
        return int(engines.code(self.result)) if self.result else 0

    def export_job(
        self,
        job_root: str | Path,
        *,
        flare_version: Version = "2.7",
        clients: int | Sequence[str] | None = None,
    ) -> None:
        """Writes the folder `job_root/name`, which NVFLARE runs. One that is there is replaced.

        Args:
            job_root: where.
            flare_version: of NVFLARE; its versions do not read one another's jobs.
            clients: how many, or their names; needed where some clients have objects of their
                own beside those of all.

        Raises:
            errors.NotExportable: NVFLARE has no counterpart of a part.
        """
        engines.exported(
            export.write(self.program(), Path(job_root), version=flare_version, clients=clients)
        )

    def program(self) -> Program:
        """The job as data.

        Raises:
            errors.JobInvalid: it lacks a workflow, clients, or executors.
        """
        self._send_events()
        given, capture = self._given, self._given.capture
        server = given.server()
        if self._fail_fast:
            server = replace(server, params={"dead_client_grace_period": 0, **server.params})
        found = Program(
            name=self.name,
            min_clients=self.min_clients,
            mandatory_clients=self.mandatory_clients,
            meta={k: capture.value(v, "FedJob", f"meta_props[{k!r}]")
                  for k, v in self.meta_props.items()},
            server=capture.settled(server),
            everyone=given.app(ALL_SITES) if ALL_SITES in given.clients else None,
            sites={site: given.app(site) for site in given.clients if site != ALL_SITES},
            packages=frozenset(capture.packages),
        )  # fmt: skip
        checks.program(found)
        checks.aggregators(found.server, given.objects())
        checks.idle(found, {client: given.objects_of(client) for client in given.clients})
        return found

    # for objects that add themselves

    def add_component(self, comp_id: str | None, obj: Any, ctx: JobCtx) -> str:
        """Adds a component; returns its id."""
        return self._given.add("components", comp_id or ctx.comp_id, obj, ctx.target, "component")

    def add_controller(self, obj: Any, ctx: JobCtx) -> None:
        """Adds a controller: to the server's workflows, at a client to the components."""
        if ctx.target == SERVER:
            self._given.add("workflows", ctx.comp_id, obj, ctx.target, "controller")
        else:
            self._given.add("components", ctx.comp_id, obj, ctx.target, "component")

    def add_executor(self, obj: Any, tasks: Sequence[str] | None, ctx: JobCtx) -> None:
        """Adds an executor for these tasks; None is all."""
        named = checks.tasks(tasks)
        own = self._given.draft(ctx.target)
        for draft in (own, *self._given.beside(ctx.target)):
            draft.check_free(named)
        own.route(named, self._given.part(obj, ctx.target))

    def add_filter(
        self, obj: Any, filter_type: str, tasks: Sequence[str] | None, ctx: JobCtx
    ) -> None:
        """Adds a filter for these tasks; None is all, and so is `["*"]`."""
        chain = _CHAINS.get(filter_type)
        if chain is None:
            raise errors.JobInvalid(
                f"Provided a filter for {ctx.target} without specifying a valid `filter_type`. "
                "Select from `FilterType.TASK_RESULT` or `FilterType.TASK_DATA`; "
                f"{type(obj).__name__} has {filter_type!r}"
            )
        self._given.draft(ctx.target).filter(
            chain, checks.tasks(tasks), self._given.part(obj, ctx.target)
        )

    def add_resources(self, resources: Sequence[str], ctx: JobCtx) -> None:
        """Takes scripts and folders along."""
        asked = f"{type(ctx.obj).__name__}.script" if hasattr(ctx.obj, "script") else "resources"
        for path in resources:
            if not isinstance(path, str):
                raise errors.JobTypeInvalid("resources", "a list of paths as text", path)
            self._given.draft(ctx.target).carry(resource(path, asked=asked))

    def add_file_source(
        self, src_path: str, dest_dir: str | None, app_folder_type: str | None, ctx: JobCtx
    ) -> None:
        """Takes a file or folder along to a place of its own."""
        self._given.draft(ctx.target).carry(
            bundled(src_path, dest_dir, app_folder_type, asked="src_path")
        )

    def add_params(self, args: Mapping[str, Any], ctx: JobCtx) -> None:
        """Sets variables of the configuration of a target."""
        if not isinstance(args, Mapping):
            raise errors.JobTypeInvalid("args", "a dict", args)
        where = f"variables of {ctx.target}"
        self._given.draft(ctx.target).set_params(
            {str(name): self._given.capture.value(each, where, name) for name, each in args.items()}
        )

    def hear_clients(self, events: Iterable[str]) -> None:
        """Has clients send these events to the server, if none of their parts does."""
        self._wanted_of_clients.update(events)

    @staticmethod
    def check_kwargs(
        args_to_check: Mapping[str, Any] | None, args_expected: Mapping[str, bool]
    ) -> None:
        """Checks arguments: `args_expected` says of each that may come whether it must come.

        Raises:
            errors.JobInvalid (ValueError): one is missing, or unexpected.
        """
        given = args_to_check or {}
        if not args_expected and given:
            raise errors.JobInvalid(f"received args {list(given)}, but no args expected")
        known = {k: "required" if must else "optional" for k, must in args_expected.items()}
        for key, must in args_expected.items():
            if must and key not in given:
                raise errors.JobInvalid(f"Missing required arg '{key}'. Supported args: {known}")
        for key in given:
            if key not in args_expected:
                raise errors.JobInvalid(f"Received unexpected arg '{key}'. Supported args: {known}")

    def _send_events(self) -> None:
        """Gives clients what sends the events that the server is to hear. Once is enough."""
        if events := sorted(self._wanted_of_clients - self.heard_of_clients):
            from ame.federation.training.events import ConvertToFedEvent

            for target in [ALL_SITES] if ALL_SITES in self.clients else list(self.clients):
                self.to(ConvertToFedEvent(events), target, id="event_to_fed")


def _side(obj: Any) -> str | None:
    """Where an object belongs: `server`, `client`, or None for both."""
    asked = getattr(obj, "get_job_target_type", None)
    return asked() if callable(asked) else None


def _clients(n_clients: int | None, clients: list[str] | None) -> int | Sequence[str] | None:
    if n_clients is not None and clients is not None:
        raise errors.SitesUnclear("`n_clients` and `clients` both say who takes part; give one")
    if clients is not None:
        return checks.names("clients", clients)
    return None if n_clients is None else checks.count("n_clients", n_clients)


__all__ = ["ALL_SITES", "SERVER", "FedJob", "File", "FilterType", "JobCtx"]
