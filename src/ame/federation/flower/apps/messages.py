"""A ServerApp's messages as tasks of a controller, and its sites' replies."""

from __future__ import annotations

import time
from threading import Condition
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ame import errors
from ame.federation.flower.apps import identity, records
from ame.federation.flower.apps.executor import SETTING
from ame.federation.run.losses import GONE, WHY
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Client, ClientTask, Signal, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flwr.app import Message

    from ame.federation.spec.context import FLContext
    from ame.federation.spec.controller import Controller


class Messages:
    """Messages that are under way, and their replies. Several threads may use it."""

    def __init__(
        self,
        controller: Controller,
        ctx: FLContext,
        signal: Signal,
        setting: Mapping[str, Any],
    ) -> None:
        self._controller = controller
        self._ctx = ctx
        self._signal = signal
        sites = [client.name for client in ctx.get_engine().get_clients()]
        self._settings = {
            site: {**setting, "place": place, "count": len(sites)}
            for place, site in enumerate(sites)
        }
        self.nodes = {identity.number("node", site): site for site in sites}
        """The sites, by their numbers as nodes."""
        self._changed = Condition()
        self._replies: dict[str, Message] = {}
        self._open: set[str] = set()
        signal.listen(self._wake)

    def send(self, messages: Iterable[Message]) -> list[str]:
        """Sends each to its node; their numbers.

        Raises:
            errors.RunOver: the run has ended.
            ValueError: one is to a node that there is not.
        """
        if self._signal.triggered:
            raise errors.RunOver(str(self._signal.value))
        numbers: list[str] = []
        groups: dict[tuple[str, int], dict[str, Message]] = {}
        for message in messages:
            told = message.metadata
            site = self.nodes.get(told.dst_node_id)
            if site is None:
                problem = f"there is no node {told.dst_node_id}; `grid.get_node_ids()` has all"
                raise ValueError(problem)
            told.__dict__["_message_id"] = uuid4().hex
            numbers.append(told.message_id)
            same = sum(
                site in group for (kind, _), group in groups.items() if kind == told.message_type
            )
            groups.setdefault((told.message_type, same), {})[site] = message
        self._open.update(numbers)
        for (kind, _), group in groups.items():
            self._broadcast(kind, group)
        return numbers

    def replies(self, numbers: Iterable[str]) -> list[Message]:
        """Those that are there, in the order of their messages. Each is given out once."""
        with self._changed:
            found = [number for number in numbers if number in self._replies]
            return [self._replies.pop(number) for number in found]

    def wait(self, numbers: Iterable[str], timeout: float | None) -> None:
        """Until all replies are there, or the time is up.

        Raises:
            errors.RunOver: the run has ended.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        wanted = set(numbers)
        with self._changed:
            while wanted & self._open:
                if self._signal.triggered:
                    raise errors.RunOver(str(self._signal.value))
                left = None if ends is None else ends - time.monotonic()
                if left is not None and left <= 0:
                    return
                self._changed.wait(left)

    def _broadcast(self, kind: str, group: dict[str, Message]) -> None:
        """One task to several nodes. What they have in common is written once."""
        held: records.Held = {}
        first = next(iter(group.values()))
        task = Task(kind, Shareable(), timeout=first.metadata.ttl)
        number = records.round_of(first)
        if number is not None:
            task.data.set_header(AppConstants.CURRENT_ROUND, number)

        def address(client_task: ClientTask, **_: object) -> None:
            site = client_task.client.name
            records.put(task.data, group[site], held)
            task.data[SETTING] = self._settings[site]

        def keep(client_task: ClientTask, **_: object) -> None:
            message = group[client_task.client.name]
            self._keep(message, _reply(message, client_task))
            client_task.result = None

        def end(**_: object) -> None:
            for message in group.values():
                self._keep(message, _failure(message, "there was no reply in time", gone=True))

        task.before_task_sent_cb = address
        task.result_received_cb = keep
        task.task_done_cb = end
        targets = [Client(site) for site in group]
        self._controller.broadcast(task, self._ctx, targets, min_responses=0)

    def _keep(self, message: Message, reply: Message) -> None:
        number = message.metadata.message_id
        with self._changed:
            if number in self._open:
                self._replies[number] = reply
                self._open.discard(number)
                self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _reply(message: Message, answered: ClientTask) -> Message:
    """What the app gets: a site that is lost answers with an error, as Flower's nodes do."""
    why = answered.props.get(WHY)
    if why is not None:
        return _failure(message, why.text, gone=why.kind in GONE)
    try:
        return records.to_message(answered.result or {})
    except ValueError as fault:
        return _failure(message, str(fault), gone=False)


def _failure(message: Message, reason: str, *, gone: bool) -> Message:
    from flwr.common.constant import ErrorCode

    code = ErrorCode.NODE_UNAVAILABLE if gone else ErrorCode.CLIENT_APP_RAISED_EXCEPTION
    return records.failure(message, code, reason)
