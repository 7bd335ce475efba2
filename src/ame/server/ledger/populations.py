"""Populations, and what all servers share, as rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.storage.databases import Rows


def put_population(rows: Rows, name: str, settings: Mapping[str, Any], now: float) -> None:
    """Makes a population, or changes those of its settings that are named."""
    if known(rows, name):
        settings = {**_settings(rows, name), **settings}
    rows.execute(
        "INSERT INTO populations (name, settings, created) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE"
        " SET settings = excluded.settings, revision = populations.revision + 1",
        (name, json.dumps(settings), now),
    )


def populations(rows: Rows) -> dict[str, dict[str, Any]]:
    """All populations with their settings, by name."""
    found = rows.execute("SELECT name, settings FROM populations ORDER BY name")
    return {name: json.loads(settings) for name, settings in found}


def settings(rows: Rows, name: str) -> dict[str, Any]:
    """The settings of a population, which is there."""
    [(found,)] = rows.execute("SELECT settings FROM populations WHERE name = ?", (name,))
    said: dict[str, Any] = json.loads(found)
    return said


_settings = settings


def revisions(rows: Rows) -> dict[str, int]:
    """A number for each population that grows whenever its settings, tasks or rounds change."""
    return dict(rows.execute("SELECT name, revision FROM populations"))


def known(rows: Rows, name: str) -> bool:
    """Whether there is such a population."""
    return bool(rows.execute("SELECT 1 FROM populations WHERE name = ?", (name,)))


def server_key(rows: Rows, name: str, fresh: str) -> str:
    """A secret that all servers of the database share; `fresh` where there is none yet."""
    rows.execute(
        "INSERT INTO server_keys (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        (name, fresh),
    )
    [(value,)] = rows.execute("SELECT value FROM server_keys WHERE name = ?", (name,))
    return str(value)


def allowed(rows: Rows, digest: str, now: float) -> bool:
    """Whether a device's own key is let in."""
    found = rows.execute("SELECT until FROM allowed_keys WHERE digest = ?", (digest,))
    return any(until > now for (until,) in found)


def allow(rows: Rows, digest: str, until: float, now: float) -> None:
    """Lets a device's own key in for a while; those whose time is over are forgotten."""
    rows.execute(
        "INSERT INTO allowed_keys (digest, until) VALUES (?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET until = excluded.until",
        (digest, until),
    )
    rows.execute("DELETE FROM allowed_keys WHERE until < ?", (now,))


def server_keys(rows: Rows, prefix: str) -> dict[str, str]:
    """The secrets whose names begin so, by what follows."""
    found = rows.execute(
        "SELECT name, value FROM server_keys WHERE SUBSTR(name, 1, ?) = ?", (len(prefix), prefix)
    )
    return {name.removeprefix(prefix): value for name, value in found}
