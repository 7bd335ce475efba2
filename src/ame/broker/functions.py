"""A function that a service offers, and the schema of its arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.broker.quick import quick

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """What is done with the arguments of a call."""

    name: str
    check: "Callable[[Any], str]"
    """What is wrong with arguments, in the words of jsonschema; nothing if they are right."""
    do: Callable[..., Any]
    waits: bool
    """Whether `do` is a coroutine function; others are called in threads."""
    once: bool
    """Whether `do` takes the rows of a transaction before its arguments."""


def function(name: str, schema: Schema | None, do: Callable[..., Any], *, once: bool) -> Function:
    """A function of this name, its schema made ready.

    Raises:
        errors.FunctionInvalid: the schema is none, or the function cannot be in a transaction.
    """
    waits = iscoroutinefunction(do)
    if once and waits:
        raise errors.FunctionInvalid(name, "a transaction does not wait: pass a plain function")
    check = _nothing if schema is None else _checked(name, schema)
    return Function(name=name, check=check, do=do, waits=waits, once=once)


def _validator(name: str, schema: Schema) -> "Validator":
    from jsonschema import Draft7Validator, SchemaError
    from jsonschema.validators import validator_for

    kind = validator_for(schema, default=Draft7Validator)
    try:
        kind.check_schema(dict(schema))
    except SchemaError as error:
        raise errors.FunctionInvalid(name, f"its schema is none: {error.message}") from None
    return kind(dict(schema))


def _checked(name: str, schema: Schema) -> Callable[[Any], str]:
    validator = _validator(name, schema)
    fits = quick(schema)
    if fits is None:
        return partial(_wrong, validator)
    return lambda arguments: "" if fits(arguments) else _wrong(validator, arguments)


def _wrong(validator: "Validator", arguments: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    try:
        if validator.is_valid(arguments):
            return ""
        from jsonschema.exceptions import best_match

        return str(best_match(validator.iter_errors(arguments)))
    except RecursionError:
        return "they are nested too deeply"


def _nothing(arguments: object) -> str:
    del arguments
    return ""
