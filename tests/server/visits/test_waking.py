"""An event loop that other threads wake."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable

from ame.server.waking import Loop

LONG = 60.0


class Counted(Loop):
    """Counts how often it is written to."""

    written = 0

    def _write_to_self(self) -> None:
        asleep = not self._woken
        super()._write_to_self()
        self.written += asleep


def run(work: Callable[[Counted], object]) -> Counted:
    """Runs it in a loop of this kind."""

    async def go() -> None:
        made = work(loop)
        if asyncio.iscoroutine(made):
            await asyncio.wait_for(made, LONG)

    loop = Counted()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(go())
    return loop


def test_all_that_threads_hand_over_is_done_in_their_order() -> None:
    done: dict[int, list[int]] = {number: [] for number in range(4)}

    async def work(loop: Counted) -> None:
        ended = asyncio.Event()
        left = set(done)

        def end(number: int) -> None:
            left.discard(number)
            if not left:
                ended.set()

        def hand(number: int) -> None:
            for each in range(2000):
                loop.call_soon_threadsafe(done[number].append, each)
            loop.call_soon_threadsafe(end, number)

        for number in done:
            threading.Thread(target=hand, args=(number,)).start()
        await ended.wait()

    run(work)

    assert all(each == list(range(2000)) for each in done.values())


def test_a_loop_that_sleeps_is_woken_each_time() -> None:
    async def work(loop: Counted) -> None:
        for _ in range(50):
            heard = loop.create_future()
            threading.Thread(
                target=loop.call_soon_threadsafe, args=(heard.set_result, None)
            ).start()
            await heard

    run(work)


def test_who_comes_while_it_is_busy_wakes_it_once_together() -> None:
    heard: list[int] = []

    async def work(loop: Counted) -> None:
        before = loop.written
        for number in range(100):  # nothing is looked at before this yields
            loop.call_soon_threadsafe(heard.append, number)
        assert loop.written == before + 1
        while len(heard) < 100:
            await asyncio.sleep(0)

    run(work)

    assert heard == list(range(100))


def test_signals_are_heard_beside_what_threads_hand_over() -> None:
    async def work(loop: Counted) -> None:
        heard = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, heard.set)
        try:
            loop.call_soon_threadsafe(int)
            os.kill(os.getpid(), signal.SIGUSR1)
            await heard.wait()
            loop.call_soon_threadsafe(int)
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)

    run(work)
