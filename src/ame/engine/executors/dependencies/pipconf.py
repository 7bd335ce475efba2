"""Where pip is told to look for packages, said to uv, which does not read pip's settings."""

import configparser
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
}
"""pip's name of a setting, and uv's variable for it."""


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Uv's variables for the settings of pip, from its files and from its own variables.

    What is set for uv itself stays. As with pip, the best version of all indexes is taken.
    """
    settings: dict[str, str] = {}
    for file in _files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                settings |= parser.items(section)
    for name in _NAMES:
        if value := environ.get(f"PIP_{name.upper().replace('-', '_')}"):
            settings[name] = value
    said = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for name, variable in _NAMES.items():
        if words := settings.get(name, "").split():
            said[variable] = ("," if name == "find-links" else " ").join(words)
    return {name: value for name, value in said.items() if name not in environ}


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Pip's files, the strongest last."""
    home = Path(environ.get("HOME") or Path.home())
    own = environ.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return
    yield Path("/etc/pip.conf")
    yield home / ".pip/pip.conf"
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf"
    if own:
        yield Path(own)
