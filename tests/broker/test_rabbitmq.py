"""What only a real RabbitMQ shows: processes that die, dead letters, users, TLS."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from ame import broker, errors
from broker.places import opened
from parts import certificates
from parts.servers import rabbitmq

COUNTING = Path(__file__).parent / "counting.py"


def name() -> str:
    return f"rpc_exec_{uuid4().hex}"


@contextmanager
def counting(*words: object) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, str(COUNTING), *map(str, words)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_call_whose_service_dies_between_its_deed_and_its_answer_is_done_once(
    broker_of_all: rabbitmq.RabbitMQ, tmp_path: Path
) -> None:
    words = (broker_of_all.address, tmp_path / "counts", name(), tmp_path / "died")

    async def calling() -> None:
        async with broker.Caller(broker.opened(broker_of_all.address), patience=60) as caller:
            with counting(*words) as first:
                called = asyncio.create_task(caller.call(words[2], "a"))
                assert await asyncio.to_thread(first.wait) == -9
            with counting(*words):
                assert await called == 1
                assert await caller.call(words[2], "b") == 2

    asyncio.run(calling())


def test_calls_of_many_clients_survive_brokers_and_services_that_are_killed(
    broker_of_all: rabbitmq.RabbitMQ, tmp_path: Path
) -> None:
    words = (broker_of_all.address, tmp_path / "counts", name(), tmp_path / "died")

    async def calling() -> list[int]:
        callers = [
            broker.Caller(broker.opened(broker_of_all.address), patience=60) for _ in range(3)
        ]
        calls = [
            asyncio.create_task(callers[n % 3].call(words[2], f"n{n}", timeout=120))
            for n in range(60)
        ]
        with counting(*words) as first:
            await asyncio.to_thread(first.wait)
        with counting(*words):
            await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.to_thread(broker_of_all.restart)
        with counting(*words):
            results = await asyncio.gather(*calls)
        for caller in callers:
            await caller.close()
        return results

    assert sorted(asyncio.run(calling())) == list(range(1, 61))


def test_what_cannot_be_understood_is_kept_by_policy_and_can_be_looked_at(
    broker_of_all: rabbitmq.RabbitMQ,
) -> None:
    dead, function = f"dead.{uuid4().hex}", name()
    to = json.dumps({"dead-letter-exchange": "", "dead-letter-routing-key": dead})
    broker_of_all.control("set_policy", "dead", f"^{function}$", to, "--apply-to", "queues")

    async def doing() -> None:
        queues = broker.opened(broker_of_all.address)
        service = broker.Service(queues)
        service.function(function, None, lambda got: got)
        keeping = queues.consumer((dead,), lambda _: None, prefetch=1)
        await keeping.open()
        await keeping.close()
        sender = queues.sender(replied=print, returned=print, changed=lambda: None)
        async with opened(service):
            assert await sender.publish(function, broker.Message(body=b"{"), timeout=30)
            found: list[broker.Message] = []
            async with asyncio.timeout(30):
                while not found:
                    found = list(await sender.first(dead, 9, remove=False, timeout=30) or ())
            assert [message.body for message in found] == [b"{"]
            assert await sender.first(dead, 9, remove=True, timeout=30) == found
            assert await sender.first(dead, 9, remove=False, timeout=30) == []
            assert await sender.depth(dead, timeout=30) == broker.Depth(waiting=0, consumers=0)
            assert await sender.first(name(), 9, remove=False, timeout=30) is None
            assert await sender.depth(name(), timeout=30) is None
        await sender.close()

    asyncio.run(doing())


def test_a_user_who_is_refused_is_told_at_once(broker_of_all: rabbitmq.RabbitMQ) -> None:
    async def doing(address: str) -> None:
        queues = broker.opened(address)
        service = broker.Service(queues)
        service.function(name(), None, lambda got: got)
        with pytest.raises(errors.BrokerDenied) as denied:
            await service.open()
        assert "wrong" not in str(denied.value)
        async with broker.Caller(queues) as caller:
            with pytest.raises(errors.BrokerDenied):
                await caller.call("rpc_exec_get", {})
            with pytest.raises(errors.BrokerDenied):
                await caller.publish("events", {})

    asyncio.run(doing(f"amqp://guest:wrong@127.0.0.1:{broker_of_all.port}"))
    asyncio.run(doing(f"amqp://guest:guest@127.0.0.1:{broker_of_all.port}/no-such-host"))


def test_a_broker_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def doing() -> None:
        async with broker.Caller(broker.opened("amqp://127.0.0.1:1")) as caller:
            with pytest.raises(errors.BrokerSilent, match=r"127\.0\.0\.1:1"):
                await caller.call("rpc_exec_get", {}, timeout=0.2)
            with pytest.raises(errors.BrokerSilent, match=r"127\.0\.0\.1:1"):
                await caller.publish("events", {}, timeout=0.2)

    asyncio.run(doing())


def write_certificates(folder: Path) -> None:
    """An authority in ca.pem, and what it has issued for a server and a client."""
    authority = certificates.authority()
    authority.write(folder / "ca.pem")
    for who in ("server", "client"):
        authority.issue(who).write(folder / f"{who}.pem", folder / f"{who}.key")


async def added(address: str) -> object:
    """What comes of a call of a service through that address."""
    service = broker.Service(broker.opened(address))
    service.function("rpc_exec_add", None, lambda got: got + 1)
    async with opened(service), broker.Caller(broker.opened(address)) as caller:
        return await caller.call("rpc_exec_add", 1)


async def refused(address: str, why: str) -> None:
    async with broker.Caller(broker.opened(address)) as caller:
        with pytest.raises(errors.BrokerSilent, match=why):
            await caller.call("rpc_exec_add", 1, timeout=3)


def over_tls(folder: Path, port: int) -> str:
    return f"""
        listeners.ssl.default = 127.0.0.1:{port}
        ssl_options.cacertfile = {folder}/ca.pem
        ssl_options.certfile = {folder}/server.pem
        ssl_options.keyfile = {folder}/server.key
    """


@pytest.mark.slow
def test_calls_go_over_tls_with_a_user_of_their_own(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    (tmp_path / "password").write_text("s/ecret\n")
    (port,) = rabbitmq.free(1)
    with rabbitmq.running(tmp_path / "broker", over_tls(tmp_path, port)) as running:
        running.control("add_user", "ame", "s/ecret")
        running.control("set_permissions", "ame", ".*", ".*", ".*")
        where = f"@127.0.0.1:{port}/?ca={tmp_path}/ca.pem"
        assert asyncio.run(added(f"amqps://ame:s%2Fecret{where}")) == 2
        filed = f"&password_file={tmp_path}/password"
        assert asyncio.run(added(f"amqps://ame{where}{filed}")) == 2

        asyncio.run(refused(f"amqps://ame:s%2Fecret@127.0.0.1:{port}/", "certificate"))


@pytest.mark.slow
def test_a_broker_may_ask_for_a_certificate(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    (tmp_path / "others").mkdir()
    write_certificates(tmp_path / "others")
    (port,) = rabbitmq.free(1)
    asks = """
        ssl_options.verify = verify_peer
        ssl_options.fail_if_no_peer_cert = true
    """

    def shown(folder: Path) -> str:
        return f"&certificate={folder}/client.pem&key={folder}/client.key"

    with rabbitmq.running(tmp_path / "broker", over_tls(tmp_path, port) + asks):
        where = f"amqps://guest:guest@127.0.0.1:{port}/?ca={tmp_path}/ca.pem"
        assert asyncio.run(added(where + shown(tmp_path))) == 2
        asyncio.run(refused(where, str(port)))
        asyncio.run(refused(where + shown(tmp_path / "others"), str(port)))
    with pytest.raises(errors.BrokerInvalid, match="No such file"):
        broker.opened(where + shown(tmp_path / "absent"))


def test_a_broker_that_is_away_is_told_of_once_however_often_it_is_tried(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def calling(port: int) -> None:
        async with broker.Caller(broker.opened(f"amqp://someone:hush@127.0.0.1:{port}")) as caller:
            with pytest.raises(errors.BrokerSilent):
                await caller.call(name(), None, timeout=1)

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        asyncio.run(calling(silent.getsockname()[1]))
    (told,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert "is not reached" in told
    assert "waiting for it" in told
    assert "hush" not in told
