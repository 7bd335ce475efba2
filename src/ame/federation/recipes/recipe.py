"""A recipe: a federated job that is made from a few settings, and what may be added to it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack

from ame import errors
from ame.federation.job.fedjob import FedJob, FilterType
from ame.federation.job.script_runner import FrameworkType
from ame.federation.model import ExchangeFormat
from ame.federation.recipes.options import Client, ClientOptions, Model

if TYPE_CHECKING:
    from ame.federation.recipes.environments import ExecEnv, Run
    from ame.federation.spec.filter import Filter

_log = logging.getLogger("ame.federation.recipes")

Version = Literal["2.7", "2.9"]


class Recipe:
    """A job, and where its parts go. What clients do is settled when the first of it is needed."""

    def __init__(self, job: FedJob, client: Client | None = None) -> None:
        """Takes a job of which the server's side is made.

        Args:
            job: the job.
            client: the script of the clients; None where the recipe gives them other executors.

        """
        self.job = self._job = job
        self.name = job.name
        self.framework = client.framework if client else None
        self.comp_ids: dict[str, str] = {}
        """Ids of the server's components that others refer to: `persistor_id`, `locator_id`."""
        self.evaluated = False
        """Whether models are evaluated by clients after the training."""
        self._client = client
        self._sites: dict[str, dict[str, Any]] | None = None
        self._settled = False

    def set_per_site_config(self, config: Any) -> None:
        """Gives each named site settings of its script that differ; no other sites take part.

        Comes first, before anything is added to clients.

        Args:
            config: by site, settings by their names, such as `train_args`.

        Raises:
            errors.JobInvalid (ValueError), errors.JobTypeInvalid (TypeError): it is none.
            errors.JobConflict (RuntimeError): it comes too late, or again.

        """
        if not isinstance(config, Mapping) or not config:
            raise errors.JobTypeInvalid("config", "settings by site, of one site at least", config)
        if self._settled or self._sites is not None:
            raise errors.JobConflict(
                "settings of sites come once, before anything else is said of clients"
            )
        for site, settings in config.items():
            if not isinstance(settings, Mapping):
                raise errors.JobTypeInvalid(f"config[{site!r}]", "a dict of settings", settings)
            if self._client is not None:
                self._client.of(settings)
        self._sites = {site: dict(settings) for site, settings in config.items()}

    def configured_sites(self) -> list[str]:
        """The sites that have settings of their own."""
        return list(self._sites or ())

    def add_client_input_filter(
        self,
        filter: Filter,  # noqa: A002  # FLARE's name
        tasks: list[str] | None = None,
        clients: list[str] | None = None,
    ) -> None:
        """Filters what comes to clients."""
        self._filter_clients(filter, FilterType.TASK_DATA, tasks, clients)

    def add_client_output_filter(
        self,
        filter: Filter,  # noqa: A002  # FLARE's name
        tasks: list[str] | None = None,
        clients: list[str] | None = None,
    ) -> None:
        """Filters what leaves clients."""
        self._filter_clients(filter, FilterType.TASK_RESULT, tasks, clients)

    def add_server_output_filter(self, filter: Filter, tasks: list[str] | None = None) -> None:  # noqa: A002
        """Filters what leaves the server."""
        self.job.to_server(filter, filter_type=FilterType.TASK_DATA, tasks=tasks)

    def add_server_input_filter(self, filter: Filter, tasks: list[str] | None = None) -> None:  # noqa: A002
        """Filters what comes to the server."""
        self.job.to_server(filter, filter_type=FilterType.TASK_RESULT, tasks=tasks)

    def add_client_config(
        self, config: Mapping[str, Any], clients: list[str] | None = None
    ) -> None:
        """Sets variables of the clients' configuration."""
        self.add_to_clients(dict(config), clients)

    def add_client_file(self, file_path: str, clients: list[str] | None = None) -> None:
        """Takes a script or a folder along to the clients."""
        self.add_to_clients(file_path, clients)

    def add_server_config(self, config: Mapping[str, Any]) -> None:
        """Sets variables of the server's configuration."""
        self.job.to_server(dict(config))

    def add_server_file(self, file_path: str) -> None:
        """Takes a script or a folder along to the server."""
        self.job.to_server(file_path)

    def enable_log_streaming(self, *file_names: str) -> None:
        """Nothing need be done: the logs of simulated clients lie in the run's folder."""
        _log.info("logs of clients (%s) lie in the run's folder", ", ".join(file_names))

    def enable_tensor_streaming(self, **settings: Any) -> None:
        """Nothing need be done: models do not travel through messages here."""
        _log.info("models are handed over in memory; not used: %s", ", ".join(settings))

    def add_decomposers(self, decomposers: Sequence[Any]) -> None:
        """Refused: values travel without code that takes them apart.

        Raises:
            errors.JobInvalid: always.

        """
        raise errors.JobInvalid(
            f"decomposers ({', '.join(map(str, decomposers))}) are not needed: send plain values, "
            "arrays and tensors"
        )

    def add_to_clients(self, obj: Any, clients: list[str] | None = None, **more: Any) -> None:
        """Gives an object to these clients; to all if they are None.

        Raises:
            errors.JobInvalid (ValueError): a client has no settings of its own, where others have.

        """
        self.settle()
        known = self.configured_sites()
        if unknown := [site for site in clients or () if known and site not in known]:
            raise errors.JobInvalid(
                f"`clients` names {', '.join(unknown)}, and the job has {', '.join(known)}"
            )
        targets = known if clients is None else clients
        for site in targets:
            self.job.to(obj, site, **more)
        if not targets:
            self.job.to_clients(obj, **more)

    def settle(self) -> None:
        """Gives the clients their scripts. Again has no further effect."""
        if self._settled:
            return
        self._settled = True
        if self._client is None:
            return
        if self._sites is None:
            self.job.to_clients(self._client.runner())
        for site, settings in (self._sites or {}).items():
            self.job.to(self._client.of(settings).runner(), site)

    def process_env(self, env: ExecEnv) -> None:
        """What depends on where the job runs; for subclasses."""

    def export(
        self,
        job_dir: str,
        server_exec_params: dict[str, Any] | None = None,
        client_exec_params: dict[str, Any] | None = None,
        env: ExecEnv | None = None,
        *,
        flare_version: Version = "2.9",
    ) -> None:
        """Writes the folder `job_dir/NAME`, which NVFLARE runs.

        Args:
            job_dir: where.
            server_exec_params: variables to set in the server's configuration; they stay set.
            client_exec_params: the same of the clients.
            env: where it is to run.
            flare_version: of NVFLARE; its versions do not read one another's jobs.

        """
        self._prepare(server_exec_params, client_exec_params, env)
        self.job.export_job(job_dir, flare_version=flare_version)

    def execute(
        self,
        env: ExecEnv,
        server_exec_params: dict[str, Any] | None = None,
        client_exec_params: dict[str, Any] | None = None,
    ) -> Run:
        """Runs the job in `env`; the arguments are those of `export`."""
        from ame.federation.recipes.environments import Run

        self._prepare(server_exec_params, client_exec_params, env)
        return Run(env, env.deploy(self.job))

    run = execute

    def _prepare(
        self,
        server: dict[str, Any] | None,
        clients: dict[str, Any] | None,
        env: ExecEnv | None,
    ) -> None:
        self.settle()
        if server:
            self.add_server_config(server)
        if clients:
            self.add_client_config(clients)
        if env is not None:
            self.process_env(env)

    def _filter_clients(
        self, filtering: Filter, kind: str, tasks: list[str] | None, clients: list[str] | None
    ) -> None:
        self.add_to_clients(filtering, clients, filter_type=kind, tasks=tasks)


class ModelRecipe(Recipe):
    """A recipe whose server has one model, and whose clients run one script."""

    default_framework: ClassVar[FrameworkType] = FrameworkType.PYTORCH

    def __init__(
        self,
        *,
        name: str,
        min_clients: int,
        train_script: str,
        model: Any,
        initial_ckpt: str | None,
        persistor: Any = None,
        locator: Any = None,
        best_model_filename: str | None = None,
        framework: FrameworkType | None = None,
        per_site_config: Mapping[str, Mapping[str, Any]] | None = None,
        **client: Unpack[ClientOptions],
    ) -> None:
        """Makes the job, with the model and what keeps it; for its other parts see `Model`."""
        script = Client(
            train_script=train_script, framework=framework or self.default_framework, **client
        )
        super().__init__(FedJob(name=name, min_clients=min_clients), script)
        self.comp_ids |= Model(
            framework=script.framework,
            model=model,
            initial_ckpt=initial_ckpt,
            persistor=persistor,
            locator=locator,
            best_model_filename=best_model_filename,
            tensors=script.server_expected_format is ExchangeFormat.PYTORCH,
        ).give(self.job)
        if per_site_config is not None:
            self.set_per_site_config(per_site_config)
