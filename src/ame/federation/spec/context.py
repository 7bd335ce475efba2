"""`FLContext`: what is known while something is done, and what the peer is told of it.

A property is private or public: public ones go to the peer with a task or a result. It is sticky
or not: sticky ones are of the run, and all of its contexts see their latest value.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from ame.federation.spec.names.keys import ReservedKey

_log = logging.getLogger("ame.federation.FLContext")


class Prop(NamedTuple):
    """A value, and who sees it."""

    value: Any
    private: bool
    sticky: bool

    def seen(self) -> str:
        """Who sees it, in words."""
        return (
            f"{'private' if self.private else 'public'}, {'sticky' if self.sticky else 'its own'}"
        )


_IDENTITY = frozenset({ReservedKey.RUN_NUM, ReservedKey.IDENTITY_NAME})


class FLContext:
    """Properties, by name. Cheap to make: a run makes one for each thing that it does."""

    __slots__ = ("_manager", "model", "props")

    def __init__(self) -> None:
        self.model: Any = None
        self.props: dict[str, Prop] = {}
        self._manager: FLContextManager | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Nothing: sticky properties are of the run from when they are set."""

    def _found(self, key: str) -> Prop | None:
        prop = self.props.get(key)
        if (prop is None or prop.sticky) and self._manager is not None:
            return self._manager.stickers.get(key, prop)
        return prop

    def _all(self) -> Iterator[tuple[str, Prop]]:
        stickers = self._manager.stickers if self._manager is not None else {}
        for key in dict.fromkeys([*self.props, *stickers]):
            prop = self._found(key)
            if prop is not None:
                yield key, prop

    def get_prop_keys(self) -> list[str]:
        """The names of all."""
        return [key for key, _ in self._all()]

    def public_key_exists(self, key: str) -> bool:
        """Whether `key` is there, and public."""
        prop = self._found(key)
        return prop is not None and not prop.private

    def get_all_public_props(self) -> dict[str, Any]:
        """What a peer is told."""
        return {key: prop.value for key, prop in self._all() if not prop.private}

    def told(self) -> dict[str, Any]:
        """What a peer is told beside who this is: nothing, mostly."""
        stickers = self._manager.stickers if self._manager is not None else {}
        found = {
            key: stickers.get(key, prop).value if prop.sticky else prop.value
            for key, prop in self.props.items()
            if not prop.private and key not in _IDENTITY
        }
        for key, prop in stickers.items():
            if not prop.private and key not in self.props:
                found[key] = prop.value
        return found

    def set_prop(self, key: str, value: Any, private: bool = True, sticky: bool = True) -> bool:
        """Set a property; False, with a warning, if it is there and seen by others than asked."""
        if not isinstance(key, str):
            message = f"the name of a property must be a str, not {type(key).__name__}"
            raise ValueError(message)  # noqa: TRY004 (as FLARE's callers expect)
        there = self._found(key)
        if there is not None and (there.private != private or there.sticky != sticky):
            asked = Prop(value, private, sticky).seen()
            _log.warning(
                "property `%s` is %s: it stays so, and is not made %s; set nothing",
                key,
                there.seen(),
                asked,
            )
            return False
        self.put(key, value, private, sticky)
        return True

    def put(self, key: str, value: Any, private: bool, sticky: bool) -> None:
        """Set a property, whatever it was."""
        prop = Prop(value, private, sticky)
        self.props[key] = prop
        if sticky and self._manager is not None:
            self._manager.stickers[key] = prop

    def get_prop(self, key: str, default: Any = None) -> Any:
        """A property's value."""
        prop = self._found(key)
        return default if prop is None else prop.value

    def get_prop_detail(self, key: str) -> dict[str, Any] | None:
        """A property's value, with who sees it."""
        prop = self._found(key)
        return None if prop is None else prop._asdict()

    def remove_prop(self, key: str, force_removal: bool = False) -> None:
        """Forget a property here; one of the run's own only by force."""
        if force_removal or not key.startswith("__"):
            self.props.pop(key, None)

    def get_custom_prop(self, key: str, default: Any = None) -> Any:
        """A property that is of this context alone."""
        return (self.get_prop(ReservedKey.CUSTOM_PROPS) or {}).get(key, default)

    def set_custom_prop(self, key: str, value: Any) -> None:
        """Set a property that is of this context alone."""
        props = self.get_prop(ReservedKey.CUSTOM_PROPS)
        if props is None:
            props = {}
            self.put(ReservedKey.CUSTOM_PROPS, props, private=True, sticky=False)
        props[key] = value

    def get_engine(self, default: Any = None) -> Any:
        """What does the work: components, clients, messages."""
        return self.get_prop(ReservedKey.ENGINE, default)

    def get_workspace(self) -> Any:
        """Where the run keeps its files.

        Raises:
            RuntimeError: the context is of no run.
        """
        engine = self.get_engine()
        if engine is None:
            raise RuntimeError("this context is of no run: it has no engine")
        return engine.get_workspace()

    def get_process_type(self, default: Any = None) -> Any:
        """Which process this is."""
        return self.get_prop(ReservedKey.PROCESS_TYPE, default)

    def get_job_id(self, default: Any = None) -> Any:
        """Which run this is."""
        return self.get_prop(ReservedKey.RUN_NUM, default)

    def get_identity_name(self, default: Any = "") -> Any:
        """Which site this is."""
        return self.get_prop(ReservedKey.IDENTITY_NAME, default)

    def set_job_is_unsafe(self, value: bool = True) -> None:
        """Say that the job must not be run."""
        self.set_prop(ReservedKey.JOB_IS_UNSAFE, value)

    def is_job_unsafe(self) -> bool:
        """Whether that was said."""
        return bool(self.get_prop(ReservedKey.JOB_IS_UNSAFE, False))

    def get_run_abort_signal(self) -> Any:
        """The signal that ends the run."""
        return self.get_prop(ReservedKey.RUN_ABORT_SIGNAL)

    def set_peer_context(self, ctx: "FLContext") -> None:
        """What the peer says of itself."""
        self.put(ReservedKey.PEER_CTX, ctx, private=True, sticky=False)

    def get_peer_context(self) -> "FLContext | None":
        """What the peer said of itself."""
        found: FLContext | None = self.get_prop(ReservedKey.PEER_CTX)
        return found

    def set_public_props(self, metadata: Mapping[str, Any]) -> None:
        """Replace all public properties by these."""
        self.props = {key: prop for key, prop in self.props.items() if prop.private}
        for key, value in metadata.items():
            self.props[key] = Prop(value, private=False, sticky=False)

    def sync_sticky(self) -> None:
        """Nothing: sticky properties are always those of the run."""

    def clone(self) -> "FLContext":
        """Another context with the same properties."""
        twin = FLContext()
        twin.model = self.model
        twin.props = dict(self.props)
        twin._manager = self._manager
        return twin

    def __str__(self) -> str:
        return " ".join(f"{key}: {type(prop.value)}" for key, prop in self._all())


