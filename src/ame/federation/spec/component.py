"""`FLComponent`: what every part of a job is, so that it can log, fire events and hear them."""

import logging
from collections.abc import Callable
from functools import cached_property
from typing import Any

from ame.federation.calls import Recording
from ame.federation.spec.context import FLContext
from ame.federation.spec.names.events import EventType
from ame.federation.spec.names.keys import (
    EventScope,
    FedEventHeader,
    FLContextKey,
    LogMessageTag,
)
from ame.federation.spec.shareable import Shareable

Heard = Callable[..., Any]

REGISTERED = [0]
"""How often a component asked for events: by it, what is known of who hears what goes stale."""


class FLComponent(metaclass=Recording):
    """A part of a job. A subclass that forgets `super().__init__()` works all the same."""

    _name: str = "FLComponent"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._name = cls.__name__

    def __init__(self) -> None:
        pass

    @property
    def name(self) -> str:
        """The name of its class."""
        return self._name

    @cached_property
    def logger(self) -> logging.Logger:
        """The log of its class; of a class of the job's own, with what it says at INFO."""
        module = type(self).__module__
        logger = logging.getLogger(f"{module}.{type(self).__qualname__}")
        return logger if module.startswith("ame.") else informing(logger)

    @cached_property
    def _event_handlers(self) -> dict[str, list[tuple[Heard, dict[str, Any]]]]:
        return {}

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Hear every event of the site; a subclass says what follows."""

    def register_event_handler(
        self, event_types: str | list[str], handler: Heard, **kwargs: Any
    ) -> None:
        """Hear these events: `handler(event_type, fl_ctx, **kwargs)`.

        Raises:
            ValueError: `event_types` is neither a name nor a list of names, or `handler` is no
                function.
        """
        if isinstance(event_types, str):
            event_types = [event_types]
        elif not isinstance(event_types, list):
            message = f"event_types must be a str or a list, not {type(event_types).__name__}"
            raise ValueError(message)  # noqa: TRY004 (as FLARE's callers expect)
        if not callable(handler):
            message = f"the handler of {', '.join(event_types)} is no function: {handler!r}"
            raise ValueError(message)  # noqa: TRY004 (the same)
        REGISTERED[0] += 1
        for event in event_types:
            heard = self._event_handlers.setdefault(event, [])
            if all(there != handler for there, _ in heard):
                heard.append((handler, kwargs))

    def get_event_handlers(self) -> dict[str, list[tuple[Heard, dict[str, Any]]]]:
        """What `register_event_handler` was given, by event."""
        return self._event_handlers

    def fire_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Let all components of this site hear an event. Returns when all have.

        Raises:
            TypeError, ValueError: `event_type` is no name, or `fl_ctx` no context.
        """
        if not isinstance(event_type, str):
            message = f"an event is named by a str, not {type(event_type).__name__}"
            raise TypeError(message)
        if not event_type:
            raise ValueError("an event needs a name")
        self._fire(event_type, fl_ctx, EventScope.LOCAL)

    def fire_event_with_data(self, event_type: str, fl_ctx: FLContext, key: str, data: Any) -> None:
        """The same, with `data` in the context under `key` while the event is heard."""
        fl_ctx.set_prop(key, data, private=True, sticky=False)
        try:
            self.fire_event(event_type, fl_ctx)
        finally:
            fl_ctx.set_prop(key, None, private=True, sticky=False)

    def fire_fed_event(
        self,
        event_type: str,
        event_data: Shareable,
        fl_ctx: FLContext,
        targets: list[str] | None = None,
    ) -> None:
        """Let the other side hear an event too: of a site, the server; of the server, `targets`.

        Raises:
            TypeError: `event_data` is no Shareable, or `fl_ctx` no context.
        """
        if not isinstance(event_data, Shareable):
            message = f"an event's data must be a Shareable, not {type(event_data).__name__}"
            raise TypeError(message)
        event_data.set_header(FedEventHeader.TARGETS, targets)
        if isinstance(fl_ctx, FLContext):
            fl_ctx.set_prop(FLContextKey.EVENT_DATA, event_data, private=True, sticky=False)
        self._fire(event_type, fl_ctx, EventScope.FEDERATION)

    def _fire(self, event_type: str, fl_ctx: FLContext, scope: str) -> None:
        if not isinstance(fl_ctx, FLContext):
            message = f"an event is fired in an FLContext, not in a {type(fl_ctx).__name__}"
            raise TypeError(message)
        engine = fl_ctx.get_engine()
        if engine is None:
            self.logger.error(
                "event `%s` of %s is heard by nobody: its context is of no run",
                event_type,
                self.name,
            )
            return
        fl_ctx.put(FLContextKey.EVENT_SCOPE, scope, private=True, sticky=False)
        fl_ctx.put(FLContextKey.EVENT_ORIGIN, self.name, private=True, sticky=False)
        engine.fire_event(event_type, fl_ctx)

    def system_panic(self, reason: str, fl_ctx: FLContext) -> None:
        """End the run, and say why."""
        fl_ctx.set_prop(FLContextKey.EVENT_DATA, reason, private=True, sticky=False)
        self.fire_event(EventType.FATAL_SYSTEM_ERROR, fl_ctx)

    def log_debug(self, fl_ctx: FLContext | None, msg: str, fire_event: bool = False) -> None:
        """Log, with the context before it, and fire a log event if asked."""
        _log(self, logging.DEBUG, fl_ctx, msg)
        if fire_event:
            _fire_log(self, EventType.DEBUG_LOG_AVAILABLE, LogMessageTag.DEBUG, msg, fl_ctx)

    def log_info(self, fl_ctx: FLContext | None, msg: str, fire_event: bool = False) -> None:
        """Log, with the context before it, and fire a log event if asked."""
        _log(self, logging.INFO, fl_ctx, msg)
        if fire_event:
            _fire_log(self, EventType.INFO_LOG_AVAILABLE, LogMessageTag.INFO, msg, fl_ctx)

    def log_warning(self, fl_ctx: FLContext | None, msg: str, fire_event: bool = True) -> None:
        """Log, with the context before it, and fire a log event."""
        _log(self, logging.WARNING, fl_ctx, msg)
        if fire_event:
            _fire_log(self, EventType.WARNING_LOG_AVAILABLE, LogMessageTag.WARNING, msg, fl_ctx)

    def log_error(self, fl_ctx: FLContext | None, msg: str, fire_event: bool = True) -> None:
        """Log, with the context before it, and fire a log event."""
        _log(self, logging.ERROR, fl_ctx, msg)
        if fire_event:
            _fire_log(self, EventType.ERROR_LOG_AVAILABLE, LogMessageTag.ERROR, msg, fl_ctx)

    def log_critical(self, fl_ctx: FLContext | None, msg: str, fire_event: bool = True) -> None:
        """Log, with the context before it, and fire a log event."""
        _log(self, logging.CRITICAL, fl_ctx, msg)
        if fire_event:
            _fire_log(self, EventType.CRITICAL_LOG_AVAILABLE, LogMessageTag.CRITICAL, msg, fl_ctx)

    def log_exception(self, fl_ctx: FLContext | None, msg: str, fire_event: bool = False) -> None:
        """Log the error that is being caught, with its traceback."""
        _log(self, logging.ERROR, fl_ctx, msg, exc_info=True)
        if fire_event:
            import traceback

            text = f"{msg}\n{traceback.format_exc()}"
            _fire_log(
                self, EventType.EXCEPTION_LOG_AVAILABLE, LogMessageTag.EXCEPTION, text, fl_ctx
            )

    def get_persist_state(self, fl_ctx: FLContext) -> dict[str, Any]:
        """What `restore` needs to continue a run; plain data."""
        return {}

    def restore(self, state_data: dict[str, Any], fl_ctx: FLContext) -> None:
        """Continue from what `get_persist_state` gave."""


