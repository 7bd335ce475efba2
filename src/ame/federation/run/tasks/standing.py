"""A task that stands: it was given to sites, and is not done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ame.federation.run.chains import Blamed
from ame.federation.run.engine import Engine
from ame.federation.run.tasks.outgoing import Outgoing
from ame.federation.run.tasks.plans import Plan
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.names.keys import FLContextKey
from ame.federation.spec.task import ClientTask, Task


@dataclass(slots=True, eq=False)
class Standing:
    """A task with its plan, the controller whose it is, and the shares that are not answered."""

    task: Task
    plan: Plan
    controller: Controller
    deadline: float | None
    number: int = 0
    """Of the tasks that were given."""
    open: dict[int, ClientTask] = field(default_factory=dict)
    outgoing: Outgoing = field(default_factory=Outgoing)

    def context(
        self, engine: Engine, share: ClientTask, told: Mapping[str, Any] | None = None
    ) -> FLContext:
        """What is known while a site's share is dealt with; `told`: by the site."""
        ctx = engine.context_with(share.client.name, told)
        ctx.put(FLContextKey.TASK_NAME, self.task.name, private=True, sticky=False)
        ctx.put(FLContextKey.TASK_ID, share.id, private=True, sticky=False)
        return ctx

    def call(self, deed: Any, share: ClientTask, ctx: FLContext) -> None:
        """Do a deed of the task, if it has it.

        Raises:
            errors.ComponentFailed: it raised an error, for which the controller is named.
        """
        if deed is not None:
            doing = f"dealing with task `{self.task.name}` of {share.client.name}"
            with Blamed(self.controller, doing):
                deed(client_task=share, fl_ctx=ctx)
