"""The `config.ini` that sites and servers share."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What it says; what is not said has the values that it has always had."""

    client_broker: str = "amqp://localhost:8000"
    server_broker: str = "amqp://localhost:9000"
    server_host: str = "localhost"
    gateway_port: int = 9001
    events: bool = False
    """Whether what happens is told to the queue `events`."""
    interval: float = 10.0
    """Seconds from one request for tasks to the next."""

    @classmethod
    def read(cls, file: Path) -> Self:
        """What a file says.

        Raises:
            errors.SiteConfigInvalid: it is no such file, or a value cannot be.
        """
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(file.read_text())
            host = parser.get("server.broker", "host", fallback="localhost")
            said = cls(
                client_broker=_broker(parser, "client.broker", 8000),
                server_broker=_broker(parser, "server.broker", 9000),
                server_host=host,
                gateway_port=_value(parser.getint, "server.gateway", "port", 9001),
                events=_value(parser.getboolean, "events", "register_events", False),
                interval=_value(parser.getfloat, "client.params", "request_interval", 10.0),
            )
        except (configparser.Error, ValueError, OSError) as error:
            why = str(error).replace("\n", " ")
            raise errors.SiteConfigInvalid(str(file), why) from None
        if not 0 < said.gateway_port < 1 << 16 or said.interval <= 0:
            why = "the port is 1 to 65535, request_interval over 0"
            raise errors.SiteConfigInvalid(str(file), why)
        return said

    @property
    def gateway(self) -> str:
        """Where functions are called over HTTP."""
        return f"http://{self.server_host}:{self.gateway_port}"


def _broker(parser: configparser.ConfigParser, section: str, port: int) -> str:
    """The address that a section gives; user and password are optional."""
    host = parser.get(section, "host", fallback="localhost")
    number = _value(parser.getint, section, "port", port)
    user = parser.get(section, "user", fallback="")
    password = parser.get(section, "password", fallback="")
    login = f"{user}:{password}@" if user else ""
    return f"amqp://{login}{host}:{number}"


def _value(get: Callable[..., _T], section: str, key: str, unsaid: _T) -> _T:
    """A value; one that cannot be is told by where it stands."""
    try:
        return get(section, key, fallback=unsaid)
    except ValueError as error:
        raise ValueError(f"[{section}] {key}: {error}") from None
