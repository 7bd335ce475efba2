"""The arguments that an object was made with.

Exactly, where its class notes how it is made (`ame.federation.calls`). Of other classes they are
read from attributes; what cannot be read must be shown to have been left at its default.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ame import errors
from ame.federation import calls
from ame.federation.job.capture import frameworks
from ame.federation.job.capture.sameness import difference

NOTHING = object()
TWICE = re.compile(r"multiple values for (?:keyword )?argument '(\w+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What a constructor is called with. `lead` has names too, for messages."""

    lead: list[tuple[str, object]] = field(default_factory=list)
    named: dict[str, object] = field(default_factory=dict)


def arguments_of(obj: object, path: str) -> Arguments:
    """The arguments that make this object again.

    Raises:
        errors.ArgumentUnfit: one cannot be found.
    """
    if (said := frameworks.transformers_config(obj)) is not None:
        return Arguments(named=dict(said))
    call = calls.call_of(obj)
    return _noted(obj, call, path) if call else _read(obj, path)


def _noted(obj: object, call: calls.Call, path: str) -> Arguments:
    taken = parameters(type(obj))
    bound = inspect.Signature(taken).bind(*call.args, **call.kwargs).arguments
    found = Arguments()
    many = any(each.kind is each.VAR_POSITIONAL and bound.get(each.name) for each in taken)
    for parameter in taken:
        if parameter.name not in bound:
            continue
        value = bound[parameter.name]
        match parameter.kind:
            case inspect.Parameter.VAR_POSITIONAL:
                found.lead.extend((f"{parameter.name}[{n}]", each) for n, each in enumerate(value))
            case inspect.Parameter.VAR_KEYWORD:
                found.named.update(value)
            case inspect.Parameter.KEYWORD_ONLY:
                found.named[parameter.name] = value
            case inspect.Parameter.POSITIONAL_OR_KEYWORD if not many:
                found.named[parameter.name] = value
            case _:
                found.lead.append((parameter.name, value))
    _set_since(obj, call, path, found)
    return found


def _set_since(obj: object, call: calls.Call, path: str, found: Arguments) -> None:
    """Attributes that were set after the constructor count as its arguments, if they are that."""
    names = {parameter.name for kind in chain(type(obj)) for parameter in parameters(kind)}
    for attribute, value in call.changed(obj).items():
        if isinstance(inspect.getattr_static(type(obj), attribute, None), cached_property):
            continue
        argument = attribute.removeprefix("_")
        if attribute not in names and argument not in names:
            raise errors.ArgumentUnfit(
                path, attribute, "was set after the constructor, which does not take it",
                "make it an argument of the constructor",
            )  # fmt: skip
        found.named[attribute if attribute in names else argument] = value


def _read(obj: object, path: str) -> Arguments:
    found = Arguments()
    unsure: list[str] = []
    for parameter in parameters(type(obj)):
        if parameter.kind is parameter.VAR_KEYWORD:
            found.named.update(_passed_on(obj, found.named))
            unsure.append(f"**{parameter.name}")
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            unsure.append(f"*{parameter.name}")
            continue
        value = _attribute(obj, parameter)
        if value is not NOTHING:
            if parameter.kind is parameter.POSITIONAL_ONLY:
                found.lead.append((parameter.name, value))
            else:
                found.named[parameter.name] = value
        elif parameter.default is parameter.empty:
            raise errors.ArgumentUnfit(
                path, parameter.name, "was not kept, so no site can be given it",
                f"keep it in the constructor as `self.{parameter.name}`",
            )  # fmt: skip
        else:
            unsure.append(parameter.name)
    if unsure or frameworks.is_torch_model(obj):
        _show(obj, found, unsure, path)
    return _without_defaults(type(obj), found)


def _show(obj: object, found: Arguments, unsure: list[str], path: str) -> None:
    """Makes the object again and compares."""
    named = ", ".join(unsure or found.named)
    try:
        again = _made_again(obj, found)
    except Exception as error:
        raise errors.ArgumentUnfit(
            path, named, f"cannot be read from attributes: made again it fails: {error}",
            "keep what the constructor was given in attributes of the arguments' names",
        ) from error  # fmt: skip
    if differs := difference(obj, again):
        raise errors.ArgumentUnfit(
            path, named,
            f"was not kept: made again from its attributes it differs in {differs}",
            "keep it in the constructor as an attribute of the argument's name",
        )  # fmt: skip


