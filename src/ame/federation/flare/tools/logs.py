"""Loggers by NVFLARE's names, which tell from INFO on, and exceptions as texts."""

import inspect
import logging
import sys
import traceback

from ame.federation.spec.component import informing


def get_module_logger(module: object = None, name: str | None = None) -> logging.Logger:
    """The logger of a module, or of the caller's; `name` goes after the module's."""
    if module is None:
        module = inspect.getmodule(inspect.stack()[1][0])
    path = module if isinstance(module, str) else getattr(module, "__name__", "__main__")
    return informing(logging.getLogger(f"{path}.{name}" if name else path))


def get_obj_logger(obj: object) -> logging.Logger:
    """The logger of an object's class."""
    return informing(logging.getLogger(f"{type(obj).__module__}.{type(obj).__qualname__}"))


def get_script_logger() -> logging.Logger:
    """The logger of the script that asks: of what it prints, too, the site's log is the place."""
    frame = inspect.stack()[1]
    return informing(logging.getLogger(str(frame.frame.f_globals.get("__name__", "__main__"))))


def custom_logger(logger: logging.Logger) -> logging.Logger:
    """The same logger: what it logs is the script's own."""
    return logger


def is_secure() -> bool:
    """Whether exceptions are told without their values: no, all of it stays on this machine."""
    return False


def secure_format_exception(e: BaseException) -> str:
    """What an exception says."""
    return f"{type(e).__name__}: {e}"


def secure_format_traceback() -> str:
    """The traceback of the exception that is being dealt with."""
    return "".join(traceback.format_exception(*sys.exc_info()))


def secure_log_traceback(logger: logging.Logger | None = None) -> None:
    """Logs it."""
    (logger or logging.getLogger(__name__)).error(secure_format_traceback())
