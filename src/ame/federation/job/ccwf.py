"""`CCWFJob`: workflows that clients lead among themselves, from one value for each side."""

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from ame import errors
from ame.federation.job.fedjob import FedJob
from ame.federation.peers.config import (
    CrossSiteEvalConfig,
    CyclicClientConfig,
    CyclicServerConfig,
    SwarmClientConfig,
    SwarmServerConfig,
)

COMPONENTS = frozenset(
    {"executor", "persistor", "shareable_generator", "aggregator", "metric_comparator",
     "model_selector"}
)  # fmt: skip
TASKS = ["train", "validate", "submit_model"]


class CCWFJob(FedJob):
    """Swarm learning, cyclic learning and cross-site evaluation, led by clients."""

    def __init__(
        self,
        name: str = "fed_job",
        min_clients: int = 1,
        mandatory_clients: list[str] | None = None,
        executor_tasks: list[str] | None = None,
        external_resources: str | None = None,
    ) -> None:
        """A job without workflows.

        Args:
            name: see `FedJob`.
            min_clients: see `FedJob`.
            mandatory_clients: see `FedJob`.
            executor_tasks: the tasks of the one executor that all workflows share.
            external_resources: a script or a folder for all sides.
        """
        super().__init__(name, min_clients, mandatory_clients)
        self.executor: Any = None
        self.executor_tasks = executor_tasks or TASKS
        if external_resources:
            self.to_server(external_resources)
            self.to_clients(external_resources)

    def add_swarm(
        self,
        server_config: SwarmServerConfig,
        client_config: SwarmClientConfig,
        cse_config: CrossSiteEvalConfig | None = None,
    ) -> None:
        """Adds swarm learning, and the evaluation of its models if asked.

        Raises:
            errors.JobInvalid (ValueError): a configuration is of another kind.
        """
        from ame.federation.peers.swarm import SwarmClientController
        from ame.federation.peers.swarm_server import SwarmServerController

        _check(server_config, SwarmServerConfig)
        _check(client_config, SwarmClientConfig)
        self.to_server(SwarmServerController(**_settings(server_config)))
        ids = self._components(
            client_config, ("metric_comparator", "persistor", "shareable_generator", "aggregator")
        )
        controller = SwarmClientController(**ids, **_settings(client_config))
        self.to_clients(controller, tasks=["swarm_*"])
        self._add_executor(client_config.executor)
        if client_config.model_selector is not None:
            self.to_clients(client_config.model_selector, id="model_selector")
        if cse_config is not None:
            self.add_cross_site_eval(cse_config, ids["persistor_id"])

    def add_cyclic(
        self,
        server_config: CyclicServerConfig,
        client_config: CyclicClientConfig,
        cse_config: CrossSiteEvalConfig | None = None,
    ) -> None:
        """Adds cyclic learning, and the evaluation of its models if asked.

        Raises:
            errors.JobInvalid (ValueError): a configuration is of another kind.
        """
        from ame.federation.peers.cyclic import CyclicClientController, CyclicServerController

        _check(server_config, CyclicServerConfig)
        _check(client_config, CyclicClientConfig)
        self.to_server(CyclicServerController(**_settings(server_config)))
        ids = self._components(client_config, ("persistor", "shareable_generator"))
        controller = CyclicClientController(**ids, **_settings(client_config))
        self.to_clients(controller, tasks=["cyclic_*"])
        self._add_executor(client_config.executor)
        if cse_config is not None:
            self.add_cross_site_eval(cse_config, ids["persistor_id"])

    def add_cross_site_eval(self, cse_config: CrossSiteEvalConfig, persistor_id: str) -> None:
        """Adds the evaluation of clients' models by one another.

        Raises:
            errors.JobInvalid (ValueError): the configuration is of another kind.
        """
        from ame.federation.peers.cross_site import (
            CrossSiteEvalClientController,
            CrossSiteEvalServerController,
        )

        _check(cse_config, CrossSiteEvalConfig)
        settings = _settings(cse_config)
        timeout = settings.pop("get_model_timeout")
        self.to_server(CrossSiteEvalServerController(**settings))
        controller = CrossSiteEvalClientController(
            persistor_id=persistor_id, get_model_timeout=timeout
        )
        self.to_clients(controller, tasks=["cse_*"])

    def _components(self, config: Any, names: Collection[str]) -> dict[str, Any]:
        """Gives all clients the components of a configuration; returns their ids."""
        return {
            f"{name}_id": self.to_clients(getattr(config, name), id=name)
            for name in names
            if getattr(config, name) is not None
        }

    def _add_executor(self, executor: Any) -> None:
        """Adds what trains, once: the workflows share it."""
        if self.executor is None:
            self.to_clients(executor, tasks=self.executor_tasks)
            self.executor = executor


def _settings(config: Any) -> dict[str, Any]:
    """What of a configuration differs from its defaults, without the components.

    What is at its default is so in the controller too.
    """
    return {
        each.name: getattr(config, each.name)
        for each in fields(config)
        if each.name not in COMPONENTS
        and (each.name == "get_model_timeout" or getattr(config, each.name) != each.default)
    }


def _check(config: object, kind: type[Any]) -> None:
    if not isinstance(config, kind):
        raise errors.JobInvalid(
            f"a {kind.__name__} is needed here, not {type(config).__name__} {config!r}"
        )
