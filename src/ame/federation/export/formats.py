"""Configurations in the three forms that NVFLARE reads: JSON, HOCON and YAML, as plain data."""

import json
import re
from pathlib import Path
from typing import Any

from ame import errors

SUFFIXES = (".json", ".conf", ".yml", ".yaml")
INCLUDE = re.compile(r"(?m)(?:^|[{,])\s*include\b")
SUBSTITUTION = re.compile(r"\$\{\??\s*([^}\s.]+)[^}]*\}")


def find(folder: Path, name: str) -> Path | None:
    """The file of this name in one of the forms; the first, where there are several."""
    return next((f for s in SUFFIXES if (f := folder / f"{name}{s}").is_file()), None)


def load(file: Path, place: str) -> dict[str, Any]:
    """What the file says.

    Raises:
        errors.JobFolderInvalid: it is damaged, or says something else than keys and values.
        errors.JobFolderUnsafe: it would take in what is not in it: a file, an address, a variable
            of the environment.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.JobFolderInvalid(place, f"cannot be read: {error}") from error
    found = {".json": _json, ".conf": _hocon}.get(file.suffix, _yaml)(text, place)
    if not isinstance(found, dict):
        raise errors.JobFolderInvalid(place, "must hold keys with values")
    return found


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise errors.JobFolderInvalid(f"{place}:{error.lineno}", f"no JSON: {error.msg}") from None


def _yaml(text: str, place: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        raise errors.JobFolderInvalid(place, f"no YAML: {error}") from None


def _hocon(text: str, place: str) -> Any:
    try:
        from pyhocon import ConfigFactory  # type: ignore[import-untyped]  # it has no types
        from pyhocon.exceptions import ConfigException  # type: ignore[import-untyped]  # the same
        from pyparsing import ParseBaseException
    except ImportError:
        raise errors.ExtraMissing("federation", f"reading {place}") from None
    bare = re.sub(r"(?m)(#|//).*$", "", re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text))
    if INCLUDE.search(bare):
        raise errors.JobFolderUnsafe(place, "it includes another file; write that into it")
    try:
        unresolved = ConfigFactory.parse_string(text, resolve=False)
        for name in SUBSTITUTION.findall(text):
            if name.strip('"') not in unresolved:
                raise errors.JobFolderUnsafe(place, f"`${{{name}}}` is not said in it")
        return ConfigFactory.parse_string(text).as_plain_ordered_dict()
    except (ConfigException, ParseBaseException) as error:
        raise errors.JobFolderInvalid(place, f"no HOCON: {error}") from None
