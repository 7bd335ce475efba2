"""The address of a RabbitMQ broker: host, user, TLS."""

import ssl
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from pika import ConnectionParameters, PlainCredentials, SSLOptions

from ame import errors

HEARTBEAT = 20
"""Seconds after which a broker that says nothing is taken for dead, at the latest twice that."""
_KNOWN = ("ca", "certificate", "key", "heartbeat", "password_file")
_PORTS = {"amqp": 5672, "amqps": 5671}


def shown(address: str) -> str:
    """The address without its password."""
    parts = urlsplit(address)
    user = f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{parts.netloc.rpartition('@')[2]}{parts.path}"


def parameters(address: str) -> ConnectionParameters:
    """What pika needs of `amqp[s]://USER:PASSWORD@HOST:PORT/VHOST?…`.

    After `?` may stand `password_file`, `ca`, `certificate` and `key` (paths of files),
    and `heartbeat` (seconds).

    Raises:
        errors.BrokerInvalid: it cannot be read, or names a file that cannot.
    """
    try:
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        for unknown in set(options) - set(_KNOWN):
            raise errors.BrokerInvalid(
                shown(address), f"`{unknown}` is none of {', '.join(_KNOWN)}"
            )
        return ConnectionParameters(
            host=parts.hostname or "localhost",
            port=parts.port or _PORTS[parts.scheme],
            virtual_host=unquote(parts.path[1:]) or "/",
            credentials=PlainCredentials(
                unquote(parts.username or "guest"), _password(parts.password, options)
            ),
            ssl_options=_tls(parts.hostname, options) if parts.scheme == "amqps" else None,
            heartbeat=int(options.get("heartbeat", HEARTBEAT)),
            blocked_connection_timeout=60,
            socket_timeout=10,
            stack_timeout=20,
        )
    except (ValueError, OSError) as error:
        raise errors.BrokerInvalid(shown(address), str(error)) from None


def _password(given: str | None, options: dict[str, str]) -> str:
    if "password_file" in options:
        return Path(options["password_file"]).read_text().strip()
    return unquote(given or "guest")


def _tls(host: str | None, options: dict[str, str]) -> SSLOptions:
    context = ssl.create_default_context(cafile=options.get("ca"))
    if "certificate" in options:
        context.load_cert_chain(options["certificate"], options.get("key"))
    return SSLOptions(context, host)
