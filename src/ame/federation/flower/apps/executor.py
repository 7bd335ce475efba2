"""A site that does what a ClientApp of Flower's says."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame.federation.flower.apps import identity, records
from ame.federation.spec.executor import Executor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flwr.app import Context, Message
    from flwr.clientapp import ClientApp

    from ame.federation.spec.context import FLContext
    from ame.federation.spec.shareable import Shareable
    from ame.federation.spec.task import Signal


SETTING = "flower_setting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a site is told with each message, since any may be its first."""

    app: str
    """`module:attribute` of the ClientApp."""
    folder: str
    """Where in the job's code the app lies."""
    run_config: Mapping[str, Any]
    place: int
    """Which of the sites it is, from 0."""
    count: int


class FlowerExecutor(Executor):
    """Gives each message to the ClientApp, with a context that is this site's own.

    What the app keeps in its context's state is there again with the next message.
    """

    def __init__(
        self,
        start_task_name: str = "start",
        configure_task_name: str = "config",
        per_msg_timeout: float = 10.0,
        tx_timeout: float = 100.0,
        client_shutdown_timeout: float = 5.0,
        extra_env: Mapping[str, str] | None = None,
        allow_runtime_dependency_installation: bool = False,
    ) -> None:
        """`extra_env`: variables for the app. The rest steers what NVFLARE puts beside an app."""
        super().__init__()
        self.extra_env = extra_env
        self._app: ClientApp | None = None
        self._context: Context | None = None

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Has the app answer.

        Raises:
            Exception: whatever the app raises.
        """
        message = records.to_message(shareable)
        told = Setting(**shareable[SETTING])
        with identity.of(message.metadata.run_id, message.metadata.dst_node_id):
            context = self._its_context(message, told)
            reply = self._its_app(told, fl_ctx)(message, context)
        reply.metadata.__dict__["_message_id"] = f"{message.metadata.message_id}-reply"
        data = records.to_shareable(reply)
        records.measure(data, reply)
        return data

    def _its_app(self, told: Setting, ctx: FLContext) -> ClientApp:
        if self._app is None:
            from flwr.clientapp import ClientApp

            os.environ.update(self.extra_env or {})
            if told.folder:
                workspace = ctx.get_engine().get_workspace()
                custom = workspace.get_app_custom_dir(ctx.get_job_id())
                sys.path.insert(0, str(Path(custom, told.folder)))
            self._app = identity.load(told.app, ClientApp)
        return self._app

    def _its_context(self, message: Message, told: Setting) -> Context:
        if self._context is None:
            from flwr.app import Context, RecordDict

            self._context = Context(
                run_id=message.metadata.run_id,
                node_id=message.metadata.dst_node_id,
                node_config={"partition-id": told.place, "num-partitions": told.count},
                state=RecordDict(),
                run_config=dict(told.run_config),
            )
        return self._context
