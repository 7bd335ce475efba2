"""Flower's HTTP APIs: a run is begun, its tasks are taken, its messages go to and fro."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.flower.deployment.control import Control

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flwr.app import Message, RecordDict

    from ame.federation.flower.links import Link

SERVER_NODE = 1
_BEAT = 10.0
"""Seconds between two signs of life; after 60 without one Flower ends a run."""
_LOOK = 0.1
_PATIENCE = 60.0


class Run:
    """A run of a SuperLink, led from here: this process is its ServerApp.

    The SuperLink must leave ServerApps to others (`--isolation process`).
    """

    def __init__(self, link: Link, token: str) -> None:
        """Takes the task of leading it."""
        from flwr.common.serde import run_from_proto
        from flwr.proto.runtime_pb2 import PullTaskInputRequest
        from flwr.supercore.interceptors import RuntimeTokenHttpInterceptor
        from flwr.supercore.runtime import RuntimeHttpClient
        from flwr.superlink.grid import HttpGrid

        self._link = link
        self._client = link.client(
            RuntimeHttpClient, RuntimeTokenHttpInterceptor(token=token), component="flwr-serverapp"
        )
        told = self._client.PullTaskInput(PullTaskInputRequest())
        self.number = told.run.run_id
        self._grid = HttpGrid(link.address, link.insecure, link.certificates(), token=token)
        self._grid.set_run(run_from_proto(told.run))
        self.over = threading.Event()
        """Set when the SuperLink has ended the run, or it was closed."""
        self._heart = threading.Thread(target=self._beat, name="flower heartbeat", daemon=True)
        self._heart.start()

    @classmethod
    def begin(cls, link: Link, bundle: bytes) -> Run:
        """Begins a run of this bundle.

        Raises:
            errors.FlowerUnreachable: the SuperLink does not answer.
            errors.FlowerRefused: it takes no run, or leads its runs itself.
        """
        import httpx

        with Control(link) as control:
            begun = control.start(bundle, {})
        queue = Queue(link)
        ends = time.monotonic() + _PATIENCE
        try:
            while (taken := queue.take("flwr-serverapp")) is None:
                if time.monotonic() > ends:
                    raise errors.FlowerRefused(
                        link.address,
                        "leads its runs itself; start it with `--isolation process`",
                    )
                time.sleep(_LOOK)
        except httpx.HTTPStatusError as error:
            raise errors.FlowerRefused(
                link.address, f"does not let its run be led: {error.response.text or error}"
            ) from error
        except httpx.TransportError as error:
            raise errors.FlowerUnreachable(
                "the SuperLink", link.address, str(error),
                "check the address, and its certificates",
            ) from error  # fmt: skip
        finally:
            queue.close()
        run, token = taken
        if run != begun:
            raise errors.FlowerRefused(
                link.address, "has other runs that wait to be led; end them with `flwr stop`"
            )
        return cls(link, token)

    def nodes(self) -> list[int]:
        """The SuperNodes that are there."""
        return list(self._grid.get_node_ids())

    def send(self, frames: Sequence[tuple[int, RecordDict]]) -> list[str | None]:
        """Sends each to its node; their numbers, None of one that could not be sent."""
        from flwr.app import Metadata
        from flwr.app.constants import DEFAULT_TTL
        from flwr.app.message import make_message

        messages = [
            make_message(
                Metadata(
                    run_id=self.number,
                    message_id="",
                    src_node_id=SERVER_NODE,
                    dst_node_id=node,
                    reply_to_message_id="",
                    group_id="",
                    created_at=time.time(),
                    ttl=DEFAULT_TTL,
                    message_type="query",
                ),
                content=content,
            )
            for node, content in frames
        ]
        return list(self._grid.push_messages(messages)) if messages else []

    def replies(self, numbers: Iterable[str]) -> list[Message]:
        """Those that are there."""
        wanted = list(numbers)
        return list(self._grid.pull_messages(wanted)) if wanted else []

    def end(self, why: str = "") -> None:
        """Ends it: well, or because of an error. Again has no further effect."""
        if self.over.is_set():
            return
        self.over.set()
        import httpx
        from flwr.common.constant import SubStatus
        from flwr.proto.runtime_pb2 import PushTaskOutputRequest

        state = SubStatus.FAILED if why else SubStatus.COMPLETED
        with contextlib.suppress(httpx.HTTPError):  # it is gone, and the run with it
            self._client.PushTaskOutput(PushTaskOutputRequest(sub_status=state, details=why))
        self._heart.join()
        self._grid.close()
        self._client.close()

    def _beat(self) -> None:
        import httpx
        from flwr.proto.runtime_pb2 import SendTaskHeartbeatRequest

        while not self.over.wait(_BEAT):
            try:
                if not self._client.SendTaskHeartbeat(SendTaskHeartbeatRequest()).success:
                    self.over.set()
            except httpx.HTTPStatusError:
                self.over.set()
            except httpx.TransportError:
                continue


class Queue:
    """Tasks that wait at a SuperLink or a SuperNode for somebody who does them."""

    def __init__(self, link: Link, secret: bytes = b"") -> None:
        """`secret` is shown where the other side asks for one."""
        from flwr.supercore.interceptors import SuperExecAuthHttpInterceptor
        from flwr.supercore.runtime import RuntimeHttpClient

        shown = SuperExecAuthHttpInterceptor(
            master_secret=secret, protected_methods=["/flwr.proto.Runtime/AcquireTask"]
        )
        interceptors = [shown] if secret else []
        self._client = link.client(RuntimeHttpClient, *interceptors, component="SuperExec")

    def take(self, kind: str) -> tuple[int, str] | None:
        """The run that the next task of a kind is of, and the token for it; None if there is none.

        Raises:
            httpx.HTTPError: the other side is not there, or refuses.
        """
        from flwr.proto.runtime_pb2 import AcquireTaskRequest

        taken = self._client.AcquireTask(AcquireTaskRequest(supported_task_types=[kind]))
        return (taken.task.run_id, taken.token) if taken.token else None

    def close(self) -> None:
        """Takes no more."""
        self._client.close()


class Node:
    """A SuperNode whose tasks are done by this process.

    It must leave ClientApps to others (`--isolation process`).
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._queue = Queue(link)

    def take(self) -> Task | None:
        """The next task, if there is one.

        Raises:
            httpx.TransportError: the SuperNode is not there.
        """
        taken = self._queue.take("flwr-clientapp")
        return None if taken is None else Task(self._link, taken[1])


