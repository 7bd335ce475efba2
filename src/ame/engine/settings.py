"""The settings of this machine's engine, read from `settings.toml` in the state folder."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Self

from ame import errors
from ame.project import quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set, with its default. Quantities are written as in `ame.yml`."""

    cpu: Decimal = Decimal(1)
    """CPUs of a task that asks for none."""
    memory: int = 2 * 1024**3
    """Bytes of memory of a task that asks for none; at most what the machine has."""
    storage: int = 10 * 1024**3
    """Bytes of disk of a task that asks for none; at most what is free."""
    gpus: tuple[str, ...] | None = None
    """Identifiers of the GPUs that may be handed out; by default those that ame itself was given
    by `CUDA_VISIBLE_DEVICES`, else those that `nvidia-smi` lists."""
    limits: Literal["auto", "cgroup", "watch"] = "auto"
    """How resources are held: by control groups, by watching, or the best that works."""
    grace: float = 5.0
    """Seconds between asking a step to end and ending it."""
    keep: float = 30 * 86400.0
    """Seconds after which `ame clean` removes an ended run."""
    python_downloads: bool = True
    """Whether a Python version that is not on this machine may be fetched."""
    container_engine: str = ""
    """`docker` or `podman`; by default whichever answers."""
    container_pull: Literal["missing", "always", "never"] = "missing"
    """When an image is fetched."""
    container_network: str = ""
    """The network that containers join; by default the engine's own default."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that every step gets. Provided ones may be set here, such as
    `MLFLOW_TRACKING_URI`."""

    @classmethod
    def read(cls, home: Path) -> Self:
        """The settings of the state folder `home`; the defaults where it has no file.

        Raises:
            errors.SettingsInvalid: the file is not TOML, or a key or a value is wrong.
        """
        file = home / "settings.toml"
        try:
            text = file.read_bytes()
        except FileNotFoundError:
            return cls()
        try:
            written = tomllib.loads(text.decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise errors.SettingsInvalid(file, "", str(error)) from error
        written.pop("vaults", None)
        known = [each.name for each in fields(cls)]
        values: dict[str, object] = {}
        for key, value in written.items():
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
                raise errors.SettingsInvalid(file, key, f"unknown key; {hint}")
            values[key] = _convert(file, key, value)
        return cls(**values)  # type: ignore[arg-type]  # `_convert` gives each key its type


def _convert(file: Path, key: str, value: object) -> object:
    try:
        return _known(file, key, value)
    except ValueError as error:
        raise errors.SettingsInvalid(file, key, str(error)) from error


def _known(file: Path, key: str, value: object) -> object:
    match key, value:
        case "cpu", int() | float() | str():
            return quantity.read_cpus(str(value))
        case "memory" | "storage", int() | str():
            return quantity.read_bytes(str(value))
        case "gpus", list():
            return tuple(str(each) for each in value)
        case "keep" | "grace", int() | float() | str():
            return quantity.read_age(str(value))
        case "limits", "auto" | "cgroup" | "watch":
            return value
        case "python_downloads", bool():
            return value
        case "container_engine", "docker" | "podman":
            return value
        case "container_pull", "missing" | "always" | "never":
            return value
        case "container_network", str():
            return value
        case "environment", dict():
            return {str(name): str(each) for name, each in value.items()}
        case _:
            raise errors.SettingsInvalid(file, key, f"`{value}` is not a value that it can have")
