"""How a server behaves; each setting with its default and its meaning."""

import math
import tomllib
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from ame import errors
from ame.server.visits.pace import LATER, SOON, Window

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings that do not depend on where the server runs."""

    compute_seconds: float = 900.0
    """How long a device may take to compute its share."""
    upload_seconds: float = 900.0
    """How long it then may take to upload it."""
    url_seconds: float = 900.0
    """How long the address of an upload or a download is good."""
    session_seconds: float = 86400.0
    """How long a session lasts."""
    body_bytes: int = 4 * MEBIBYTE
    """The longest message, plain or decompressed."""
    upload_bytes: int = 256 * MEBIBYTE
    """The longest upload, plain or decompressed."""
    uploads: int = 64
    """How many uploads beyond 64 KiB may be under way at once; more are told to come back."""
    cache_seconds: float = 86400.0
    """How long a device may keep a resource."""
    connections: int = 16_384
    """How many devices may be connected at once over HTTP; more of them wait to be taken."""
    check_ins_per_second: float = 100.0
    """How many devices are wanted at a time: they are told to come back accordingly."""
    soon: Window = field(default=SOON)
    """When a device comes back that may find a task then."""
    later: Window = field(default=LATER)
    """When one comes back that will find none until something changes."""
    patience_seconds: float = 0.0
    """How long a device may wait for a task, asking again, before it is sent away."""
    polling_seconds: float = 1.0
    """How often it then asks."""
    full_seconds: float = 0.5
    """How long a round that is full is not tried again."""
    tick_seconds: float = 0.2
    """How often the server looks what is due."""
    attested_seconds: float = 604_800.0
    """How long a device that has shown to be genuine need not show it again."""
    rotate_seconds: float = 3600.0
    """How often the server looks whether devices need a new key to encrypt with."""
    hold_seconds: float = 60.0
    """How long a server has for a step of ending a round, before another one takes over."""
    inbox_bytes: int = 64 * MEBIBYTE
    """Decoded contributions that wait in memory to be folded; others are read again."""
    row_bytes: int = 16 << 10
    """The longest upload that is kept in the database, by one write; a longer one is a file."""
    row_seconds: float = 86400.0
    """How long such an upload stays there once its round is over."""
    recent_bytes: int = 64 * MEBIBYTE
    """Plans, checkpoints and uploads that stay in memory, since they are soon wanted again."""

    @classmethod
    def read(cls, file: Path, **beside: float) -> Self:
        """The settings in a file of TOML, which goes before what is said `beside` it.

        Raises:
            errors.SettingsInvalid: it cannot be read; a key is unknown, or a value cannot be.
        """
        try:
            written = tomllib.loads(file.read_text())
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise errors.SettingsInvalid(file, "", str(error)) from None
        known = {each.name: getattr(cls(), each.name) for each in fields(cls)}
        values: dict[str, Any] = dict(beside)
        for key, value in written.items():
            _check(file, key, known)
            values[key] = _converted(file, key, value, known[key])
        return cls(**values)


def _check(file: Path, key: str, known: dict[str, Any]) -> None:
    leaf = key.rpartition(".")[2]
    if leaf not in known:
        near = get_close_matches(leaf, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
        raise errors.SettingsInvalid(file, key, f"unknown key; {hint}")


def _converted(file: Path, key: str, value: object, usual: object) -> Any:  # noqa: ANN401 - by its key
    """A value that is of the kind of the default."""
    if isinstance(usual, Window):
        if not isinstance(value, dict):
            raise errors.SettingsInvalid(file, key, "a table with `least` and `most` is wanted")
        ends = {"least": usual.least, "most": usual.most}
        for end, seconds in value.items():
            _check(file, f"{key}.{end}", ends)
            ends[end] = _converted(file, f"{key}.{end}", seconds, 0.0)
        if ends["least"] > ends["most"]:
            raise errors.SettingsInvalid(file, key, "`least` is more than `most`")
        return Window(**ends)
    whole = isinstance(usual, int)
    right = isinstance(value, int) if whole else isinstance(value, int | float)
    if not right or isinstance(value, bool):
        kind = "a whole number" if whole else "a number"
        raise errors.SettingsInvalid(file, key, f"{kind} is wanted, not {value!r}")
    if not (isinstance(value, int | float) and 0 <= value < math.inf):
        raise errors.SettingsInvalid(file, key, f"must be 0 or more, not {value!r}")
    return value