class Task:
    """One message for a node, to be answered."""

    def __init__(self, link: Link, token: str) -> None:
        from flwr.supercore.interceptors import RuntimeTokenHttpInterceptor
        from flwr.supercore.runtime import RuntimeHttpClient
        from flwr.supernode.runtime.run_clientapp import pull_task_input

        self._client = link.client(
            RuntimeHttpClient, RuntimeTokenHttpInterceptor(token=token), component="flwr-clientapp"
        )
        self._message, self._context, self.run, self._fab = pull_task_input(self._client)

    @property
    def content(self) -> RecordDict:
        """What it says."""
        return self._message.content

    @property
    def number(self) -> int:
        """Of its run."""
        number: int = self.run.run_id
        return number

    @property
    def bundle(self) -> bytes:
        """What the run is about."""
        content: bytes = self._fab.content
        return content

    @property
    def node_config(self) -> dict[str, Any]:
        """How the node was configured."""
        return dict(self._context.node_config)

    @property
    def node(self) -> int:
        """The node's number."""
        number: int = self._context.node_id
        return number

    def answer(self, content: RecordDict) -> None:
        """Answers, and is done."""
        from flwr.app import Message
        from flwr.common.constant import SubStatus
        from flwr.supernode.runtime.run_clientapp import push_message, push_task_output

        push_message(self._client, Message(content, reply_to=self._message), self._context)
        push_task_output(self._client, self._context, SubStatus.COMPLETED, "")
        self._client.close()

    def fail(self, why: str) -> None:
        """Answers with an error, and is done."""
        from flwr.app import Error, Message
        from flwr.common.constant import ErrorCode, SubStatus
        from flwr.supernode.runtime.run_clientapp import push_message, push_task_output

        error = Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, why)
        push_message(self._client, Message(error, reply_to=self._message), self._context)
        push_task_output(self._client, self._context, SubStatus.FAILED, why)
        self._client.close()
