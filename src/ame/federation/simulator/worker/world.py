"""What a process has one of, and each site one of its own: swapped at every hand-over."""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame.federation import client
from ame.federation.simulator.worker import generators, modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from ame.federation.simulator.worker.output import Output


class Process:
    """This process, and in whose world it is now."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.known = modules.Known()
        self.here: World | None = None
        self._importing = False
        self.path = list(sys.path)
        self.filters = list(warnings.filters)
        self.main = sys.modules["__main__"]
        self.loggers = set(logging.Logger.manager.loggerDict)
        self.variables = dict(_variables())
        self.root = _root()
        self.streams: tuple[Any, ...] = (output.out, output.err, sys.stdin)
        self.hooks = _hooks()
        self.limits = _limits()
        self.torch = _of_torch(sys.modules["torch"]) if "torch" in sys.modules else ()
        sys.meta_path.insert(0, modules.OwnFinder(self._around_import))
        self._atexit = atexit.register
        atexit.register = self._at_exit  # type: ignore[assignment]  # of the same form
        os.register_at_fork(after_in_child=self._forget)

    def switch(self, world: World | None) -> None:
        """From now on, and until the next switch, this is that site's process."""
        if self.here is world:
            return
        if self.here is not None:
            self.here.leave(self)
            self.here = None
        if world is not None:
            world.enter(self)
            self.here = world

    @contextlib.contextmanager
    def _around_import(self, name: str) -> Iterator[None]:
        """What a shared module draws as it is imported is not drawn from its first user's numbers.

        A framework that is imported begins with the site's seed.
        """
        if self._importing or self.here is None:
            yield
            return
        self._importing = True
        drawn, torch = self.here.generators, bool(self.torch)
        drawn.save(but=name)
        try:
            yield
        finally:
            self._importing = False
            if not torch and "torch" in sys.modules:
                self.torch = _of_torch(sys.modules["torch"])
            drawn.restore()

    def _at_exit(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What a script wants done at its end is done at its end, not at the process's."""
        caller = sys._getframe(1).f_globals  # noqa: SLF001 (there is no other way)
        own = modules.is_own(str(caller.get("__file__", "<")))
        if self.here is not None and (own or caller.get("__name__") == "__main__"):
            self.here.farewells.append(lambda: function(*args, **kwargs))
            return function
        return self._atexit(function, *args, **kwargs)

    def _forget(self) -> None:
        """A process that a script forked has our names for things, and its own end."""
        atexit.register = self._atexit


class World:
    """One site's own of each thing that a process has one of.

    Not swapped, so that sites of one worker share them: what a script changes inside installed
    packages, signal handlers, resource limits, the locale, and threads that it leaves running.
    """

    def __init__(
        self,
        process: Process,
        *,
        folder: str,
        log: str,
        path: list[str],
        seed: int,
    ) -> None:
        """`log`: the file for what is printed; the spool, if it is empty."""
        self.generators = generators.Generators(seed)
        self.session: client.Session | None = None
        self.farewells: list[Callable[[], Any]] = []
        """What is to be done at the script's end, the last first."""
        self._folder = self._home = folder
        self._log = log
        self._argv = [""]
        self._path = path
        self._variables = process.variables
        self._modules: dict[str, ModuleType] = {}
        self._filters = list(process.filters)
        self._streams, self._hooks, self._limits = process.streams, process.hooks, process.limits
        self._loggers: dict[str, Any] = {}
        level, handlers, filters, *rest = process.root
        self._root: tuple[Any, ...] = (level, list(handlers), list(filters), *rest)
        self._torch: tuple[Any, ...] = ()

    def enter(self, process: Process) -> None:
        """Puts all of it in place."""
        if self._log:
            process.output.to(self._log)
        else:
            process.output.to_spool()
        sys.argv, sys.path = self._argv, self._path
        self._enter_folder()
        _set_variables(self._variables)
        sys.modules.update(self._modules)
        if warnings.filters is not self._filters:
            warnings.filters = self._filters
            warnings._filters_mutated()  # type: ignore[attr-defined]  # noqa: SLF001
        sys.stdout, sys.stderr, sys.stdin = self._streams
        sys.excepthook, sys.displayhook, warnings.showwarning = self._hooks
        _set_limits(self._limits)
        self._enter_logging()
        self.generators.restore()
        if torch := sys.modules.get("torch"):
            _set_torch(torch, self._torch or process.torch)
        client.swap(self.session)

    def leave(self, process: Process) -> None:
        """Takes all of it back, as the site left it."""
        self.session = client.swap(None)
        if torch := sys.modules.get("torch"):
            self._torch = _of_torch(torch)
        self.generators.save()
        self._leave_logging(process)
        self._limits = _limits()
        self._hooks = _hooks()
        self._streams = (sys.stdout, sys.stderr, sys.stdin)
        for stream in self._streams[:2]:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        self._filters = warnings.filters  # type: ignore[assignment]  # a list, always
        process.known.take(self._modules)
        sys.modules["__main__"] = process.main
        variables = _variables()
        if variables != self._variables:
            self._variables = dict(variables)
        self._argv, self._path = sys.argv, sys.path
        try:
            self._folder = os.getcwd()  # noqa: PTH109
        except OSError:  # it removed its own folder
            self._folder = self._home

    def begin(
        self, process: Process, argv: list[str], main: ModuleType, session: client.Session
    ) -> None:
        """It is the world of a script from now on."""
        self._argv, self._modules["__main__"], self.session = argv, main, session
        if process.here is self:
            sys.argv, sys.modules["__main__"] = argv, main
            client.swap(session)

    def say_farewell(self) -> None:
        """Does what the script wanted done at its end."""
        while self.farewells:
            self.farewells.pop()()

    def _enter_folder(self) -> None:
        try:
            os.chdir(self._folder)
        except OSError:
            Path(self._home).mkdir(parents=True, exist_ok=True)
            os.chdir(self._home)

    def _enter_logging(self) -> None:
        root, manager = logging.root, logging.Logger.manager
        if (root.level, manager.disable) != (self._root[0], self._root[4]):
            manager._clear_cache()  # type: ignore[attr-defined]  # noqa: SLF001
        root.level, root.handlers, root.filters, root.disabled, manager.disable = self._root
        manager.loggerDict.update(self._loggers)

    def _leave_logging(self, process: Process) -> None:
        self._root = _root()
        loggers = logging.Logger.manager.loggerDict
        if len(loggers) != len(process.loggers) + len(self._loggers):
            for name in loggers:
                if name in process.loggers or name in self._loggers:
                    continue
                if name.partition(".")[0] in process.known.shared:
                    process.loggers.add(name)
                else:
                    self._loggers[name] = loggers[name]
        for name in self._loggers:
            loggers.pop(name, None)


def _variables() -> dict[bytes, bytes]:
    """The environment as it is kept: to compare it whole costs a microsecond."""
    return os.environ._data  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001


def _set_variables(wanted: dict[bytes, bytes]) -> None:
    there = _variables()
    if there == wanted:
        return
    for name in there.keys() - wanted.keys():
        os.unsetenv(name)
        del there[name]
    for name, value in wanted.items():
        if there.get(name) != value:
            os.putenv(name, value)
            there[name] = value


def _hooks() -> tuple[Any, ...]:
    return sys.excepthook, sys.displayhook, warnings.showwarning


def _limits() -> tuple[int, int, bool]:
    umask = os.umask(0o22)
    os.umask(umask)
    return umask, sys.getrecursionlimit(), gc.isenabled()


def _set_limits(limits: tuple[int, int, bool]) -> None:
    umask, depth, collecting = limits
    os.umask(umask)
    if sys.getrecursionlimit() != depth:
        sys.setrecursionlimit(depth)
    if gc.isenabled() != collecting:
        (gc.enable if collecting else gc.disable)()


def _root() -> tuple[Any, ...]:
    root = logging.root
    disabled = logging.Logger.manager.disable
    return root.level, root.handlers, root.filters, root.disabled, disabled


def _of_torch(torch: Any) -> tuple[Any, ...]:
    return (
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _set_torch(torch: Any, wanted: tuple[Any, ...]) -> None:
    there = _of_torch(torch)
    if there == wanted:
        return
    dtype, threads, deterministic, warn_only = wanted
    torch.set_default_dtype(dtype)
    if there[1] != threads:
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
