"""What a stranger sends is refused, and the service goes on; over every form of queues."""

import asyncio
from typing import Any

import pytest

from ame import broker, errors
from ame.broker.rates import Rates
from broker.places import Place, opened, until


class Stranger:
    """Sends what it likes, and keeps what comes back."""

    def __init__(self, place: Place) -> None:
        self.answers: list[str] = []
        self.lost: list[str] = []
        self._sender = place.queues().sender(
            replied=lambda message: self.answers.append(message.body.decode()),
            returned=self.lost.append,
            changed=lambda: None,
        )

    async def say(self, queue: str, body: bytes, **named: Any) -> str:
        await self._sender.open()
        async with asyncio.timeout(30):
            while self._sender.why is not None:
                await asyncio.sleep(0.01)
        before = len(self.answers)
        self.send(queue, body, **named)
        await until(lambda: len(self.answers) > before)
        return self.answers[-1]

    def send(self, queue: str, body: bytes, **named: Any) -> None:
        named = {"type": queue, "correlation_id": "1"} | named
        self._sender.send(queue, broker.Message(body=body, **named))

    async def close(self) -> None:
        await self._sender.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b'{"a": NaN}', "NaN is no number"),
        (b"[" * 100_000, "no JSON"),
        (b'"' + b"x" * 100_000 + b'"', "100,002 bytes, at most 100,000"),
    ],
    ids=["nothing", "broken", "no text", "no number", "deep", "long"],
)
def test_what_is_no_call_is_refused(place: Place, body: bytes, words: str) -> None:
    async def doing() -> None:
        service = broker.Service(place.queues(), most_bytes=100_000)
        service.function(get, None, lambda got: got)
        stranger = Stranger(place)
        async with opened(service):
            answer = await stranger.say(get, body)
            assert words in answer
            assert f"{get} cannot be executed due to invalid arguments" in answer
            assert "400" in answer
            assert "7" in await stranger.say(get, b"7", correlation_id="2")
        await stranger.close()

    get = place.name_of_queue()
    asyncio.run(doing())


def test_a_function_that_a_service_does_not_have_is_an_error_of_that_call(place: Place) -> None:
    async def doing() -> None:
        service = broker.Service(place.queues())
        service.function(get, None, lambda got: got)
        stranger = Stranger(place)
        async with opened(service):
            assert "__init__ is an invalid RPC function" in await stranger.say(
                get, b"1", type="__init__"
            )
            assert "7" in await stranger.say(get, b"7", correlation_id="2", type="")
        await stranger.close()

    get = place.name_of_queue()
    asyncio.run(doing())


def test_results_that_cannot_be_sent_are_errors(place: Place) -> None:
    results = {"long": "x" * 100_001, "set": {1}, "number": float("nan")}

    async def doing() -> None:
        service = broker.Service(place.queues(), most_bytes=100_000)
        service.function(get, None, results.get)
        async with opened(service), place.caller() as caller:
            with pytest.raises(errors.FunctionFailed, match="at most 100,000 are sent"):
                await caller.call(get, "long")
            for result in ("set", "number"):
                with pytest.raises(errors.FunctionFailed, match="JSON"):
                    await caller.call(get, result)
            assert await caller.call(get, "none") is None

    get = place.name_of_queue()
    asyncio.run(doing())


def test_arguments_that_cannot_be_sent_are_refused_before_they_are(place: Place) -> None:
    async def doing() -> None:
        async with place.caller(most_bytes=100) as caller:
            for arguments in ({1}, float("nan"), "x" * 100):
                with pytest.raises(errors.MessageUnfit):
                    await caller.call("rpc_exec_get", arguments)

    asyncio.run(doing())


def test_a_flood_of_what_is_no_call_is_answered_and_does_not_fill_the_log(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    number = 300

    async def doing() -> None:
        service = broker.Service(place.queues())
        service.function(get, None, lambda got: got)
        stranger = Stranger(place)
        async with opened(service):
            await stranger.say(get, b"{")
            for one in range(number):
                stranger.send(get, b"{", correlation_id=str(one))
            await until(lambda: len(stranger.answers) > number)
        await stranger.close()

    get = place.name_of_queue()
    asyncio.run(doing())
    assert 0 < len(caplog.records) < number / 3


def test_a_flood_of_one_sender_is_refused_and_others_are_served(place: Place) -> None:
    done: list[str] = []

    async def doing() -> None:
        service = broker.Service(place.queues(), rate=5)
        service.function(get, None, done.append)
        async with opened(service), place.caller() as flooding, place.caller() as other:
            answers = await asyncio.gather(*(flooding.ask(get, "flood") for _ in range(500)))
            await other.call(get, "other")
            refused = [answer for answer in answers if answer["status_code"] == 429]
            assert refused[0]["exception"] == f"{get} is called too often"
            assert len(refused) + len(done) == 501
            assert len(refused) > 400
            assert "other" in done

    get = place.name_of_queue()
    asyncio.run(doing())


def test_an_answer_is_not_put_where_calls_wait(place: Place) -> None:
    done: list[object] = []

    async def doing() -> None:
        service = broker.Service(place.queues())
        service.function(get, None, done.append)
        async with opened(service), place.caller() as caller:
            sender = place.queues().sender(replied=print, returned=print, changed=lambda: None)
            looping = broker.Message(body=b'"loop"', type=get, reply_to=get, correlation_id="1")
            assert await sender.publish(get, looping, timeout=30)
            await caller.call(get, "end")
            await sender.close()

    get = place.name_of_queue()
    asyncio.run(doing())
    assert done == ["end"]


def test_one_function_has_one_name_and_a_schema_that_is_one(place: Place) -> None:
    async def waiting(rows: object, got: object) -> None: ...

    service = broker.Service(place.queues(), answers=broker.MemoryAnswers())
    service.function("get", {}, len)
    with pytest.raises(errors.FunctionInvalid, match="one of this name"):
        service.function("get", {}, len)
    with pytest.raises(errors.FunctionInvalid, match="schema"):
        service.function("put", {"type": "text"}, len)
    with pytest.raises(errors.FunctionInvalid, match="does not wait"):
        service.once("put", {}, waiting)
    with pytest.raises(errors.FunctionInvalid, match="keeps answers"):
        broker.Service(place.queues()).once("put", {}, print)


def test_a_bucket_fills_with_time_and_forgets_the_oldest() -> None:
    now = [0.0]
    rates = Rates(2, clock=lambda: now[0])

    assert [rates.allow("a") for _ in range(6)] == [True] * 4 + [False] * 2
    assert rates.allow("b")
    now[0] += 0.5
    assert [rates.allow("a") for _ in range(2)] == [True, False]
    for number in range(20_000):
        rates.allow(str(number))
    assert rates.allow("a")


@pytest.mark.parametrize(
    "address",
    ["http://host", "nothing", "amqp://h:99999", "amqp://h/?ca=x&unknown=1", "amqps://h/?ca=/none"],
)
def test_an_address_that_is_none_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(errors.BrokerInvalid) as invalid:
        broker.opened(address.replace("//h", "//me:secret@h"))
    assert "secret" not in str(invalid.value)
