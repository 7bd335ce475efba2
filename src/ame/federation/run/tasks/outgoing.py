"""What is sent to one site after another: one object for all, as long as nothing differs."""

import copy
from typing import Any

from ame.federation.run.chains import Chain
from ame.federation.spec.context import FLContext
from ame.federation.spec.names.keys import ReservedHeaderKey
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Task

_HEADERS = ReservedHeaderKey.HEADERS


class Outgoing:
    """The data of one task on its way out.

    What travels is encoded once for each object, so the same object goes to every site unless a
    deed of the task changed its data (at its top, or in its headers), the context tells the site
    something of its own, or a filter is applied, which gets a copy of its own.
    """

    def __init__(self) -> None:
        self._sent: Shareable | None = None
        self._seen: Shareable | None = None
        """The task's data as it was then."""
        self._told: dict[str, Any] = {}

    def of(self, task: Task, filters: Chain, ctx: FLContext) -> Shareable:
        """The data for one site.

        Raises:
            ContentBlockedException: a filter lets it not pass.
            errors.ComponentFailed: a filter raised something else.
        """
        if task.operator:
            task.data.set_header(ReservedHeaderKey.TASK_OPERATOR, task.operator)
        told = ctx.told()
        filtered = bool(filters.of(task.name))
        if self._sent is not None and not filtered and told == self._told and self._same(task.data):
            return self._sent
        data, self._seen = _twin(task.data), _twin(task.data)
        self._told = told
        if told:
            data.set_peer_props(told)
        if filtered:
            data = filters.apply(task.name, copy.deepcopy(data), ctx)
        self._sent = data
        return data

    def _same(self, data: Shareable) -> bool:
        seen = self._seen
        if seen is None or data.keys() != seen.keys():
            return False
        return data[_HEADERS] == seen[_HEADERS] and all(
            value is seen[key] for key, value in data.items() if key != _HEADERS
        )


def _twin(data: Shareable) -> Shareable:
    """The same content under headers of its own."""
    twin = Shareable(data)
    twin[_HEADERS] = dict(data.get(_HEADERS) or {})
    return twin
