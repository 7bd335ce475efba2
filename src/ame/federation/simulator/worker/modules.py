"""A job's own modules: each site has its own, and all share their compiled code."""

from __future__ import annotations

import importlib.machinery
import os
import site
import sys
import sysconfig
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.abc import MetaPathFinder
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

import ame

if TYPE_CHECKING:
    from collections.abc import Sequence


def _shared_roots() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    roots = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    roots.update(site.getsitepackages())
    roots.add(site.getusersitepackages())
    roots.update(f"{each}/lib-dynload" for each in list(roots))
    own = os.path.dirname(ame.__path__[0])  # noqa: PTH120
    roots.add(f"{own}/ame")
    roots.add(f"{own}/task_daemon_lib")
    return tuple({f"{os.path.realpath(root)}/" for root in roots} | {f"{root}/" for root in roots})


_ROOTS = _shared_roots()


def is_own(file: str) -> bool:
    """Whether a file is of a job, and not of Python or an installed package."""
    return not file.startswith(_ROOTS) and not file.startswith("<")


class Known:
    """Which modules of this process all sites share."""

    def __init__(self) -> None:
        self.shared = {name for name in sys.modules if name != "__main__"}

    def take(self, own: dict[str, ModuleType]) -> None:
        """Takes the job's own modules out of `sys.modules` into `own`, as they are now."""
        modules = sys.modules
        if len(modules) != len(self.shared) + len(own) + ("__main__" not in own):
            for name in [name for name in modules if name not in self.shared and name not in own]:
                if name == "__main__" or self._is_own(name, modules[name]):
                    own[name] = modules[name]
                else:
                    self.shared.add(name)
            for name in [name for name in self.shared if name not in modules]:
                self.shared.discard(name)
        for name in list(own):
            there = modules.pop(name, None)
            if there is None:
                del own[name]
            else:
                own[name] = there

    def _is_own(self, name: str, module: ModuleType) -> bool:
        spec = getattr(module, "__spec__", None)
        origin = getattr(spec, "origin", None) or getattr(module, "__file__", None)
        if isinstance(origin, str) and origin not in {"built-in", "frozen"}:
            return is_own(origin)
        if origin is not None:
            return False
        if places := list(getattr(module, "__path__", ())):
            return all(is_own(f"{place}/") for place in places)
        return name.partition(".")[0] not in self.shared


class SharedCode(importlib.machinery.SourceFileLoader):
    """Runs a module's code in a namespace of its own; it is compiled once in a process."""

    _compiled: dict[tuple[int, int, int, int], CodeType] = {}  # noqa: RUF012 (of the process)

    def get_code(self, fullname: str) -> CodeType | None:
        """The compiled module."""
        return compiled(self.get_filename(fullname))


SOURCES: dict[str, str] = {}
"""From where the files of the job were taken: by their real paths here, where errors tell of."""


def compiled(file: str) -> CodeType:
    """The code of a file. It is named by the file from which the job has it.

    Raises:
        SyntaxError, UnicodeDecodeError, OSError: as Python does.

    """
    stat = os.stat(file)  # noqa: PTH116
    key = (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size)
    code = SharedCode._compiled.get(key)  # noqa: SLF001
    if code is None:
        real = os.path.realpath(file)
        with open(real, "rb") as source:  # noqa: PTH123
            code = compile(source.read(), SOURCES.get(real, real), "exec", dont_inherit=True)
        SharedCode._compiled[key] = code  # noqa: SLF001
    return code


Around = Callable[[str], AbstractContextManager[None]]
"""What is to be done around the import of the module of that name."""


class OwnFinder(MetaPathFinder):
    """Finds modules before anything else does: a job's own, and those that are shared."""

    def __init__(self, around: Around) -> None:
        """`around`: for modules that are shared, when one site is the first to import them."""
        self._around = around

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A module that lies in no folder of installed ones, on `sys.path` or in its package."""
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        if type(spec.loader) is importlib.machinery.SourceFileLoader:
            if is_own(spec.loader.path):
                spec.loader = SharedCode(fullname, spec.loader.path)
            elif path is None:
                spec.loader = _Shared(fullname, spec.loader.path, self._around)
        return spec


class _Shared(importlib.machinery.SourceFileLoader):
    """Imports a module that is shared, in what is put around it."""

    def __init__(self, fullname: str, path: str, around: Around) -> None:
        super().__init__(fullname, path)
        self._around = around

    def exec_module(self, module: ModuleType) -> None:
        """Runs it."""
        with self._around(module.__name__):
            super().exec_module(module)


def new_main(file: str) -> ModuleType:
    """An empty `__main__`, as the interpreter makes it for a script."""
    module = ModuleType("__main__")
    names: dict[str, Any] = vars(module)
    names.update(__file__=file, __builtins__=__builtins__, __cached__=None, __annotations__={})
    return module
