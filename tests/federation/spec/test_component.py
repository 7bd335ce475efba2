import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.federation.calls import call_of
from ame.federation.run.engine import Engine
from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.executor import Executor
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Signal


class Forgets(FLComponent):
    def __init__(self, rate: float, *more: int, name: str = "x", **rest: Any) -> None:
        self._hidden = rate


class Passes(Forgets):
    pass


@dataclass
class Dataclass(FLComponent):
    rate: float = 1.0
    depth: int = 3


@dataclass(frozen=True, slots=True)
class Frozen(FLComponent):
    rate: float = 1.0


class Slotted(FLComponent):
    __slots__ = ("rate",)

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate


class Trains(Executor):
    def __init__(self, epochs: int = 1) -> None:
        super().__init__()
        self.epochs = epochs

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        return shareable


@pytest.mark.parametrize(
    ("made", "args", "kwargs"),
    [
        (Forgets(0.5, 1, 2, name="y", momentum=0.9), (0.5, 1, 2), {"name": "y", "momentum": 0.9}),
        (Passes(0.5), (0.5,), {}),
        (Dataclass(depth=4), (), {"depth": 4}),
        (Frozen(2.0), (2.0,), {}),
        (Slotted(rate=0.1), (), {"rate": 0.1}),
        (Trains(3), (3,), {}),
    ],
)
def test_how_a_component_was_made_is_known_exactly(
    made: FLComponent, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    call = call_of(made)

    assert call is not None
    assert call.args == args
    assert dict(call.kwargs) == kwargs


def test_what_was_set_after_the_constructor_is_known_to_be_changed() -> None:
    made = Trains(epochs=3)
    made.epochs = 5

    call = call_of(made)

    assert call is not None
    assert call.changed(made) == {"epochs": 5}
    assert call_of(object()) is None


def test_a_subclass_that_forgets_its_base_has_a_name_a_log_and_its_functions() -> None:
    made = Forgets(1.0)

    made.register_event_handler("a", lambda *_: None)
    assert made.name == "Forgets"
    assert made.logger.name.endswith("Forgets")
    assert list(made.get_event_handlers()) == ["a"]


def engine(tmp_path: Path, **components: Any) -> Engine:
    return Engine(name="server", job="job", root=tmp_path, process="SJ", components=components)


class Hears(FLComponent):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        self.heard.append(event_type)


def test_an_event_is_heard_by_all_and_by_those_who_asked_for_it(tmp_path: Path) -> None:
    every, one = Hears(), Forgets(1.0)
    asked: list[tuple[str, int]] = []
    one.register_event_handler(
        ["a", "b"], lambda event, _ctx, number: asked.append((event, number)), number=7
    )
    run = engine(tmp_path, every=every, one=one)

    Forgets(1.0).fire_event("a", run.new_context())
    Forgets(1.0).fire_event("c", run.new_context())

    assert every.heard == ["a", "c"]
    assert asked == [("a", 7)]


def test_data_of_an_event_is_there_while_it_is_heard(tmp_path: Path) -> None:
    seen: list[object] = []
    part = Forgets(1.0)
    part.register_event_handler("a", lambda _event, ctx: seen.append(ctx.get_prop("key")))
    ctx = engine(tmp_path, part=part).new_context()

    part.fire_event_with_data("a", ctx, "key", 5)

    assert seen == [5]
    assert ctx.get_prop("key") is None


def test_an_event_that_is_fired_while_another_is_heard_changes_nothing_of_it(
    tmp_path: Path,
) -> None:
    class Fires(Hears):
        def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
            super().handle_event(event_type, fl_ctx)
            if event_type == "outer":
                self.fire_event("inner", fl_ctx)

    seen: list[object] = []
    last = Forgets(1.0)
    last.register_event_handler(
        "outer", lambda _e, ctx: seen.append(ctx.get_prop("__event_origin__"))
    )
    run = engine(tmp_path, fires=Fires(), last=last)

    Passes(1.0).fire_event("outer", run.new_context())

    assert seen == ["Passes"]


def test_what_a_component_raises_names_it_and_its_line(tmp_path: Path) -> None:
    class Breaks(FLComponent):
        def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
            raise KeyError("lost")

    ctx = engine(tmp_path, part=Breaks()).new_context()

    with pytest.raises(errors.ComponentFailed, match="Breaks failed while hearing") as caught:
        FLComponent().fire_event("a", ctx)

    assert "test_component.py" in caught.value.place
    assert "KeyError" in caught.value.trace


def test_a_panic_ends_the_run_and_says_who_and_why(tmp_path: Path) -> None:
    run = engine(tmp_path)

    Forgets(1.0).system_panic("no disk", run.new_context())

    assert run.signal.triggered
    assert isinstance(run.signal.value, errors.JobPanicked)
    assert "Forgets on server ended the job: no disk" in str(run.signal.value)


@pytest.mark.parametrize(("event", "error"), [("", ValueError), (3, TypeError)])
def test_an_event_needs_a_name(tmp_path: Path, event: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        FLComponent().fire_event(event, engine(tmp_path).new_context())


def test_a_warning_is_logged_and_an_event(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hears = Hears()
    ctx = engine(tmp_path, hears=hears).new_context()

    with caplog.at_level(logging.INFO):
        Forgets(1.0).log_warning(ctx, "low on memory")
        Forgets(1.0).log_info(ctx, "all is well")

    assert "[identity=server]: low on memory" in caplog.text
    assert hears.heard == ["_warning_log_available"]


class Talks(FLComponent):
    pass


def test_a_part_of_the_jobs_own_is_heard_unless_logging_was_told_otherwise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ctx = engine(tmp_path).new_context()
    Talks().log_info(ctx, "well")
    Talks().log_debug(ctx, "in detail")
    with caplog.at_level(logging.ERROR, logger=Talks().logger.name):
        Talks().log_info(ctx, "told to be quiet")

    assert caplog.messages == ["[identity=server]: well"]


def test_a_handler_is_a_function() -> None:
    with pytest.raises(ValueError, match="no function"):
        FLComponent().register_event_handler("a", 3)  # type: ignore[arg-type]  # that is the test
