"""Where a broker is, of which existing code names host and port only."""

import os
from urllib.parse import urlsplit

from ame.broker.opening import VARIABLE


def address(host: str, port: int | str) -> str:
    """The broker at this host and port; user, password, TLS and all else as `AME_BROKER` says."""
    known = os.environ.get(VARIABLE, "amqp://")
    if known.startswith("memory:"):
        return known
    parts = urlsplit(known)
    user, at, _ = parts.netloc.rpartition("@")
    bracketed = f"[{host}]" if ":" in host else host
    return parts._replace(netloc=f"{user}{at}{bracketed}:{port}").geturl()