class Widget(FLComponent):
    """A part that hears events and does no task: a selector, a receiver, a recorder."""


def informing(logger: logging.Logger) -> logging.Logger:
    """The same, with what it says at INFO, unless `logging` was told another level than its own."""
    if logger.getEffectiveLevel() == logging.WARNING:
        logger.setLevel(logging.INFO)
    return logger


def _log(
    part: FLComponent, level: int, fl_ctx: FLContext | None, msg: str, *, exc_info: bool = False
) -> None:
    if part.logger.isEnabledFor(level):
        part.logger.log(level, "%s%s", _place(fl_ctx), msg, exc_info=exc_info)


def _fire_log(part: FLComponent, event: str, tag: str, msg: str, fl_ctx: FLContext | None) -> None:
    engine = fl_ctx.get_engine() if fl_ctx is not None else None
    if fl_ctx is None or engine is None or not engine.heard(event):
        return
    from ame.federation.spec.analytics import AnalyticsData, AnalyticsDataType

    data = AnalyticsData(tag, _place(fl_ctx) + msg, AnalyticsDataType.TEXT)
    there = fl_ctx.get_prop(FLContextKey.EVENT_DATA)
    part.fire_event_with_data(event, fl_ctx, FLContextKey.EVENT_DATA, data.to_dxo().to_shareable())
    fl_ctx.set_prop(FLContextKey.EVENT_DATA, there, private=True, sticky=False)


def _place(fl_ctx: FLContext | None) -> str:
    """Who says it, of which task, before a line of the log."""
    if fl_ctx is None:
        return ""
    peer = fl_ctx.get_peer_context()
    known = (
        fl_ctx.get_identity_name(),
        fl_ctx.get_prop(FLContextKey.WORKFLOW),
        peer.get_identity_name() if peer is not None else None,
        fl_ctx.get_prop(FLContextKey.TASK_NAME),
    )
    named = [
        f"{what}={value}"
        for what, value in zip(("identity", "wf", "peer", "task_name"), known, strict=True)
        if value
    ]
    return f"[{', '.join(named)}]: " if named else ""
