"""What contexts give of their run, on the server and on a site: components, events, messages."""

import itertools
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from ame import errors
from ame.federation.exchange.sites import Message, Post
from ame.federation.run.chains import Blamed
from ame.federation.run.workspace import Workspace
from ame.federation.spec.analytics import AnalyticsData
from ame.federation.spec.component import REGISTERED, FLComponent
from ame.federation.spec.context import FLContext, FLContextManager, Prop
from ame.federation.spec.names.events import EventType
from ame.federation.spec.names.keys import (
    EventScope,
    FedEventHeader,
    FLContextKey,
    ReservedKey,
)
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply
from ame.federation.spec.task import Client, Signal

SERVER = "server"
FED_EVENT = "fed.event"

Heard = Callable[[str, Shareable, FLContext], Shareable | None]
Build = Callable[[dict[str, Any]], Any]


class Engine:
    """One side of a run."""

    def __init__(
        self,
        *,
        name: str,
        job: str,
        root: Path | str,
        process: str,
        components: Mapping[str, Any],
        parts: Iterable[object] = (),
        sites: Sequence[str] = (),
        params: Mapping[str, Any] | None = None,
        build: Build | None = None,
    ) -> None:
        """`parts` hear events too, though they are no components: controllers, executors, filters.

        `build` makes an object of `{"path": …, "args": …}`.
        """
        self.name = name
        self.job = job
        self.params = dict(params or {})
        self.signal = Signal()
        self.workspace = Workspace(str(root), name)
        self._components = dict(components)
        self._parts = [
            part
            for part in dict.fromkeys([*components.values(), *parts])
            if isinstance(part, FLComponent)
        ]
        self._hears = {id(part): _hears(part) for part in self._parts}
        self._heard: frozenset[str] | None = frozenset()
        """The events that some part hears; None if one hears all."""
        self._heard_at = -1
        self._build = build
        self._aux: dict[str, Heard] = {}
        self._numbers = itertools.count(1)
        self._sites = tuple(sites)
        self._job_prop = Prop(job, private=False, sticky=False)
        self.post: Post | None = None
        self.manager = FLContextManager(engine=self, identity_name=name, job_id=job)
        self.manager.stickers = {
            **_known_to_all(job, process),
            FLContextKey.RUN_ABORT_SIGNAL: _private(self.signal),
            FLContextKey.WORKSPACE_ROOT: _private(self.workspace.root_dir),
            FLContextKey.WORKSPACE_OBJECT: _private(self.workspace),
            FLContextKey.APP_ROOT: _private(self.workspace.get_app_dir(job)),
        }

    def new_context(self) -> FLContext:
        """A context of this run."""
        return self.manager.new_context()

    def context_with(self, peer: str, props: Mapping[str, Any] | None = None) -> FLContext:
        """A context of this run, with that of a peer in it."""
        ctx = self.manager.new_context()
        theirs = FLContext()
        known = theirs.props
        known[ReservedKey.RUN_NUM] = self._job_prop
        for key, value in (props or {}).items():
            known[key] = Prop(value, private=False, sticky=False)
        if ReservedKey.IDENTITY_NAME not in known:
            known[ReservedKey.IDENTITY_NAME] = Prop(peer, private=False, sticky=False)
        ctx.props[ReservedKey.PEER_CTX] = Prop(theirs, private=True, sticky=False)
        return ctx

    def get_workspace(self) -> Workspace:
        """Where this side keeps its files."""
        return self.workspace

    def get_component(self, component_id: str) -> Any:
        """A component, or None."""
        return self._components.get(component_id)

    def get_all_components(self) -> dict[str, Any]:
        """All of them, by id."""
        return dict(self._components)

    def add_component(self, component_id: str, component: Any) -> None:
        """One more, which hears events from now on.

        Raises:
            errors.IdTaken: there is one of that id.
        """
        if component_id in self._components:
            raise errors.IdTaken(component_id)
        self._components[component_id] = component
        self.add_part(component)

    def add_part(self, part: object) -> None:
        """Let it hear events."""
        if isinstance(part, FLComponent) and id(part) not in self._hears:
            self._parts.append(part)
            self._hears[id(part)] = _hears(part)
            self._heard_at = -1

    def build_component(self, config_dict: dict[str, Any]) -> Any:
        """An object of a class of the job, as configured.

        Raises:
            errors.ComponentUnknown: nothing here can build it.
        """
        if not config_dict:
            return None
        if self._build is None:
            raise errors.ComponentUnknown(str(config_dict.get("path")), ())
        return self._build(config_dict)

    @cached_property
    def _clients(self) -> dict[str, Client]:
        return {site: Client(site, site) for site in self._sites}

    def get_clients(self) -> list[Client]:
        """All sites, in the job's order."""
        return list(self._clients.values())

    def get_client_from_name(self, client_name: str) -> Client | None:
        """One of them, or None."""
        return self._clients.get(client_name)

    def validate_targets(
        self, target_names: Sequence[str] | None
    ) -> tuple[list[Client], list[str]]:
        """The sites of these names, and the names of which there is none."""
        names = list(self._clients) if target_names is None else list(target_names)
        found = [self._clients[name] for name in names if name in self._clients]
        return found, [name for name in names if name not in self._clients]

    def fire_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Let all parts hear it, in their order.

        Raises:
            errors.ComponentFailed: one of them raised an error.
        """
        if event_type == EventType.FATAL_SYSTEM_ERROR:
            self.panic(fl_ctx)
        props = fl_ctx.props
        scope = props.get(FLContextKey.EVENT_SCOPE)
        if scope is not None and scope.value == EventScope.FEDERATION:
            self._spread(event_type, fl_ctx)
        kept = None
        for part in self._parts:
            table = part.__dict__.get("_event_handlers")
            if not table and not self._hears[id(part)]:
                continue
            if kept is None:
                kept = {key: props[key] for key in _ABOUT if key in props}
            else:
                props.update(kept)
            _let_hear(part, table, event_type, fl_ctx)

    def recorded(self, data: AnalyticsData) -> None:
        """Keep what a part of this side tells with the run; its receivers hear it besides."""

    def heard(self, event_type: str) -> bool:
        """Whether any part would hear an event of this name."""
        if self._heard_at != REGISTERED[0]:
            self._heard_at = REGISTERED[0]
            self._heard = None if True in self._hears.values() else self._asked_for()
        return self._heard is None or event_type in self._heard

    def _asked_for(self) -> frozenset[str]:
        """The events that parts have asked for by name."""
        tables = [part.__dict__.get("_event_handlers", ()) for part in self._parts]
        return frozenset(itertools.chain.from_iterable(tables)) if any(tables) else _NOTHING

    def fire(self, event_type: str, fl_ctx: FLContext) -> None:
        """Fire an event of the run itself, if anybody hears it."""
        if self._parts and self.heard(event_type):
            fl_ctx.put(FLContextKey.EVENT_SCOPE, EventScope.LOCAL, private=True, sticky=False)
            fl_ctx.put(FLContextKey.EVENT_ORIGIN, self.name, private=True, sticky=False)
            self.fire_event(event_type, fl_ctx)

    def panic(self, fl_ctx: FLContext) -> None:
        """A part says that the run cannot go on."""
        origin = str(fl_ctx.get_prop(FLContextKey.EVENT_ORIGIN, "?"))
        reason = fl_ctx.get_prop(FLContextKey.EVENT_DATA)
        self.fail(errors.JobPanicked(component=origin, reason=str(reason), side=self.name))

    def fail(self, error: errors.Error) -> None:
        """End the run; why is told to whoever leads it. What failed first counts."""
        if not self.signal.triggered:
            self.signal.trigger(error)

    def register_aux_message_handler(self, topic: str, message_handle_func: Heard) -> None:
        """Let messages of a topic be heard: `heard(topic, request, fl_ctx)` returns the answer.

        Raises:
            ValueError: the topic has another function already.
        """
        there = self._aux.setdefault(topic, message_handle_func)
        if there != message_handle_func:
            message = f"messages of topic `{topic}` are heard by {there!r} already"
            raise ValueError(message)

    def send_aux_request(
        self,
        targets: Sequence[str | Client] | str | None,
        topic: str,
        request: Shareable,
        timeout: float,
        fl_ctx: FLContext,
        optional: bool = False,
        secure: bool = False,
    ) -> dict[str, Shareable]:
        """Ask, and wait for the answers, which come by site; who gave none answers `TIMEOUT`.

        No target is every site for the server, and the server for a site. A timeout of 0 waits
        for no answers.
        """
        names = self._targets(targets)
        return self.multicast_aux_requests(
            topic, dict.fromkeys(names, request), timeout, fl_ctx, optional, secure
        )

    def multicast_aux_requests(
        self,
        topic: str,
        target_requests: Mapping[str, Shareable],
        timeout: float,
        fl_ctx: FLContext,
        optional: bool = False,
        secure: bool = False,
    ) -> dict[str, Shareable]:
        """Ask each site something of its own."""
        if self.post is None:
            raise errors.RunOver("messages go nowhere before the run begins")
        messages = [
            Message(
                sender=self.name,
                target=target,
                topic=topic,
                data=request,
                number=next(self._numbers) if timeout > 0 else 0,
            )
            for target, request in target_requests.items()
        ]
        if timeout <= 0:
            for message in messages:
                self.post.tell(message)
            return {}
        answers = self.post.ask(messages, timeout)
        return {
            each.target: answers.get(each.target) or make_reply(ReturnCode.TIMEOUT)
            for each in messages
        }

    def fire_and_forget_aux_request(
        self,
        targets: Sequence[str | Client] | str | None = None,
        topic: str = "",
        request: Shareable | None = None,
        fl_ctx: FLContext | None = None,
        optional: bool = False,
        secure: bool = False,
    ) -> dict[str, Shareable]:
        """Tell, and wait for no answer."""
        return self.send_aux_request(
            targets, topic, request or Shareable(), 0.0, fl_ctx or self.new_context()
        )

    def hear(self, message: Message) -> Message | None:
        """Hear a message of the other side, and return the answer if one is wanted.

        Raises:
            errors.ComponentFailed: what hears it raised an error.
        """
        ctx = self.context_with(message.sender, message.data.get_peer_props())
        if message.topic == FED_EVENT:
            self._hear_event(message.data, message.sender, ctx)
            answer: Shareable | None = None
        else:
            answer = self._answer(message, ctx)
        if not message.number:
            return None
        return Message(
            sender=self.name,
            target=message.sender,
            topic=message.topic,
            data=answer if answer is not None else make_reply(ReturnCode.OK),
            number=message.number,
            answer=True,
        )

    def _answer(self, message: Message, ctx: FLContext) -> Shareable | None:
        heard = self._aux.get(message.topic)
        if heard is None:
            return make_reply(ReturnCode.TOPIC_UNKNOWN)
        message.data.set_peer_props({ReservedKey.IDENTITY_NAME: message.sender})
        with Blamed(getattr(heard, "__self__", heard), f"hearing `{message.topic}`"):
            return heard(message.topic, message.data, ctx)

    def _targets(self, targets: Sequence[str | Client] | str | None) -> list[str]:
        if not targets:
            return list(self._clients) if self.name == SERVER else [SERVER]
        given = [targets] if isinstance(targets, str) else targets
        return [each.name if isinstance(each, Client) else each for each in given]

    def _spread(self, event_type: str, fl_ctx: FLContext) -> None:
        """Send an event of the federation to the other side, if it did not come from there."""
        data = fl_ctx.get_prop(FLContextKey.EVENT_DATA)
        if not isinstance(data, Shareable) or self.post is None:
            return
        if data.get_header(FedEventHeader.DIRECTION, "out") != "out":
            return
        data.set_header(FedEventHeader.EVENT_TYPE, event_type)
        data.set_header(FedEventHeader.ORIGIN, self.name)
        data.set_header(FedEventHeader.EVENT_ID, uuid.uuid4().hex)
        for target in self._targets(data.get_header(FedEventHeader.TARGETS)):
            self.post.tell(Message(sender=self.name, target=target, topic=FED_EVENT, data=data))

    def _hear_event(self, data: Shareable, sender: str, ctx: FLContext) -> None:
        mine = Shareable(data)
        mine["__headers__"] = {**data.get("__headers__", {}), FedEventHeader.DIRECTION: "in"}
        mine.set_peer_props({**(data.get_peer_props() or {}), ReservedKey.IDENTITY_NAME: sender})
        ctx.put(FLContextKey.EVENT_DATA, mine, private=True, sticky=False)
        ctx.put(FLContextKey.EVENT_SCOPE, EventScope.FEDERATION, private=True, sticky=False)
        origin = data.get_header(FedEventHeader.ORIGIN)
        ctx.put(FLContextKey.EVENT_ORIGIN, origin, private=True, sticky=False)
        self.fire_event(str(data.get_header(FedEventHeader.EVENT_TYPE)), ctx)


_ABOUT = (
    FLContextKey.EVENT_DATA,
    FLContextKey.EVENT_ORIGIN,
    FLContextKey.EVENT_SCOPE,
)
"""What a context says of the event that is being heard."""


_NOTHING: frozenset[str] = frozenset()


@lru_cache(maxsize=16)
def _known_to_all(job: str, process: str) -> dict[str, Prop]:
    """What contexts of every side say alike. It is made once, and not changed."""
    said = {
        FLContextKey.CURRENT_JOB_ID: job,
        FLContextKey.SECURE_MODE: False,
        FLContextKey.SIMULATE_MODE: True,
        FLContextKey.PROCESS_TYPE: process,
    }
    return {key: _private(value) for key, value in said.items()}


def _private(value: object) -> Prop:
    return Prop(value, private=True, sticky=True)


def _hears(part: FLComponent) -> bool:
    """Whether a part hears every event."""
    return type(part).handle_event is not FLComponent.handle_event


def _let_hear(
    part: FLComponent, table: Mapping[str, Any] | None, event: str, ctx: FLContext
) -> None:
    with Blamed(part, f"hearing event `{event}`"):
        own = table.get(event) if table else None
        if own:
            for heard, kwargs in list(own):
                heard(event, ctx, **kwargs)
        else:
            part.handle_event(event, ctx)
