"""Parts as NVFLARE's configuration writes them: a path, arguments, and files beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ame import errors
from ame.federation.export import models, variables
from ame.federation.flare import names
from ame.federation.job import asked
from ame.federation.program import Part, Value, Version, Weights

Plain = Any
"""What JSON can say."""

IDLE = {
    "ame.federation.filters.variables.ConvertWeights": "there it never finds what the site was "
    "sent, and converts nothing; give the ScriptRunner `params_transfer_type='DIFF'`, or filter "
    "by a class of your own",
}
"""What NVFLARE has in both versions, and where it comes to nothing: why, and what to do."""


@dataclass(slots=True, kw_only=True)
class Writer:
    """Writes the parts of one app; gathers the files that they need beside the job's own."""

    version: Version
    files: dict[PurePosixPath, bytes] = field(default_factory=dict)
    """By their place in the app's folder for code."""
    models: models.Models
    known: frozenset[str] = frozenset()
    """Variables of the app's configuration."""

    def component(self, part: Part) -> dict[str, Plain]:
        """A component, workflow or filter, with its id if it has one."""
        named = {"id": part.id} if part.id else {}
        return {**named, **self.object(part)}

    def object(self, part: Part) -> dict[str, Plain]:
        """Path and arguments.

        Raises:
            errors.NotExportable: NVFLARE has no counterpart of it, or of an argument.
        """
        if part.lead:
            raise errors.NotExportable(
                part.path, self.version,
                "its constructor is called with arguments without names, and a configuration has "
                "names only; give its arguments names",
            )  # fmt: skip
        part, files = self.models.carried(part, self.version)
        self.files |= files
        path = self._path(part)
        missing = names.lacking(path, self.version)
        usual = asked.defaults(part.path) if missing & part.args.keys() else {}
        args = {}
        for name, value in part.args.items():
            if name not in missing:
                args[name] = self._argument(value, part, name)
            elif name not in usual or usual[name] != value:
                raise errors.NotExportable(
                    part.path, self.version, f"there it takes no `{name}`; leave that out, or "
                    f"export for {'2.9' if self.version == '2.7' else '2.7'}"
                )  # fmt: skip
        return {"path": path, "args": args}

    def _path(self, part: Part) -> str:
        if part.path.partition(".")[0] != "ame":
            return self._importable(part.path)
        if part.path in IDLE:
            raise errors.NotExportable(part.path, self.version, IDLE[part.path])
        theirs = names.theirs(part.path)
        if theirs is None or names.lacks(theirs, self.version):
            raise errors.NotExportable(
                part.path, self.version,
                "NVFLARE has no counterpart of it; take another component, or a class of your own",
            )  # fmt: skip
        return theirs

    def _importable(self, path: str) -> str:
        """The path of a class of the user's. One within another class gets a name of its own."""
        module, name = self.models.split(path)
        if "." not in name:
            return path
        alias = name.replace(".", "_")
        text = f"import {module}\n\n{alias} = {path}\n"
        made = f"nested_{module.replace('.', '_')}_{alias}"
        self.files[PurePosixPath(f"{made}.py")] = text.encode()
        return f"{made}.{alias}"

    def _argument(self, value: Value, part: Part, name: str) -> Plain:
        if isinstance(value, Part):
            return self.object(value)
        return self._plain(value, part, name)

    def _plain(self, value: Value, part: Part, name: str) -> Plain:
        """A value without objects: NVFLARE makes those only that are arguments themselves."""
        match value:
            case Part() | Weights():
                raise errors.NotExportable(
                    part.path, self.version,
                    f"its argument `{name}` holds "
                    + ("an object" if isinstance(value, Part) else "an array")
                    + ", which a configuration cannot say; give plain values",
                )  # fmt: skip
            case Mapping():
                return {key: self._plain(each, part, f"{name}[{key!r}]")
                        for key, each in value.items()}  # fmt: skip
            case str():
                self._check_braces(value, part, name)
                return value
            case Sequence():
                return [self._plain(each, part, f"{name}[{n}]") for n, each in enumerate(value)]
        return value

    def _check_braces(self, text: str, part: Part, name: str) -> None:
        if not variables.is_same_there(text, self.known):
            raise errors.NotExportable(
                part.path, self.version,
                f"its argument `{name}` is {text!r}, and there braces stand for a variable; give "
                "that text without them, or in a file",
            )  # fmt: skip
