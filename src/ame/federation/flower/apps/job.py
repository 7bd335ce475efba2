"""`FlowerJob`: an app of Flower's as a federated job."""

from pathlib import Path
from typing import Any

from ame import errors
from ame.federation.flower.apps import app
from ame.federation.flower.apps.controller import FlowerController
from ame.federation.flower.apps.executor import FlowerExecutor
from ame.federation.job.fedjob import FedJob


class FlowerJob(FedJob):
    """A Flower app: its ServerApp leads, its ClientApp works at every client."""

    def __init__(
        self,
        name: str,
        flower_content: str | None = None,
        flower_app_path: str | None = None,
        min_clients: int = 1,
        mandatory_clients: list[str] | None = None,
        database: str = "",
        superlink_ready_timeout: float = 10.0,
        configure_task_timeout: float = 10,
        start_task_timeout: float = 10,
        max_client_op_interval: float = 90.0,
        progress_timeout: float = 3600.0,
        per_msg_timeout: float = 10.0,
        tx_timeout: float = 100.0,
        client_shutdown_timeout: float = 5.0,
        extra_env: dict[str, str] | None = None,
        run_config: dict[str, Any] | None = None,
        allow_runtime_dependency_installation: bool = False,
    ) -> None:
        """Gives the server and all clients the app.

        It travels with the job from the folder `flower_content`, or is found by each side in the
        job's code at `flower_app_path`. `run_config` goes before what the app's
        `tool.flwr.app.config` says, `extra_env` are variables for the app at the clients; the name
        and the clients are as of a `FedJob`. All else is for NVFLARE, which starts a SuperLink of
        its own beside the app.

        Raises:
            errors.JobInvalid (ValueError): not one of `flower_content` and `flower_app_path` was
                given.
            errors.FlowerAppInvalid (ValueError): the folder is not that of an app, or `run_config`
                names what its configuration does not have.
        """
        super().__init__(name, min_clients, mandatory_clients)
        if bool(flower_content) == bool(flower_app_path):
            raise errors.JobInvalid("give one of `flower_content` and `flower_app_path`")
        if flower_content:
            app.merged(app.describe(Path(flower_content)), run_config or {})
        self.to_server(
            FlowerController(
                database=database,
                superlink_ready_timeout=superlink_ready_timeout,
                configure_task_timeout=configure_task_timeout,
                start_task_timeout=start_task_timeout,
                max_client_op_interval=max_client_op_interval,
                progress_timeout=progress_timeout,
                **_given(
                    run_config=run_config,
                    allow_runtime_dependency_installation=allow_runtime_dependency_installation,
                    flower_app_path=flower_app_path,
                ),
            )
        )
        self.to_clients(
            FlowerExecutor(
                per_msg_timeout=per_msg_timeout,
                tx_timeout=tx_timeout,
                client_shutdown_timeout=client_shutdown_timeout,
                extra_env=extra_env,
                **_given(
                    allow_runtime_dependency_installation=allow_runtime_dependency_installation
                ),
            )
        )
        if flower_content:
            self.to_server(flower_content)
            self.to_clients(flower_content)


def _given(**later: Any) -> dict[str, Any]:
    """What was said of these: NVFLARE's older versions do not know them."""
    return {name: value for name, value in later.items() if value}