def _made_again(obj: object, found: Arguments) -> object:
    """Makes it on no device; what asks for the values of its weights meanwhile, on a real one."""
    with frameworks.undisturbed():
        try:
            with frameworks.on_no_device(obj):
                return _again(type(obj), found)
        except (RuntimeError, NotImplementedError):
            if not frameworks.is_torch_model(obj):
                raise
        return _again(type(obj), found)


def _again(kind: type[Any], found: Arguments) -> object:
    """Makes an object. What its constructor passes on itself is taken out of what was found."""
    while True:
        try:
            return kind(*(value for _, value in found.lead), **found.named)
        except TypeError as error:
            twice = TWICE.search(str(error))
            if not twice or found.named.pop(twice[1], NOTHING) is NOTHING:
                raise


def _attribute(obj: object, parameter: inspect.Parameter) -> object:
    """The attribute in which a constructor kept an argument; NOTHING if it is none."""
    kinds = type(obj).__mro__
    mangled = [f"_{kind.__name__.lstrip('_')}__{parameter.name}" for kind in kinds]
    for name in (parameter.name, f"_{parameter.name}", *mangled):
        value = _held(obj, name)
        if value is NOTHING:
            continue
        if isinstance(parameter.default, bool) and frameworks.is_parameter(value):
            return value is not None
        if isinstance(parameter.default, bool | int | float | str) and not _plain(value):
            continue
        return value
    return NOTHING


def _held(obj: object, name: str) -> object:
    for place in ("__dict__", "_modules", "_parameters", "_buffers"):
        held = getattr(obj, place, None)
        if isinstance(held, Mapping) and name in held:
            return held[name]
    if inspect.ismemberdescriptor(inspect.getattr_static(type(obj), name, None)):
        return getattr(obj, name, NOTHING)
    return NOTHING


def _plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list | tuple | dict)


def _passed_on(obj: object, known: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Of a constructor with `**kwargs`: what constructors of its bases took of them."""
    for base in chain(type(obj))[1:]:
        for parameter in parameters(base):
            value = _attribute(obj, parameter)
            absent = value is NOTHING or _equal(value, parameter.default)
            if parameter.name not in known and not absent:
                yield parameter.name, value


def chain(kind: type[Any]) -> list[type[Any]]:
    """The class, and the bases to whose constructors it may pass arguments on."""
    found: list[type[Any]] = []
    for base in kind.__mro__[:-1]:
        if "__init__" in vars(base):
            found.append(base)
            if all(each.kind is not each.VAR_KEYWORD for each in parameters(base)):
                break
    return found


def _without_defaults(kind: type[Any], found: Arguments) -> Arguments:
    defaults = {each.name: each.default for each in parameters(kind)}
    named = {
        name: value
        for name, value in found.named.items()
        if not _equal(value, defaults.get(name, NOTHING))
    }
    return Arguments(lead=found.lead, named=named)


def _equal(value: object, default: object) -> bool:
    """Whether they are the same value: 1 is neither True nor 1.0 here."""
    return value is default or (
        _plain(value) and type(value) is type(default) and repr(value) == repr(default)
    )


def parameters(kind: type[Any]) -> list[inspect.Parameter]:
    """Those of the constructor, without `self`.

    Raises:
        errors.ClassUnfit: it does not say what it takes.
    """
    maker: Any = kind.__init__
    if maker is object.__init__:
        maker = kind.__new__
        if maker is object.__new__:
            return []
    try:
        return list(inspect.signature(maker).parameters.values())[1:]
    except ValueError:
        raise errors.ClassUnfit(
            f"{kind.__module__}.{kind.__qualname__}", "does not say what its constructor takes",
            "give text, numbers, lists or dicts of them, or an object of a class of your own",
        ) from None  # fmt: skip
