"""Packages whose names are imported when they are asked for."""

from importlib import import_module

import pytest

LAZY = [
    "ame.errors",
    "ame.federation",
    "ame.federation.flower",
    "ame.federation.job",
    "ame.federation.simulator",
    "ame.runs",
]


@pytest.mark.parametrize("package", LAZY)
def test_every_name_is_there_and_is_listed(package: str) -> None:
    module = import_module(package)

    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError):
        module.NotAName  # noqa: B018 (it is asked for)


def test_every_error_is_listed() -> None:
    errors = import_module("ame.errors")

    assert {"Invalid", "RunNotFound", "JobInvalid"} <= set(dir(errors))
