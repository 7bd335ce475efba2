"""`import nvflare…` without NVFLARE: its names, served by ours.

While it is active, what the table lists can be imported under NVFLARE's names, and nothing else
of NVFLARE. `FOLDER` is on the path then: in processes that get the same path, workers and scripts
of their own, to import `nvflare` activates it there.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from ame import errors
from ame.federation.flare import names

FOLDER = Path(__file__).parent / "path"
"""Holds an `nvflare` that, imported, activates the alias."""
VERSION = "2.7.0+ame"


def activate() -> None:
    """From now on `nvflare` is ours, in this process. Again has no further effect.

    Raises:
        errors.JobConflict: NVFLARE itself was imported before.
    """
    there = sys.modules.get(names.ROOT)
    if there is not None and not isinstance(there, Served):
        raise errors.JobConflict(
            "NVFLARE itself is imported, so its names cannot be served; use `--engine nvflare`, "
            "or import it nowhere"
        )
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    if str(FOLDER) not in sys.path:
        sys.path.insert(1, str(FOLDER))  # before where NVFLARE may be installed


def deactivate() -> None:
    """`nvflare` is no longer ours; what was imported of it is forgotten."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
    if str(FOLDER) in sys.path:
        sys.path.remove(str(FOLDER))
    for name in [name for name, each in sys.modules.items() if isinstance(each, Served)]:
        del sys.modules[name]


def active() -> bool:
    """Whether it is, or will be with the first import of `nvflare`."""
    return _FINDER in sys.meta_path or str(FOLDER) in sys.path


@contextmanager
def activated() -> Iterator[None]:
    """Active for a while."""
    activate()
    try:
        yield
    finally:
        deactivate()


class Served(ModuleType):
    """A module of NVFLARE's, whose names are looked up in the table when they are asked for."""

    def __getattr__(self, name: str) -> object:
        path = f"{self.__name__}.{name}"
        if path in names.table():
            found = names.load(path)
        elif path in names.modules():
            found = import_module(path)
        elif name.startswith("__"):
            raise AttributeError(name)
        elif (handed := names.handed_on(self.__name__, name)) is not None:
            found = handed
        else:
            raise names.not_served(path)
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return _listed(self.__name__)


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 (Python's interface)
        target: ModuleType | None = None,  # noqa: ARG002 (the same)
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != names.ROOT:
            return None
        if fullname not in names.modules():
            raise names.not_served(fullname, names.modules())
        package = any(each.startswith(f"{fullname}.") for each in names.modules())
        return ModuleSpec(fullname, self, is_package=package)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Served(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__all__"] = _listed(module.__name__)
        if module.__name__ == names.ROOT:
            module.__dict__["__version__"] = VERSION


_FINDER = _Finder()


def _listed(module: str) -> list[str]:
    """The names in a module, its submodules too."""
    prefix = f"{module}."
    inside = {*names.table(), *names.modules()}
    rest = {path.removeprefix(prefix) for path in inside if path.startswith(prefix)}
    return sorted(name for name in rest if "." not in name)
