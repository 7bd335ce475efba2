"""What holds for calls over every form of queues."""

import asyncio
from threading import Event
from typing import Any

import pytest

from ame import broker, errors
from broker.places import Place, opened, until

ADDING = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}


def test_a_call_returns_what_the_function_does(place: Place) -> None:
    async def doing() -> None:
        add = place.name_of_queue()
        service = broker.Service(place.queues())
        service.function(add, ADDING, lambda got: got["a"] + got.get("b", 1))
        async with opened(service), place.caller() as caller:
            assert await caller.call(add, {"a": 3}) == 4
            assert await caller.ask(add, {"a": 3}) == {"status_code": 200, "return": 4}

    asyncio.run(doing())


def test_a_function_may_be_a_coroutine_function_and_many_are_done_at_once(place: Place) -> None:
    async def doing() -> None:
        together, begun = asyncio.Event(), []

        async def wait(got: int) -> int:
            begun.append(got)
            if len(begun) == 5:
                together.set()
            await together.wait()
            return got

        wait.__name__ = place.name_of_queue()
        async with place.serving(wait, workers=5), place.caller() as caller:
            calls = (caller.call(wait.__name__, number) for number in range(5))
            assert await asyncio.gather(*calls) == [0, 1, 2, 3, 4]

    asyncio.run(doing())


def test_a_message_of_many_frames_arrives_whole(place: Place) -> None:
    async def doing() -> None:
        service = broker.Service(place.queues())
        service.function(turn, {"type": "string"}, lambda got: got[::-1])
        async with opened(service), place.caller() as caller:
            assert await caller.call(turn, "é" * 500_000 + "a") == "a" + "é" * 500_000

    turn = place.name_of_queue()
    asyncio.run(doing())


def test_arguments_that_do_not_fit_the_schema_are_refused_in_the_words_of_jsonschema(
    place: Place,
) -> None:
    import jsonschema

    async def doing() -> dict[str, Any]:
        service = broker.Service(place.queues())
        service.function(add, ADDING, lambda got: got["a"])
        async with opened(service), place.caller() as caller:
            with pytest.raises(errors.FunctionRefused) as refused:
                await caller.call(add, {"a": "three"})
            assert refused.value.status == 400
            return await caller.ask(add, {"a": "three"})

    add = place.name_of_queue()
    with pytest.raises(jsonschema.ValidationError) as expected:
        jsonschema.validate({"a": "three"}, ADDING)
    text = f"{add} cannot be executed due to invalid arguments: {expected.value}"
    assert asyncio.run(doing()) == {"status_code": 400, "exception": text}


def test_an_error_of_a_function_is_its_words_and_the_service_goes_on(place: Place) -> None:
    def fail(got: str) -> None:
        raise {"exit": SystemExit, "stop": StopIteration}.get(got, ValueError)(got)

    async def doing() -> None:
        fail.__name__ = place.name_of_queue()
        async with place.serving(fail), place.caller() as caller:
            for words in ("no such thing", "exit", "stop"):
                answer = await caller.ask(fail.__name__, words)
                assert answer == {"status_code": 500, "exception": words}
            with pytest.raises(errors.FunctionFailed, match="failed: once more"):
                await caller.call(fail.__name__, "once more")

    asyncio.run(doing())


