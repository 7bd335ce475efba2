"""The live objects of an app, in the process that needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.program import Part
from ame.federation.run.chains import Blamed, Chain
from ame.federation.run.site import SiteParts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ame.federation.build import Code
    from ame.federation.program import App, Direction, Filtered
    from ame.federation.run.engine import Build
    from ame.federation.run.server import ServerParts
    from ame.federation.spec.controller import Controller
    from ame.federation.spec.executor import Executor
    from ame.federation.spec.filter import Filter


def of_server(app: App, code: Code, variables: Mapping[str, object]) -> ServerParts:
    """What the server consists of.

    Raises:
        errors.ClassRefused: a part is of a class that the job may not use.
        errors.ClassUnfit: a workflow is no Controller.
        errors.ComponentFailed: a constructor raised an error.

    """
    from ame.federation.run.server import ServerParts  # sites do without

    def make(part: Part) -> Any:
        with Blamed(part.path, "being made"):
            return code.build(part, variables)

    return ServerParts(
        components={part.id: make(part) for part in app.components},
        workflows=[
            (part.id or f"workflow{at or ''}", _controller(make(part), part))
            for at, part in enumerate(app.workflows)
        ],
        task_data_filters=_chain(app.task_data_filters, make, "out"),
        task_result_filters=_chain(app.task_result_filters, make, "in"),
        params=dict(app.params),
        build=_build(code, variables),
    )


def of_site(
    app: App,
    code: Code,
    variables: Mapping[str, object],
    executor: Callable[[Part], Executor | None],
) -> SiteParts:
    """What a site consists of. `executor` makes those that are made otherwise here.

    Raises:
        errors.ClassRefused: a part is of a class that the job may not use.
        Exception: whatever a constructor raises.

    """

    def make(part: Part) -> Any:
        return code.build(part, variables)

    return SiteParts(
        components={part.id: make(part) for part in app.components},
        executors=[
            (routed.tasks, executor(routed.executor) or make(routed.executor))
            for routed in app.executors
        ],
        task_data_filters=_chain(app.task_data_filters, make, "in"),
        task_result_filters=_chain(app.task_result_filters, make, "out"),
        sent_data_filters=_chain(app.task_data_filters, make, "out", usual="in"),
        taken_result_filters=_chain(app.task_result_filters, make, "in", usual="out"),
        params=dict(app.params),
        build=_build(code, variables),
    )


def _controller(made: object, part: Part) -> Controller:
    """Raises: errors.ClassUnfit: it cannot lead."""
    from ame.federation.spec.controller import Controller

    if not isinstance(made, Controller):
        raise errors.ClassUnfit(
            part.path, f"is no Controller, and workflow `{part.id}` is to be one",
            "make it a component, or let it be a subclass of Controller",
        )  # fmt: skip
    return made


def _filter(made: object, part: Part) -> Filter:
    """Raises: errors.ClassUnfit: it cannot filter."""
    from ame.federation.spec.filter import Filter

    if not isinstance(made, Filter):
        raise errors.ClassUnfit(
            part.path, "is no Filter, and is to filter tasks",
            "make it a component, or let it be a subclass of Filter",
        )  # fmt: skip
    return made


_NONE = Chain()
"""Of no filters: sites of a crowd share it."""


def _chain(
    groups: Sequence[Filtered],
    make: Callable[[Part], Any],
    here: Direction,
    *,
    usual: Direction | None = None,
) -> Chain:
    """The filters of those groups that are for what goes in that direction.

    `usual`: of groups that say none.
    """
    if not groups:
        return _NONE
    return Chain(
        [
            (group.tasks, [_filter(make(part), part) for part in group.filters])
            for group in groups
            if (group.direction or usual or here) in {here, "inout"}
        ]
    )


def _build(code: Code, variables: Mapping[str, object]) -> Build:
    """Makes objects of what components configure: `{"path": …, "args": …}`."""
    return lambda config: code.build(_part(config), variables)


def _part(config: Mapping[str, Any]) -> Part:
    args = {name: _value(value) for name, value in (config.get("args") or {}).items()}
    return Part(path=str(config["path"]), args=args)


def _value(value: Any) -> Any:
    match value:
        case {"path": str(), **rest} if set(rest) <= {"args"}:
            return _part(value)
        case dict():
            return {name: _value(each) for name, each in value.items()}
        case list() | tuple():
            return [_value(each) for each in value]
    return value