class FLContextManager:
    """Makes the contexts of one run, and keeps its sticky properties."""

    def __init__(
        self,
        engine: Any = None,
        identity_name: str = "",
        job_id: str = "",
        public_stickers: Mapping[str, Any] | None = None,
        private_stickers: Mapping[str, Any] | None = None,
    ) -> None:
        self.engine = engine
        self.identity_name = identity_name
        self.job_id = job_id
        self.stickers: dict[str, Prop] = {}
        for key, value in (public_stickers or {}).items():
            self.stickers[key] = Prop(value, private=False, sticky=True)
        for key, value in (private_stickers or {}).items():
            self.stickers[key] = Prop(value, private=True, sticky=True)
        self._own = {
            ReservedKey.MANAGER: Prop(self, private=True, sticky=False),
            ReservedKey.ENGINE: Prop(engine, private=True, sticky=False),
            ReservedKey.RUN_NUM: Prop(job_id, private=False, sticky=True),
        }
        if identity_name:
            self._own[ReservedKey.IDENTITY_NAME] = Prop(identity_name, private=False, sticky=False)

    def let_go(self) -> None:
        """The run is over, and makes no more contexts: what it knows of itself is forgotten."""
        self._own, self.stickers, self.engine = {}, {}, None

    def new_context(self) -> FLContext:
        """A context of this run."""
        made = FLContext()
        made.props = self._own.copy()
        made._manager = self  # noqa: SLF001 (it is this that gives it)
        return made
