"""Calls in a job's own files with arguments that what they call does not take.

Python tells them by a constructor of ours that the file never names. They are found again in the
file, by the places that a trace keeps, and compared with what is called there.
"""

import ast
import inspect
import linecache
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from ame import errors
from ame.federation.job.capture.arguments import TWICE, chain, parameters
from ame.federation.job.capture.imports import is_local

_UNKNOWN = re.compile(r"unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r"missing \d+ required (?:positional|keyword-only) arguments?: (.*)")
_TOO_MANY = re.compile(r"takes .* but \d+ .*(?:was|were) given")
_OURS = ("ame.", "nvflare.")


def fault(error: TypeError) -> errors.CallUnfit | None:
    """What is wrong with a call of something of ours; None if it is no such call.

    The last place in the user's own files counts at which it can be told.
    """
    traces = list(_traces(error))
    own = [trace for trace in traces if is_local(Path(trace.tb_frame.f_code.co_filename))]
    for trace in reversed(own):
        call = _call(trace)
        called = _called(call.func, trace.tb_frame) if call else None
        if call is None or not callable(called) or not _of_ours(called):
            continue
        if found := _fault(call, called, str(error), traces[-1]):
            place = f"{trace.tb_frame.f_code.co_filename}:{call.lineno}"
            return errors.CallUnfit(place, ast.unparse(call.func), *found)
    return None


def unfit(called: Callable[..., Any], given: Collection[str]) -> str:
    """What is wrong with a call that gives these arguments, all by name; empty if nothing is."""
    taken, more = _taken(called)
    names = [each.name for each in taken if each.kind is not each.POSITIONAL_ONLY]
    if unknown := [] if more else [name for name in given if name not in names]:
        return f"has no argument `{unknown[0]}`; {_hint(unknown[0], names)}"
    own = parameters(called) if isinstance(called, type) and taken else ()
    for each in own:
        optional = each.default is not each.empty or each.kind in (
            each.VAR_KEYWORD,
            each.VAR_POSITIONAL,
        )
        if not optional and each.name not in given:
            return f"needs the argument `{each.name}`"
    return ""


def _traces(error: BaseException) -> Iterator[TracebackType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _call(trace: TracebackType) -> ast.Call | None:
    """The call at which a trace stands: of those in the file, the one that ends there."""
    code = trace.tb_frame.f_code
    _, line, _, column = list(code.co_positions())[trace.tb_lasti // 2]
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError):  # the file has changed
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (node.end_lineno, node.end_col_offset) == (line, column):
            return node
    return None


def _called(named: ast.expr, frame: FrameType) -> object:
    """What is called, if that is a name or a member; nothing is run to find it."""
    match named:
        case ast.Name(id=name):
            return frame.f_locals.get(name, frame.f_globals.get(name))
        case ast.Attribute(value=inner, attr=name):
            owner = _called(inner, frame)
            if isinstance(inspect.getattr_static(owner, name, None), property):
                return None
            return getattr(owner, name, None)
    return None


def _of_ours(called: Callable[..., Any]) -> bool:
    """Whether it is a class of ours or of that kind, or a function or method of ours."""
    kinds = called.__mro__ if isinstance(called, type) else (called,)
    return any(str(getattr(each, "__module__", "")).startswith(_OURS) for each in kinds)


def _fault(
    call: ast.Call, called: Callable[..., Any], said: str, last: TracebackType
) -> tuple[str, str] | None:
    """The argument that is wrong, and why."""
    taken, more = _taken(called)
    if more and (deeper := _call(last)) and callable(to := _called(deeper.func, last.tb_frame)):
        taken = [*taken, *_taken(to)[0]]
    names = [each.name for each in taken if each.kind is not each.POSITIONAL_ONLY]
    given = [each.arg for each in call.keywords if each.arg]
    spread = len(given) < len(call.keywords)
    refused = _UNKNOWN.search(said)
    unknown = [name for name in given if name not in names] if refused or not more else []
    if refused and spread and refused[1] not in names:
        unknown.append(refused[1])
    if unknown:
        return unknown[0], f"has no argument `{unknown[0]}`; {_hint(unknown[0], names)}"
    if (twice := TWICE.search(said)) and twice[1] in names:
        return twice[1], f"is given `{twice[1]}` twice"
    if missing := _MISSING.search(said):
        wanted = [name for name in re.findall(r"'(\w+)'", missing[1]) if name in names]
        if wanted and not spread and not set(wanted) & set(given):
            return wanted[0], f"needs the argument `{wanted[0]}`"
    most = sum(each.kind is not each.KEYWORD_ONLY for each in taken)
    if _TOO_MANY.search(said) and len(call.args) > most:
        return "", f"takes at most {most} arguments without names, and is given {len(call.args)}"
    return None


def _taken(called: Callable[..., Any]) -> tuple[list[inspect.Parameter], bool]:
    """The parameters that have names, and whether there may be others."""
    try:
        if isinstance(called, type):
            kinds = chain(called)
            found = [each for kind in kinds for each in parameters(kind)]
            last: Sequence[inspect.Parameter] = parameters(kinds[-1]) if kinds else ()
        else:
            last = found = list(inspect.signature(called).parameters.values())
    except (errors.ClassUnfit, TypeError, ValueError):
        return [], True
    named = [each for each in found if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]
    return named, any(each.kind is each.VAR_KEYWORD for each in last)


def _hint(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"did you mean `{near[0]}`?" if near else f"it has {', '.join(names) or 'none'}"
