"""Live objects from the parts of a program, in the process that needs them.

A class is found in three places: in the table of what `ame` serves, under our names or NVFLARE's;
in the job's own code; and in the installed packages that the job's author used. Nothing else is
imported from a string.
"""

import importlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path, PurePosixPath
from types import CodeType, ModuleType, TracebackType
from typing import Any, Self

from ame import errors
from ame.federation import weights
from ame.federation.flare import names
from ame.federation.job.capture import imports
from ame.federation.program import File, Part, Value, Weights

VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}")


class Code:
    """The classes of a job.

    While it is entered, `import` looks into the folder of the job's own code first, and modules of
    the same names that the user has elsewhere are set aside; when it is left, what came from there
    is forgotten. Only one at a time can be entered in a process.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        files: Iterable[File] = (),
        packages: frozenset[str] = frozenset(),
    ) -> None:
        """Classes of these files, which lie in `folder` (see `lay_out`), and of these packages."""
        self.folder = folder.resolve() if folder else None
        self.packages = packages
        self._files = {file.target: file for file in files}
        self._aside: dict[str, ModuleType] = {}
        self._finder: _Finder | None = None

    def __enter__(self) -> Self:
        if self.folder:
            sys.path.insert(0, str(self.folder))
            self._finder = _Finder(
                {
                    str(self.folder / target): str(file.origin)
                    for target, file in self._files.items()
                    if file.origin is not None
                }
            )
            sys.meta_path.insert(0, self._finder)
            importlib.invalidate_caches()
            for name, module in list(sys.modules.items()):
                file = getattr(module, "__file__", None)
                shadows = self._file(name) is not None and not self._serves_module(module)
                if file and shadows and imports.is_local(Path(file)):
                    self._aside[name] = sys.modules.pop(name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.folder is None:
            return
        if str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and Path(file).is_relative_to(self.folder):
                del sys.modules[name]
        sys.modules.update(self._aside)
        self._aside.clear()

    def find(self, path: str) -> type[Any]:
        """The class of this path.

        Raises:
            errors.ClassRefused: it is not a class that the job may use, or is not there.
        """
        ours = names.ours(path)
        if ours is not None:
            module, _, name = ours.rpartition(".")
            return _class(path, importlib.import_module(module), [name])
        if path.partition(".")[0] in {"ame", "nvflare"}:
            raise errors.ClassRefused(path, "`ame` does not serve it" + names.hint(path))
        for module, inner in _splits(path):
            if self._holds(module):
                found = _class(path, self._import(path, module), inner)
                if not self._serves(found):
                    raise errors.ClassRefused(path, f"it is one of `{found.__module__}`")
                return found
        module, _, name = path.rpartition(".")
        if path.partition(".")[0] in self.packages:
            return _class(path, importlib.import_module(module), [name])
        raise errors.ClassRefused(path, "it is not of the job's own code")

    def build(self, part: Part, variables: Mapping[str, object] | None = None) -> Any:
        """Makes the object, after the objects among its arguments; a model gets its weights.

        Args:
            part: what to make.
            variables: `{NAME}` in any text becomes the value of NAME; other braces stay.

        Raises:
            errors.ClassRefused: it is of a class that the job may not use.
            errors.ClassUnfit: its weights do not fit it.
            Exception: whatever its constructor raises.
        """
        known = variables or {}
        lead = [self._value(each, known) for each in part.lead]
        args = {name: self._value(each, known) for name, each in part.args.items()}
        made = self.find(part.path)(*lead, **args)
        if part.weights is not None:
            try:
                weights.give(made, part.weights)
            except (ValueError, RuntimeError) as error:
                raise errors.ClassUnfit(
                    part.path, f"does not take the weights of the initial model: {error}",
                    "check that its arguments make the same layers again",
                ) from error  # fmt: skip
        return made

    def _value(self, value: Value, variables: Mapping[str, object]) -> Any:
        match value:
            case str():
                return fill(value, variables)
            case Part():
                return self.build(value, variables)
            case Weights():
                arrays = weights.read(value)
                return arrays[weights.LONE] if set(arrays) == {weights.LONE} else dict(arrays)
            case Mapping():
                return {name: self._value(each, variables) for name, each in value.items()}
            case Sequence():
                return [self._value(each, variables) for each in value]
        return value

    def _holds(self, module: str) -> bool:
        return self._file(module) is not None

    def _file(self, module: str) -> File | None:
        path = PurePosixPath(*module.split("."))
        return self._files.get(path.with_suffix(".py")) or self._files.get(path / "__init__.py")

    def _import(self, path: str, name: str) -> ModuleType:
        """Imports a module of the job's own code, and makes sure that it is that one."""
        module = importlib.import_module(name)
        if not self._serves_module(module):
            raise errors.ClassRefused(
                path, f"a module `{name}` that is not of the job was imported before; rename it"
            )
        return module

    def _serves_module(self, module: ModuleType) -> bool:
        """Whether it came from the job's folder, or from where the job's file was taken."""
        place, file = getattr(module, "__file__", None), self._file(module.__name__)
        if place is None or file is None:
            return False
        found = Path(place).resolve()
        if self.folder and found == (self.folder / file.target).resolve():
            return True
        return isinstance(file.source, Path) and found == file.source.resolve()

    def _serves(self, kind: type[Any]) -> bool:
        """Whether a class that the job's code holds is the job's own, or one that it may use."""
        module = sys.modules[kind.__module__]
        return (
            self._serves_module(module)
            or names.ours(f"{kind.__module__}.{kind.__qualname__}") is not None
            or kind.__module__.partition(".")[0] in self.packages
        )


class _Finder(MetaPathFinder):
    """Finds the job's own modules, so that errors tell of the files from which the job has them."""

    def __init__(self, origins: Mapping[str, str]) -> None:
        """From where the files were taken."""
        self._origins = origins

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """One of these files; of all others nothing."""
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return None
        origin = self._origins.get(spec.loader.path)
        if origin is None:
            return None
        spec.loader = _Loader(fullname, spec.loader.path)
        spec.loader.origin = origin
        return spec


class _Loader(SourceFileLoader):
    origin: str

    def get_code(self, fullname: str) -> CodeType:
        """The code, named by the file that the user has."""
        content = Path(self.get_filename(fullname)).read_bytes()
        return compile(content, self.origin, "exec", dont_inherit=True)


def lay_out(files: Iterable[File], folder: Path | str, of: str = "custom") -> None:
    """Writes the files of an app that are for its folder `custom`, or `config`, there."""
    for file in files:
        if file.folder != of:
            continue
        place = Path(folder, file.target)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read())


def fill(text: str, variables: Mapping[str, object]) -> str:
    """Puts the values of variables into a text: `{SITE_NAME}`. Unknown ones and others stay."""

    def value(found: re.Match[str]) -> str:
        return str(variables[found[1]]) if found[1] in variables else found[0]

    return VARIABLE.sub(value, text) if "{" in text else text


def _splits(path: str) -> Iterable[tuple[str, list[str]]]:
    """Where the module may end in a path, the longest module first."""
    words = path.split(".")
    for end in range(len(words) - 1, 0, -1):
        yield ".".join(words[:end]), words[end:]


def _class(path: str, module: ModuleType, inner: Sequence[str]) -> type[Any]:
    found: object = module
    for name in inner:
        found = vars(found).get(name) if isinstance(found, type | ModuleType) else None
        if not isinstance(found, type):
            raise errors.ClassRefused(path, f"`{module.__name__}` has no such class")
    assert isinstance(found, type)
    return found
