"""Components that a workflow names by their ids."""

from typing import Any, TypeVar

from ame import errors

Wanted = TypeVar("Wanted")


def component(engine: Any, name: str, kind: type[Wanted]) -> Wanted:
    """The component of this id.

    Raises:
        errors.ComponentUnknown: there is none, or it is of another kind.
    """
    found = engine.get_component(name)
    if not isinstance(found, kind):
        fitting = [
            key for key, each in engine.get_all_components().items() if isinstance(each, kind)
        ]
        raise errors.ComponentUnknown(name, fitting, kind.__name__)
    return found
