"""Flower's `Grid` over the tasks of a controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ame.federation.flower.apps.messages import Messages


class TaskGrid(Grid):
    """By which a ServerApp reaches our sites."""

    def __init__(self, messages: Messages, run: int) -> None:
        self._messages = messages
        self._run = Run.create_empty(run)

    def set_run(self, run: Run) -> None:
        """Says which run it is."""
        self._run = run

    @property
    def run(self) -> Run:
        """Which run it is."""
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """A message; `Message(…)` makes the same."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """All sites."""
        return list(self._messages.nodes)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Sends them."""
        return self._messages.send(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """The replies that are there."""
        return self._messages.replies(message_ids)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """Sends them and waits for the replies, which come in the order of the messages."""
        numbers = self._messages.send(messages)
        self._messages.wait(numbers, timeout)
        return self._messages.replies(numbers)
