import logging

import pytest

from ame.federation.spec.context import FLContext, FLContextManager


@pytest.fixture
def manager() -> FLContextManager:
    return FLContextManager(identity_name="site-1", job_id="job")


def test_a_sticky_property_is_seen_by_all_contexts_of_the_run(manager: FLContextManager) -> None:
    early, late = manager.new_context(), manager.new_context()

    late.set_prop("round", 3, private=True, sticky=True)

    assert early.get_prop("round") == 3
    assert manager.new_context().get_prop("round") == 3


def test_a_property_that_is_not_sticky_is_of_its_context_alone(manager: FLContextManager) -> None:
    one = manager.new_context()

    one.set_prop("round", 3, sticky=False)

    assert one.get_prop("round") == 3
    assert manager.new_context().get_prop("round") is None


def test_peers_are_told_what_is_public(manager: FLContextManager) -> None:
    ctx = manager.new_context()

    ctx.set_prop("open", 1, private=False, sticky=False)
    ctx.set_prop("hidden", 2, private=True, sticky=False)

    told = ctx.get_all_public_props()
    assert told["open"] == 1
    assert "hidden" not in told
    assert ctx.public_key_exists("open")
    assert not ctx.public_key_exists("hidden")


def test_who_sees_a_property_is_not_changed_by_setting_it_again(
    manager: FLContextManager, caplog: pytest.LogCaptureFixture
) -> None:
    ctx = manager.new_context()
    ctx.set_prop("round", 1, private=True, sticky=True)

    with caplog.at_level(logging.WARNING):
        assert not ctx.set_prop("round", 2, private=False, sticky=True)

    assert ctx.get_prop("round") == 1
    assert "round" in caplog.text


def test_a_context_knows_its_run_and_its_site(manager: FLContextManager) -> None:
    ctx = manager.new_context()

    assert (ctx.get_job_id(), ctx.get_identity_name()) == ("job", "site-1")
    assert FLContext().get_identity_name("?") == "?"


def test_the_runs_own_properties_are_removed_by_force_alone(manager: FLContextManager) -> None:
    ctx = manager.new_context()
    ctx.set_prop("mine", 1, sticky=False)

    ctx.remove_prop("mine")
    ctx.remove_prop("__identity_name__")
    assert ctx.get_prop("mine") is None
    assert ctx.get_identity_name() == "site-1"

    ctx.remove_prop("__identity_name__", force_removal=True)
    assert ctx.get_identity_name() == ""


def test_a_clone_changes_by_itself(manager: FLContextManager) -> None:
    ctx = manager.new_context()
    twin = ctx.clone()

    twin.set_prop("own", 1, sticky=False)

    assert ctx.get_prop("own") is None


def test_a_property_is_named_by_a_text(manager: FLContextManager) -> None:
    with pytest.raises(ValueError, match="must be a str, not int"):
        manager.new_context().set_prop(3, 1)  # type: ignore[arg-type]  # that is the test


def test_a_context_of_no_run_has_no_workspace() -> None:
    with pytest.raises(RuntimeError, match="of no run"):
        FLContext().get_workspace()
