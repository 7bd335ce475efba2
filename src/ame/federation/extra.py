"""What federated jobs need beside `ame` itself: the packages of its extra `federation`."""

from collections.abc import Iterator
from contextlib import contextmanager

from ame import errors

PACKAGES = frozenset({"msgpack", "numpy", "safetensors"})


@contextmanager
def asked(purpose: str) -> Iterator[None]:
    """While it is open, an import of one of them that fails says how it is installed.

    Raises:
        errors.ExtraMissing: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if str(missing.name).partition(".")[0] not in PACKAGES:
            raise
        raise errors.ExtraMissing("federation", purpose) from None


def check() -> None:
    """Makes sure that all of them are installed.

    Raises:
        errors.ExtraMissing: one is not.
    """
    from importlib.util import find_spec

    if any(find_spec(each) is None for each in PACKAGES):
        raise errors.ExtraMissing("federation", "running federated jobs")
