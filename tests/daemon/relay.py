"""A network between a child and its parent that loses, repeats and reorders datagrams."""

import random
import select
import socket
import threading
from types import TracebackType
from typing import Self

from ame.daemon.reports import wire


class Relay:
    """Stands before a parent's port. What happens to each datagram is drawn by chance."""

    def __init__(self, port: int, *, seed: int, lost: float, twice: float, late: float) -> None:
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind((wire.HOST, 0))
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back.connect((wire.HOST, port))
        self._chance = random.Random(seed)
        self._lost, self._twice, self._late = lost, twice, late
        self._held: list[bytes] = []
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._pass_on)

    @property
    def port(self) -> int:
        """Where children report instead."""
        port: int = self._front.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        self._thread.join()
        self._front.close()
        self._back.close()

    def _pass_on(self) -> None:
        child = None
        while not self._closed.is_set():
            ready, _, _ = select.select([self._front, self._back], [], [], 0.01)
            if self._front in ready:
                datagram, child = self._front.recvfrom(wire.LARGEST)
                self._forward(datagram)
            elif self._held:
                self._back.send(self._held.pop())
            if self._back in ready and child:
                answer = self._back.recv(wire.LARGEST)
                if self._chance.random() >= self._lost:
                    self._front.sendto(answer, child)

    def _forward(self, datagram: bytes) -> None:
        if self._chance.random() < self._lost:
            return
        if self._chance.random() < self._late:
            self._held.append(datagram)
            return
        self._back.send(datagram)
        if self._chance.random() < self._twice:
            self._back.send(datagram)
