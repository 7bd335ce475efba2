"""Which clients a task is for: expressions over what a client has registered.

The syntax is Python's, of which comparisons, arithmetic, `in`, `and`, `or`, `not`, names and
literals are taken and nothing else. Logic is Kleene's strong logic of three values: an attribute
that a client lacks is unknown, so is what cannot be computed, and unknown selects nobody.
"""

from __future__ import annotations

import ast
import operator
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST: Final = 4096
"""Characters that an expression may have."""
DEEPEST: Final = 100
"""How deep it may be nested."""
LARGEST: Final = 1 << 256
"""Whole numbers beyond it are unknown, and what would be as long as that."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """What is not known of a client. It is in no collection and equal to nothing."""


UNKNOWN: Final = Unknown()
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_SIGNS: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_NAMES: Final[Mapping[type[ast.AST], str]] = {
    ast.Attribute: "an attribute of a value",
    ast.Call: "a call",
    ast.Subscript: "an index",
    ast.Lambda: "a lambda",
    ast.IfExp: "`if` and `else`",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.JoinedStr: "a formatted string",
    ast.Dict: "a dict",
    ast.NamedExpr: "an assignment",
    ast.Starred: "a star",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """An expression that was read. One without text selects everybody."""

    text: str
    tree: ast.expr | None

    def selects(self, attributes: Mapping[str, Any]) -> bool:
        """Whether a client with these attributes is meant. It never raises."""
        if self.tree is None:
            return True
        return _true(_value(self.tree, attributes)) is True


@lru_cache(maxsize=2048)
def read(text: str) -> Criterion:
    """The criterion that a text is.

    Raises:
        errors.SelectionInvalid: it is none; says where.
    """
    plain = text.lstrip(" \t\r\n")
    if not plain:
        return Criterion(text=text, tree=None)
    if len(text) > LONGEST:
        raise errors.SelectionInvalid(text[:80], 1, LONGEST + 1, f"over {LONGEST} characters")
    lead = text[: len(text) - len(plain)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the compiler finds odd in literals
            tree = ast.parse(plain + "\n", mode="eval").body
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        raise _invalid(text, lead, line, column, error.msg) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise _invalid(text, lead, 1, 1, str(error) or "nested too deep") from None
    _check(tree, text, lead, DEEPEST)
    return Criterion(text=text, tree=tree)


def _invalid(text: str, lead: str, line: int, column: int, why: str) -> errors.SelectionInvalid:
    """Where it is in the text as it was given, with its white space."""
    if line == 1:
        column += len(lead) - (lead.rfind("\n") + 1)
    return errors.SelectionInvalid(text, line + lead.count("\n"), column, why)


def _check(node: ast.expr, text: str, lead: str, depth: int) -> None:
    """Refuses all that is not in the language."""

    def refused(at: ast.AST, why: str) -> errors.SelectionInvalid:
        line = getattr(at, "lineno", node.lineno)
        offset = getattr(at, "col_offset", node.col_offset)
        written = text[len(lead) :].split("\n")[line - 1]
        column = len(written.encode()[:offset].decode(errors="replace")) + 1
        return _invalid(text, lead, line, column, why)

    if depth == 0:
        raise refused(node, "nested too deep")
    parts: list[ast.expr] = []
    match node:
        case ast.Name() | ast.Constant(value=int() | float() | str() | None):
            pass
        case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            pass
        case ast.Set(elts=parts):
            pass
        case ast.UnaryOp(op=ast.Not() | ast.UAdd() | ast.USub(), operand=operand):
            parts = [operand]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            parts = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=others):
            for each, other in zip(ops, others, strict=True):
                if isinstance(each, ast.Is | ast.IsNot) and not _single(other):
                    raise refused(other, "`is` is for None, True and False; use `==`")
            parts = [left, *others]
        case _:
            name = _NAMES.get(type(node), f"`{ast.unparse(node)[:40]}`")
            raise refused(node, f"{name} is not allowed")
    for part in parts:
        _check(part, text, lead, depth - 1)


def _single(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of any type
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            value = known.get(name)
            return UNKNOWN if value is None else value
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [_value(part, known) for part in parts]
        case ast.BoolOp(op=op, values=parts):
            return _joined([_value(part, known) for part in parts], isinstance(op, ast.Or))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            true = _true(_value(operand, known))
            return UNKNOWN if true is UNKNOWN else not true
        case ast.UnaryOp(op=op, operand=operand):
            return _computed(_SIGNS[type(op)], _value(operand, known))
        case ast.BinOp(left=left, op=op, right=right):
            return _calculated(op, _value(left, known), _value(right, known))
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(part, known) for part in (left, *others)]
            pairs = zip(ops, values[:-1], values[1:], strict=True)
            return _joined([_compared(*pair) for pair in pairs], any_=False)
    raise AssertionError(node)


def _joined(values: list[Any], any_: bool) -> Any:  # noqa: ANN401 - of any type
    """`and` or `or`: the first value that decides it, whatever is unknown beside it."""
    true = [_true(value) for value in values]
    if any_ in true:
        return values[true.index(any_)]
    return UNKNOWN if UNKNOWN in true else values[-1]


def _true(value: object) -> bool | Unknown:
    return UNKNOWN if value is UNKNOWN else bool(value)


def _compared(op: ast.cmpop, left: object, right: object) -> object:
    if isinstance(op, ast.In | ast.NotIn):
        found = _contains(right, left)
        return found if found is UNKNOWN or isinstance(op, ast.In) else not found
    return _computed(_COMPARISONS[type(op)], left, right)


def _contains(collection: Any, value: Any) -> bool | Unknown:  # noqa: ANN401 - of any type
    if not isinstance(collection, list):
        found = _computed(operator.contains, collection, value)
        return found if isinstance(found, bool) else UNKNOWN
    true = [_computed(operator.eq, each, value) for each in collection]
    if True in true:
        return True
    return UNKNOWN if UNKNOWN in true else False


def _calculated(op: ast.operator, left: Any, right: Any) -> Any:  # noqa: ANN401 - of any type
    """An operation on numbers, or the joining of two texts or lists."""
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if not numbers and not isinstance(op, ast.Add):
        return UNKNOWN
    if isinstance(op, ast.Pow) and numbers and _huge(left, right):
        return UNKNOWN
    return _computed(_ARITHMETIC[type(op)], left, right)


def _huge(base: float, exponent: float) -> bool:
    """Whether a power of whole numbers is not even to be tried."""
    if not isinstance(base, int) or not isinstance(exponent, int):
        return False
    return base.bit_length() * abs(exponent) > LARGEST.bit_length()


def _computed(do: Callable[..., Any], *values: Any) -> Any:  # noqa: ANN401 - of any type
    """What comes of values; unknown where one is, or where nothing can come of them."""
    if any(value is UNKNOWN or (isinstance(value, list) and UNKNOWN in value) for value in values):
        return UNKNOWN
    try:
        result = do(*values)
    except (TypeError, ValueError, ArithmeticError):
        return UNKNOWN
    if isinstance(result, complex):
        return UNKNOWN
    if isinstance(result, int) and abs(result) > LARGEST:
        return UNKNOWN
    if isinstance(result, str | list) and len(result) > LONGEST:
        return UNKNOWN
    return result
