"""Variables of a configuration, in whose place their values are put.

NVFLARE's own, `{NAME}`, are known in every form of a file. YAML has those of OmegaConf, too, by
which NVFLARE reads it: `${NAME}`, and `${NAME.INNER}`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

from ame import errors
from ame.federation.build import fill
from ame.federation.spec.names.jobs import SystemVarName

Plain = Any

SYSTEM = frozenset(value for name, value in vars(SystemVarName).items() if name.isupper())
"""What every site says for itself, as `{SITE_NAME}`."""

ALONE = re.compile(r"\{([^{}]*)\}")
WITHIN = re.compile(r"\{(\$?[A-Za-z_]\w*)\}")
CALL = re.compile(r"\{(@[\w-]+)((?::[^:]*)*)\}")
REFERENCE = re.compile(r"(?<!\\)\$\{([^{}]*)\}")
MOST = 1_000_000
"""Values in a configuration, and letters in a text of it, with all variables in place."""


def resolve(config: Mapping[str, Plain], place: str) -> dict[str, Plain]:
    """The same with the configuration's own variables in place: all that stands at its top.

    `"{rounds}"` alone becomes what `rounds` is, a number, a list or an object too; among other text
    it becomes text. `"{@trainer:rate=0.1}"` becomes the object `@trainer`, with a `rate` of its
    own. What sites say for themselves, such as `{SITE_NAME}`, stays.

    Raises:
        errors.JobFolderInvalid: a variable stands for itself, or for nothing; or it grows too big.
        errors.JobFolderUnsafe: one is of the environment.
    """
    variables = _Variables(config, place)
    made = {name: variables.value(name) for name in config if not name.startswith("@")}
    check_size(made, place)
    return made


def interpolate(config: Plain, place: str) -> Plain:
    """What a YAML file says with its references in place.

    Raises:
        errors.JobFolderInvalid: one stands for itself, or for nothing.
        errors.JobFolderUnsafe: one takes in what is not in the file.
    """
    made = _References(config, place).filled(config, "")
    check_size(made, place)
    return made


def is_same_there(text: str, known: Collection[str] = ()) -> bool:
    """Whether NVFLARE makes of a text what we make of it, with what sites say and what is known.

    It takes braces alone for a variable, whatever they hold. Other text it fills by `str.format`:
    all of its variables, or none if there are braces of another kind.
    """
    values = {name: f"<{name}>" for name in (*SYSTEM, *known)}
    stripped = text.strip()
    if stripped.startswith("{@"):
        return False
    theirs: str | None
    if alone := ALONE.fullmatch(stripped):
        theirs = values.get(alone[1])
    else:
        try:
            theirs = stripped.format(**values)
        except (ValueError, LookupError, AttributeError, TypeError):
            theirs = stripped
    return theirs == fill(stripped, values)


def check_size(value: Plain, place: str) -> None:
    """That a file is no small one that becomes a huge one.

    Raises:
        errors.JobFolderInvalid: it holds more than a million values.
    """
    count, left = 0, [value]
    while left:
        each = left.pop()
        count += 1
        if count > MOST:
            raise errors.JobFolderInvalid(place, f"holds more than {MOST} values")
        if isinstance(each, dict):
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)


class _Filling(ABC):
    """Puts values in the place of names, each value made once."""

    def __init__(self, config: Plain, place: str, *within: str) -> None:
        """`within`: the names that stand for this, none of which may stand in it."""
        self.config = config
        self.place = place
        self._made: dict[str, Plain] = {}
        self._open = list(within)

    def value(self, name: str) -> Plain:
        """What a name stands for."""
        self.check_ends(name)
        if name not in self._made:
            self._open.append(name)
            self._made[name] = self.filled(self.raw(name), name)
            self._open.pop()
        return self._made[name]

    def check_ends(self, name: str) -> None:
        """That a name does not stand for itself."""
        if name in self._open:
            raise errors.JobFolderInvalid(f"{self.place}: {name}", "stands for itself")

    def raw(self, name: str) -> Plain:
        """The same as it is written."""
        return self.config[name]

    def filled(self, value: Plain, where: str) -> Plain:
        """A value with all in it in place."""
        if isinstance(value, dict):
            return {key: self.filled(each, f"{where}.{key}") for key, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each, f"{where}[{n}]") for n, each in enumerate(value)]
        return self.text(value, where) if isinstance(value, str) and "{" in value else value

    @abstractmethod
    def text(self, text: str, where: str) -> Plain:
        """What a text becomes."""

    def joined(self, text: str, found: Mapping[str, str], pattern: re.Pattern[str]) -> str:
        """A text in which all that the pattern finds is replaced."""
        names = pattern.findall(text)
        if sum(len(found.get(name, "")) for name in names) > MOST:
            raise errors.JobFolderInvalid(self.place, f"a text has more than {MOST} letters")
        return pattern.sub(lambda each: found.get(each[1], each[0]), text)

    def at(self, where: str) -> str:
        """A place within the file, for a message."""
        return f"{self.place}: {where.removeprefix('.')}"


class _Variables(_Filling):
    """NVFLARE's own."""

    def text(self, text: str, where: str) -> Plain:
        if call := CALL.fullmatch(text.strip()):
            return self._called(call[1], call[2], where)
        if alone := ALONE.fullmatch(text.strip()):
            return self._alone(alone[1], text, where)
        found = {}
        for name in WITHIN.findall(text):
            self._check_own(name, where)
            if name in self.config:
                value = self.value(name)
                if isinstance(value, str | int | float):
                    found[name] = str(value)
        return self.joined(text, found, WITHIN)

    def _alone(self, name: str, text: str, where: str) -> Plain:
        self._check_own(name, where)
        if name in self.config:
            return self.value(name)
        if name.isidentifier() and name not in SYSTEM:
            raise errors.JobFolderInvalid(
                self.at(where), f"`{{{name}}}` stands for nothing; say `{name}` at the top of the "
                "file",
            )  # fmt: skip
        return text

    def _called(self, name: str, given: str, where: str) -> Plain:
        """An object of the file's with variables of its own."""
        described = self.config.get(name)
        if not isinstance(described, dict):
            raise errors.JobFolderInvalid(
                self.at(where), f"`{name}` is no object at the top of the file"
            )
        self.check_ends(name)
        own = {}
        for each in filter(None, given.split(":")):
            key, _, value = each.partition("=")
            own[key.strip()] = self.filled(_scalar(value.strip()), where)
        inner = _Variables({**self.config, **own}, self.place, *self._open, name)
        return inner.filled(described, name)

    def _check_own(self, name: str, where: str) -> None:
        if name[:1] == "$" and name not in self.config:
            raise errors.JobFolderUnsafe(
                self.at(where), f"`{{{name}}}` is a variable of the environment; say its value at "
                "the top of the file",
            )  # fmt: skip


class _References(_Filling):
    """OmegaConf's."""

    def raw(self, name: str) -> Plain:
        found = self.config
        for word in re.split(r"[.\[]", name):
            key = word.removesuffix("]")
            if isinstance(found, str):
                found = self.text(found, name)
            if isinstance(found, dict) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                raise errors.JobFolderInvalid(
                    self.place, f"`${{{name}}}` stands for nothing; name a value by all that is "
                    "above it, as in `${a.b}`",
                )  # fmt: skip
        return found

    def text(self, text: str, where: str) -> Plain:
        names = REFERENCE.findall(text)
        for name in names:
            if ":" in name:
                raise errors.JobFolderUnsafe(
                    self.at(where), f"`${{{name}}}` is not said in the file; write its value"
                )
        if names and REFERENCE.fullmatch(text):
            return self.value(names[0])
        found = {name: str(self.value(name)) for name in names}
        return self.joined(text, found, REFERENCE).replace("\\${", "${")


def _scalar(text: str) -> Plain:
    """A value as NVFLARE understands it in a call."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)
