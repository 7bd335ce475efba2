"""`Task`: what a controller has its sites do; and `Signal`, by which it is told to stop."""

import itertools
import time
from collections.abc import Callable
from enum import Enum
from threading import RLock
from typing import Any, Optional

from ame.federation.spec.shareable import ReservedHeaderKey, Shareable


class Signal:
    """Something that happens once: that a run, or a task of it, is to end."""

    __slots__ = ("_listeners", "_parent", "_triggered", "trigger_time", "value")

    def __init__(self, parent: Optional["Signal"] = None) -> None:
        """One with a parent is triggered with it."""
        self._parent = parent
        self._triggered = False
        self._listeners: list[Callable[[], None]] = []
        self.value: Any = None
        self.trigger_time: float | None = None

    def trigger(self, value: Any) -> None:
        """Let it happen, and say why."""
        self.value = value
        self.trigger_time = time.time()
        self._triggered = True
        for listener in self._listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Have it called, by whoever triggers this."""
        self._listeners.append(listener)

    def reset(self, value: Any = None) -> None:
        """Let it not have happened."""
        self.value = value
        self.trigger_time = None
        self._triggered = False

    @property
    def triggered(self) -> bool:
        """Whether it happened."""
        return self._triggered or (self._parent is not None and self._parent.triggered)


class TaskCompletionStatus(Enum):
    """How a task ended."""

    OK = "ok"
    TIMEOUT = "timeout"
    ERROR = "error"
    CANCELLED = "cancelled"
    ABORTED = "aborted"
    IGNORED = "ignored"
    CLIENT_DEAD = "client_dead"


class SendOrder(Enum):
    """Which of its targets a task is sent to: whichever asks, or one after another."""

    ANY = "any"
    SEQUENTIAL = "sequential"


class OperatorMethod:
    """How a task is given out."""

    BROADCAST = "bcast"
    RELAY = "relay"


class TaskOperatorKey:
    """What a task's operator says."""

    OP_ID = "op_id"
    METHOD = "method"
    NUM_ROUNDS = "num_rounds"
    TARGETS = "targets"
    DATA_FILTERS = "data_filters"
    RESULT_FILTERS = "result_filters"
    AGGREGATOR = "aggregator"
    SHAREABLE_GENERATOR = "shareable_gen"
    PERSISTOR = "persistor"
    TIMEOUT = "timeout"
    TASK_ASSIGNMENT_TIMEOUT = "task_assign_timeout"
    MIN_TARGETS = "min_targets"
    WAIT_TIME_AFTER_MIN_RESPS = "wait_time_after_min_received"


class Client:
    """A site, as the server knows it."""

    def __init__(self, name: str, token: str = "") -> None:
        self.name = name
        self.token = token
        self.last_connect_time = time.time()
        self.props: dict[str, Any] = {}

    def get_token(self) -> str:
        """What the site is known by to the transport."""
        return self.token

    def set_token(self, token: str) -> None:
        """The same, to set it."""
        self.token = token

    def set_prop(self, name: str, value: Any) -> None:
        """Note something of the site."""
        self.props[name] = value

    def get_prop(self, name: str, default: Any = None) -> Any:
        """What was noted."""
        return self.props.get(name, default)

    def get_fqcn(self) -> str:
        """Its name."""
        return self.name

    get_fqsn = get_fqcn

    def __repr__(self) -> str:
        return f"Client({self.name})"


Deed = Callable[..., Any]
_NUMBERS = itertools.count(1)
_DEEDS = ("before_task_sent_cb", "after_task_sent_cb", "result_received_cb", "task_done_cb")


class Task:
    """A name, data, and what is to happen when it is sent, answered and done."""

    def __init__(
        self,
        name: str,
        data: Shareable,
        props: dict[str, Any] | None = None,
        timeout: float = 0,
        before_task_sent_cb: Deed | None = None,
        after_task_sent_cb: Deed | None = None,
        result_received_cb: Deed | None = None,
        task_done_cb: Deed | None = None,
        operator: dict[str, Any] | None = None,
        secure: bool = False,
    ) -> None:
        """The first three deeds are called with `(client_task, fl_ctx)`, the last `(task, fl_ctx)`.

        `timeout`: seconds for all sites together; 0 is as long as they need.

        Raises:
            TypeError: an argument is of another type than it must be.
            ValueError: `timeout` is negative.
        """
        for what, value, kind in (
            ("name", name, str),
            ("data", data, Shareable),
            ("props", {} if props is None else props, dict),
            ("operator", operator or {}, dict),
        ):
            if not isinstance(value, kind):
                message = f"{what} of a task must be a {kind.__name__}, not {type(value).__name__}"
                raise TypeError(message)
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            message = f"timeout of task `{name}` must be a number, not {type(timeout).__name__}"
            raise TypeError(message)
        if timeout < 0:
            message = f"timeout of task `{name}` must be 0 or more, not {timeout}"
            raise ValueError(message)
        deeds = (before_task_sent_cb, after_task_sent_cb, result_received_cb, task_done_cb)
        for what, deed in zip(_DEEDS, deeds, strict=True):
            if deed is not None and not callable(deed):
                message = f"{what} of task `{name}` is no function: {deed!r}"
                raise TypeError(message)
        data.set_header(ReservedHeaderKey.TASK_NAME, name)
        self.name = name
        self.data = data
        self.props: dict[str, Any] = {} if props is None else props
        self.timeout = timeout
        self.before_task_sent_cb = before_task_sent_cb
        self.after_task_sent_cb = after_task_sent_cb
        self.result_received_cb = result_received_cb
        self.task_done_cb = task_done_cb
        self.operator = operator
        self.secure = secure
        self.cb_lock = RLock()
        self.targets: list[str] | None = None
        self.client_tasks: list[ClientTask] = []
        self.last_client_task_map: dict[str, ClientTask] = {}
        self.completion_status: TaskCompletionStatus | None = None
        self.is_standing = False
        self.schedule_time: float | None = None
        self.create_time = time.time()
        self.exception: BaseException | None = None

    def set_prop(self, key: str, value: Any) -> None:
        """Note something of the task.

        Raises:
            ValueError: `key` begins with two underscores: these are the run's own.
        """
        if key.startswith("__"):
            message = f"`{key}`: names that begin with `__` are the run's own: take another"
            raise ValueError(message)
        self.props[key] = value

    def get_prop(self, key: str) -> Any:
        """What was noted."""
        return self.props.get(key)

    def __repr__(self) -> str:
        return f"Task({self.name})"


class ClientTask:
    """One site's share of a task."""

    __slots__ = (
        "client",
        "id",
        "props",
        "result",
        "result_received_time",
        "task",
        "task_send_count",
        "task_sent_time",
    )

    def __init__(self, client: Client, task: Task) -> None:
        self.client = client
        self.task = task
        self.id = f"{next(_NUMBERS):08x}"
        self.task_send_count = 0
        self.task_sent_time: float | None = None
        self.result_received_time: float | None = None
        self.result: Shareable | None = None
        self.props: dict[str, Any] = {}
