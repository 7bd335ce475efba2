"""Objects as parts: what they are made of, their arguments, the code and weights they need.

Arguments are known exactly where the class notes its constructor's calls, as all of `spec` do.
Of other classes they are read from attributes, `name`, `_name` or `__name`; where an argument has
no attribute, the object is made again without it and compared, and refused if it differs.
"""

import math
import re
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from ame import errors
from ame.federation import weights
from ame.federation.job.capture import frameworks, imports, sources, written
from ame.federation.job.capture.arguments import arguments_of
from ame.federation.program import App, File, Part, Value

PLAIN = "give text, numbers, lists or dicts of them, or an object of a class of your own"
CLASS_KEYS = ("path", "class_path")


class Capture:
    """Takes objects; gathers the files that their classes need, and the packages."""

    def __init__(self) -> None:
        self.files: list[File] = []
        self.packages: set[str] = set()
        self.kept_out: frozenset[str] = frozenset()
        """Packages whose code stays where it is, though it is the user's own."""
        self._cut: set[str] = set()
        self._inside: list[object] = []

    def part(self, obj: object, name: str = "") -> Part:
        """An object as a part, with this id.

        Raises:
            errors.ArgumentUnfit: an argument cannot travel, or cannot be found.
            errors.ClassUnfit: its class cannot.
        """
        kind = type(obj)
        path = sources.path_of(kind)
        with self._guard(obj, path):
            if frameworks.is_built_in_model(obj):
                return self._generated(obj, name)
            self.need(kind)
            found = arguments_of(obj, path)
            return Part(
                id=name,
                path=path,
                lead=tuple(self.value(each, path, name) for name, each in found.lead),
                args={name: self.value(each, path, name) for name, each in found.named.items()},
                weights=frameworks.weights_of(obj),
            )

    def taken(self) -> list[File]:
        """The files that were gathered since this was asked last."""
        files, self.files = self.files, []
        return files

    def settled(self, app: App) -> App:
        """An app whose cut of the program that runs is the same as in all others."""
        if not self._cut:
            return app
        whole = sources.main_cut(self._cut)
        files = tuple(
            whole if file.target == whole.target and isinstance(file.source, bytes) else file
            for file in app.files
        )
        return replace(app, files=files)

    def need(self, kind: type[Any]) -> None:
        """Takes along what a class needs."""
        top = kind.__module__.partition(".")[0]
        if top == "ame":
            return
        if top in self.kept_out:
            self.packages.add(top)
            return
        files = sources.files_of(kind, self._cut)
        if isinstance(files, str):
            self.packages.add(files)
        else:
            self.files.extend(files)

    def value(self, value: object, component: str, argument: str) -> Value:
        """An argument as one of the values that can travel.

        Raises:
            errors.ArgumentUnfit: it is none.
        """
        inner = partial(self.value, component=component)
        refuse = partial(errors.ArgumentUnfit, component, argument)
        match value:
            case None | bool() | str() | int() | float() if type(value) in _PLAIN:
                if isinstance(value, float) and not math.isfinite(value):
                    raise refuse(f"is {value}, which JSON has no number for", "give it as text")
                return value
            case Enum():
                return self._enum(value)
            case list() | tuple() if type(value) in {list, tuple}:
                return [inner(x, argument=f"{argument}[{n}]") for n, x in enumerate(value)]
            case dict() if type(value) in {dict, OrderedDict}:
                for key in value:
                    if type(key) is not str:
                        raise refuse(f"has the key {key!r}, and only text can be one", _KEYS)
                if described := self._described(value, component, argument):
                    return described
                return {k: inner(x, argument=f"{argument}[{k!r}]") for k, x in value.items()}
        if frameworks.is_scalar(value):
            return self.value(value.item(), component, argument)  # type: ignore[attr-defined]  # NumPy's
        if frameworks.is_array(value):
            return weights.of_arrays(value)
        if remedy := _remedy(value):
            shown = repr(value) if len(repr(value)) < 60 else "…"
            raise refuse(f"is a {type(value).__name__}, {shown}, which cannot travel", remedy)
        return self.part(value)

    def _enum(self, member: Enum) -> Value:
        """A member that is text or a number is that; another is made again by its class."""
        if isinstance(member, str | int | float):
            plain: str | int | float = member.value
            return plain
        path = sources.path_of(type(member))
        self.need(type(member))
        return Part(path=path, args={"value": self.value(member.value, path, member.name)})

    def _described(self, value: Mapping[str, object], component: str, argument: str) -> Part | None:
        """The part that a dict describes: `{"path": "module.Class", "args": {…}}`."""
        if value.get("config_type", "component") != "component":
            return None
        path = next((value[key] for key in CLASS_KEYS if key in value), None)
        args = value.get("args", {})
        if not isinstance(path, str) or "." not in path or not isinstance(args, dict):
            return None
        self._need_path(path)
        return Part(
            path=path,
            args={
                name: self.value(each, component, f"{argument}[{name!r}]")
                for name, each in args.items()
            },
        )

    def _need_path(self, path: str) -> None:
        """The same as `need`, for a class of which only the path is known."""
        top, _, _ = path.partition(".")
        if top in imports.OURS:
            return
        module = path.rpartition(".")[0]
        roots = imports.local_roots()
        there = imports.module_file(module, roots)
        if there is None:
            self.packages.add(top)
            return
        source = f"import {module}".encode()
        self.files.extend(imports.followed(source, Path(path), "", roots))

    def _generated(self, obj: object, name: str) -> Part:
        """A model put together from a framework's own layers: a module that makes it again."""
        text = written.Writer(self.need).module(obj)
        module = f"initial_model_{sha256(text.encode()).hexdigest()[:8]}"
        self.files.append(File(source=text.encode(), target=PurePosixPath(f"{module}.py")))
        path = f"{module}.{written.MADE}"
        return Part(id=name, path=path, weights=frameworks.weights_of(obj))

    @contextmanager
    def _guard(self, obj: object, path: str) -> Iterator[None]:
        if any(obj is outer for outer in self._inside):
            raise errors.ClassUnfit(path, "holds itself among its arguments", "break the circle")
        self._inside.append(obj)
        try:
            yield
        finally:
            self._inside.pop()


_PLAIN = {type(None), bool, int, float, str}
_KEYS = "write the keys as text"


def _remedy(value: object) -> str | None:
    """What to do about a value of a kind that cannot travel; None if it may be a component."""
    match value:
        case PurePath():
            return "give `str(path)`, and make a path of it in the constructor"
        case re.Pattern():
            return "give its `.pattern`, and compile it in the constructor"
        case type():
            return "give the class's name as text, or an object of it"
        case set() | frozenset():
            return "give a sorted list"
        case bytes() | bytearray() | memoryview():
            return "give a path as text and carry the file as a resource"
        case complex():
            return "give its two parts"
    module = type(value).__module__.partition(".")[0]
    if module in sys.stdlib_module_names and module != "__main__":
        named = {"Decimal": "give `str(…)`", "datetime": "give its `.isoformat()`"}
        return named.get(type(value).__name__, PLAIN)
    return None
