"""What a component's constructor was called with, so that it can be built again elsewhere.

Reading arguments back from attributes fails for those that are renamed, slotted or swallowed by
`**kwargs`; noting the call does not. It works for subclasses that forget `super().__init__()`,
for dataclasses and for any signature.
"""

from abc import ABCMeta
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_ATTRIBUTE = "_constructed_by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The call that made an object."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    left: Mapping[str, Any]
    """The attributes as the constructor left them."""

    def changed(self, made: object) -> dict[str, Any]:
        """The attributes of `made` that were set to something else, or anew, since."""
        now = vars(made)
        return {
            name: value
            for name, value in now.items()
            if name != _ATTRIBUTE and (name not in self.left or self.left[name] is not value)
        }


class Recording(ABCMeta):
    """Notes how each instance is made."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an instance, and note how."""
        made = super().__call__(*args, **kwargs)
        if isinstance(made, cls) and _ATTRIBUTE not in vars(made):
            call = Call(args=args, kwargs=MappingProxyType(kwargs), left=dict(vars(made)))
            object.__setattr__(made, _ATTRIBUTE, call)
        return made


def call_of(made: object) -> Call | None:
    """How an object was made; None if its class does not note it."""
    found = getattr(made, "__dict__", {}).get(_ATTRIBUTE)
    return found if isinstance(found, Call) else None
