"""The script's side: where its site is, and the channel to it."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.client.channel import Channel, Exchange, Received, SystemInfo
from ame.federation.model import ExchangeFormat, TransferType

if TYPE_CHECKING:
    from ame.federation.client.external.wire import Line
    from ame.federation.client.record import Record
    from ame.federation.model import FLModel

VARIABLE = "AME_FEDERATION"
"""Names the folder where a script finds its site; or `alone`."""
SOCKET = "socket"
INFO = "site.json"
ALONE = "alone"


def connect(rank: str) -> Channel:
    """The channel of this process, which the site that started it has prepared.

    Rank 0 connects; the others learn where they run and talk to nobody.

    Raises:
        errors.NoSite: no site has started this process, or it is gone.

    """
    where = os.environ.get(VARIABLE, "")
    if not where:
        raise errors.NoSite
    if where.partition(":")[0] == ALONE:
        from ame.federation.client.external.alone import AloneChannel

        return AloneChannel.of(where.partition(":")[2])
    folder = Path(where)
    try:
        told = json.loads((folder / INFO).read_text("utf-8"))
        info = read_info(told)
        if rank != "0":
            return MuteChannel(info)
        return SocketChannel(info, _dial(folder / SOCKET, told["token"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise errors.NoSite(where) from error


class SocketChannel:
    """A `Channel` through the socket of a site that started this process."""

    def __init__(self, info: SystemInfo, line: Line) -> None:
        self.info = info
        self._line = line
        self._number = 0
        self._over = False

    def receive(self, timeout: float | None) -> Received | None:
        """As `Channel` says."""
        if self._over:
            return None
        try:
            message = self._line.receive(timeout)
        except ConnectionError as error:
            raise errors.JobAborted("the site is gone") from error
        match message:
            case ("task", number, task, model):
                self._number = number
                return Received(task=task, model=model)
            case ("end",):
                self._over = True
            case ("abort", why):
                self._over = True
                raise errors.JobAborted(why)
        return None

    def send(self, model: FLModel) -> None:
        """As `Channel` says."""
        try:
            self._line.send("result", self._number, value=model)
        except ConnectionError as error:
            raise errors.JobAborted("the site is gone") from error

    def record(self, record: Record) -> None:
        """As `Channel` says."""
        fields = [record.key, record.value, record.kind.value, record.step, dict(record.extra)]
        try:
            self._line.send("record", value=fields)
        except ConnectionError as error:
            raise errors.JobAborted("the site is gone") from error

    def stopped(self) -> bool:
        """As `Channel` says."""
        if not self._over:
            try:
                message = self._line.receive(0, peek=True)
            except ConnectionError:
                return True
            return message is not None and message[0] != "task"
        return True

    def close(self) -> None:
        """As `Channel` says."""
        self._over = True
        self._line.close()


class MuteChannel:
    """A `Channel` on which nothing comes and nothing goes: of a process that is not rank 0."""

    def __init__(self, info: SystemInfo) -> None:
        self.info = info

    def receive(self, timeout: float | None) -> Received | None:
        """As `Channel` says: the job is over."""

    def send(self, model: FLModel) -> None:
        """Nobody hears it."""

    def record(self, record: Record) -> None:
        """Nobody hears it."""

    def stopped(self) -> bool:
        """As `Channel` says: it is."""
        return True

    def close(self) -> None:
        """Nothing is open."""


def write_info(info: SystemInfo) -> dict[str, Any]:
    """What of it may be known to every process of a script, as JSON can hold it."""
    told = {name: getattr(info, name) for name in SystemInfo.__dataclass_fields__}
    return {**told, "exchange": asdict(info.exchange), "config": dict(info.config)}


def read_info(told: dict[str, Any]) -> SystemInfo:
    """What `write_info` made. What else is told is ignored."""
    exchange = told["exchange"]
    exchange["format"] = ExchangeFormat(exchange["format"])
    exchange["server_format"] = ExchangeFormat(exchange["server_format"])
    exchange["transfer"] = TransferType(exchange["transfer"])
    fields = {name: told[name] for name in SystemInfo.__dataclass_fields__}
    return SystemInfo(**{**fields, "exchange": Exchange(**exchange)})


def _dial(path: Path, token: str) -> Line:
    from ame.federation.client.external.wire import Line

    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        end.connect(str(path))
        line = Line(end)
        line.send("hello", token)
        if line.receive() == ("welcome",):
            return line
    except OSError:
        end.close()
        raise
    end.close()
    raise ConnectionRefusedError
