"""Chains of filters: which apply to a task, and in which order."""

import os
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import dropwhile

import ame
from ame import errors
from ame.federation.spec.context import FLContext
from ame.federation.spec.filter import ContentBlockedException, Filter
from ame.federation.spec.shareable import Shareable

_OURS = os.path.dirname(ame.__file__) + os.sep  # noqa: PTH120


@dataclass(frozen=True, slots=True)
class Chain:
    """Filters in their order, each group with the tasks that it is for.

    A task is meant by its name, or by a pattern: `*` means all, which it does not in FLARE.
    """

    groups: Sequence[tuple[Sequence[str], Sequence[Filter]]] = ()
    _of: dict[str, tuple[Filter, ...]] = field(default_factory=dict)

    def of(self, task: str) -> tuple[Filter, ...]:
        """Those that a task goes through."""
        found = self._of.get(task)
        if found is None:
            found = tuple(
                each
                for tasks, filters in self.groups
                if any(fnmatchcase(task, pattern) for pattern in tasks)
                for each in filters
            )
            self._of[task] = found
        return found

    def filters(self) -> Iterable[Filter]:
        """All of them."""
        return (each for _, filters in self.groups for each in filters)

    def apply(self, task: str, content: Shareable, ctx: FLContext) -> Shareable:
        """What comes out at the end.

        Raises:
            ContentBlockedException: a filter let nothing pass.
            errors.ComponentFailed: a filter raised something else, or made no Shareable.
        """
        for each in self.of(task):
            with Blamed(each, f"filtering task `{task}`"):
                content = each.process(content, ctx)
                if not isinstance(content, Shareable):
                    message = f"it made a {type(content).__name__}, not a Shareable"
                    raise TypeError(message)
        return content


class Blamed:
    """While a user's part is called: what it raises becomes the error that ends the run.

    Errors of `ame`, and content that a filter blocks, pass as they are.
    """

    __slots__ = ("_doing", "_name")

    def __init__(self, component: object, doing: str) -> None:
        """`component`: the part, or its name while there is none."""
        self._name = component if isinstance(component, str) else type(component).__name__
        self._doing = doing

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if not isinstance(error, Exception) or isinstance(
            error, (errors.Error, ContentBlockedException)
        ):
            return
        raise errors.ComponentFailed(
            component=self._name,
            doing=self._doing,
            what=said(error),
            place=place(error),
            trace=trace(error),
        ) from error


def said(error: BaseException) -> str:
    """The kind of an error and its message, without the line that cannot be read."""
    text = "".join(traceback.format_exception_only(error)).strip()
    return text.rpartition("\n")[2] if isinstance(error, SyntaxError) else text


def trace(error: BaseException) -> str:
    """As Python prints it, from the first code on that is not ours."""
    told = traceback.TracebackException.from_exception(error)
    inside = list(dropwhile(lambda frame: frame.filename.startswith(_OURS), told.stack))
    if inside:
        told.stack = traceback.StackSummary.from_list(inside)
    return "".join(told.format())


def place(error: BaseException) -> str:
    """`file:line` of the innermost code that is not ours, or else of the innermost.

    Of an error of `ame` that no other code led to there is none: it says all in words.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_OURS)]
    if not own and isinstance(error, errors.Error):
        return ""
    for frame in reversed(own or frames):
        return f"{frame.filename}:{frame.lineno}"
    return ""
