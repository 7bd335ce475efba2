"""What federated jobs need beside `ame` itself."""

import sys
from importlib import import_module

import pytest

from ame import errors
from ame.federation import extra


def test_a_missing_package_is_told_with_the_extra_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extra, "PACKAGES", frozenset({"numpy_that_is_not_there"}))

    with pytest.raises(errors.ExtraMissing, match=r"ame-tasks\[federation\]"):
        extra.check()
    with pytest.raises(errors.ExtraMissing, match=r"ame-tasks\[federation\]"), extra.asked("jobs"):
        import_module("numpy_that_is_not_there")


def test_a_package_of_the_users_own_that_is_missing_is_pythons_to_tell() -> None:
    with pytest.raises(ModuleNotFoundError, match="mine_is_not_there"), extra.asked("jobs"):
        import_module("mine_is_not_there")

    assert "mine_is_not_there" not in sys.modules
    extra.check()