def test_an_error_that_says_what_to_do_is_a_line_of_the_log_and_others_have_their_traceback(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(got: str) -> None:
        raise errors.FunctionRaised(got) if got == "known" else ValueError(got)

    async def doing() -> None:
        fail.__name__ = place.name_of_queue()
        async with place.serving(fail), place.caller() as caller:
            for words in ("known", "other"):
                await caller.ask(fail.__name__, words)

    with caplog.at_level("INFO", logger="ame.broker.service"):
        asyncio.run(doing())
    known, other = [each for each in caplog.records if each.name == "ame.broker.service"]
    assert known.getMessage() == f"{fail.__name__} failed: known"
    assert not known.exc_info
    assert other.exc_info


def test_words_of_errors_can_be_kept_to_the_log(place: Place) -> None:
    def fail(got: object) -> None:
        raise ValueError("a password")

    async def doing() -> None:
        fail.__name__ = place.name_of_queue()
        async with place.serving(fail, hide_errors=True), place.caller() as caller:
            answer = await caller.ask(fail.__name__, {})
            assert answer == {"status_code": 500, "exception": "Internal error"}

    asyncio.run(doing())


def test_a_function_that_nobody_serves_is_unknown(place: Place) -> None:
    async def doing() -> None:
        async with place.caller(patience=0.1) as caller:
            with pytest.raises(errors.FunctionUnserved, match="rpc_exec_nothing"):
                await caller.call("rpc_exec_nothing", {})

    asyncio.run(doing())


def test_a_call_waits_a_little_for_a_service_that_comes(place: Place) -> None:
    def late(got: int) -> int:
        return got

    async def doing() -> None:
        late.__name__ = place.name_of_queue()
        async with place.caller(patience=30) as caller:
            called = asyncio.create_task(caller.call(late.__name__, 5))
            await asyncio.wait((called,), timeout=0.1)
            async with place.serving(late):
                assert await called == 5

    asyncio.run(doing())


def test_a_call_that_takes_too_long_is_given_up(place: Place) -> None:
    async def doing() -> None:
        go = asyncio.Event()

        async def hang(got: object) -> None:
            await go.wait()

        hang.__name__ = place.name_of_queue()
        async with place.serving(hang), place.caller() as caller:
            with pytest.raises(errors.FunctionSilent, match=r"0\.2 s"):
                await caller.call(hang.__name__, {}, timeout=0.2)
            go.set()

    asyncio.run(doing())


def test_no_call_is_lost_and_none_done_twice_when_the_broker_is_restarted(place: Place) -> None:
    done: list[int] = []
    go = Event()

    def count(got: int) -> int:
        go.wait(60)
        done.append(got)
        return got

    async def doing() -> None:
        count.__name__ = place.name_of_queue()
        async with place.serving(count, workers=2, prefetch=4), place.caller() as caller:
            calls = [asyncio.create_task(caller.call(count.__name__, n)) for n in range(20)]
            await asyncio.wait(calls, timeout=0.2)
            await asyncio.to_thread(place.restart)
            go.set()
            assert await asyncio.gather(*calls) == list(range(20))
        assert sorted(done) == list(range(20))

    asyncio.run(doing())


def test_what_a_service_had_in_hand_when_it_ended_is_done_by_the_next(place: Place) -> None:
    async def doing() -> None:
        begun = asyncio.Event()

        async def hang(got: object) -> None:
            begun.set()
            await asyncio.Event().wait()

        async def answer(got: int) -> int:
            return got

        hang.__name__ = answer.__name__ = place.name_of_queue()
        first = broker.Service(place.queues())
        first.function(hang.__name__, None, hang)
        await first.open()
        async with place.caller() as caller:
            called = asyncio.create_task(caller.call(hang.__name__, 7))
            await begun.wait()
            await first.close(grace=0.01)
            async with place.serving(answer):
                assert await called == 7

    asyncio.run(doing())


def test_a_service_that_is_closed_ends_what_it_has_in_hand(place: Place) -> None:
    async def doing() -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def slow(got: int) -> int:
            begun.set()
            await go.wait()
            return got

        service = broker.Service(place.queues())
        slow.__name__ = place.name_of_queue()
        service.function(slow.__name__, None, slow)
        await service.open()
        async with place.caller() as caller:
            called = asyncio.create_task(caller.call(slow.__name__, 7))
            await begun.wait()
            closing = asyncio.create_task(service.close())
            go.set()
            assert await called == 7
            await closing

    asyncio.run(doing())


def test_events_are_published_to_a_queue_that_is_there(place: Place) -> None:
    heard: list[object] = []

    async def doing() -> None:
        def hear(got: object) -> None:
            heard.append(got)

        hear.__name__ = place.name_of_queue()
        async with place.serving(hear), place.caller() as caller:
            assert await caller.publish(hear.__name__, {"event": "e"})
            await until(lambda: bool(heard))
            assert not await caller.publish(place.name_of_queue(), {"event": "e"})

    asyncio.run(doing())
    assert heard == [{"event": "e"}]
